"""The report stands alone, is friendly when there is nothing to say, and calls only the clear things good or bad."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from lxml import html
from rich.console import Console

from outreach.audience.asking import Asked
from outreach.cli.report import print_report
from outreach.records import Category, DeliveryState, Kind
from outreach.store.edition_figures import Rate
from outreach.store.figures import Figures, read_figures
from outreach.web.report import attention, change, hours, report_page, sign_ups
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock
from .make import make_edition, make_people


def figures(workspace: Workspace) -> Figures:
    with workspace.database.read() as session:
        return read_figures(
            session, name="acme", company="A & <b>", now=workspace.clock(), at_work=workspace.working_hours
        )


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script(workspace: Workspace) -> None:
    people = make_people(workspace, 30)
    _, deliveries = make_edition(workspace, people, subject='<img src="https://evil.example/x.png">')
    receive(workspace, Category.COMPLAINT, customer_id=people[0], delivery_id=deliveries[0], topics=("<i>grinder",))
    page = report_page(figures(workspace))
    tree = html.fromstring(page)
    assert tree.xpath("//script | //link | //img | //iframe | //@src | //@href | //@onclick") == []
    assert not re.search(r"url\(|@import", page)
    assert "&lt;img src=" in page
    assert "&lt;i&gt;grinder" in page


def test_an_edition_is_named_by_its_subject_without_anybodys_values(workspace: Workspace) -> None:
    subject = 'Welcome, {{ first_name or "dear reader" }}{% if plan == "pro" %}, pro{% endif %}{# to all #}'
    make_edition(workspace, make_people(workspace, 3), subject=subject)
    text = html.fromstring(report_page(figures(workspace))).text_content()
    assert text.count("Welcome, …, pro") == 2  # among the editions, and in what they cost
    assert "{{" not in text and "{%" not in text and "first_name" not in text


def test_an_empty_workspace_is_told_what_comes_next(workspace: Workspace) -> None:
    page = report_page(figures(workspace))
    for words in ("No newsletter has gone out yet", "Nobody has written yet", "No complaint and no question so far"):
        assert words in page
    assert "<svg" not in page
    assert "None" not in page


def test_who_waits_to_confirm_and_who_did_stands_on_the_page_before_any_newsletter_went(workspace: Workspace) -> None:
    """It stood in the terminal alone, and there only once something had gone out."""
    found = replace(figures(workspace), waiting=1_200, never_confirmed=1, asked=Asked(1_230, 30))
    text = " ".join(html.fromstring(report_page(found)).text_content().split())
    said = sign_ups(found)
    assert " ".join(said) in text
    assert said[0] == "1,200 people wait to confirm that they want a list, 1 sign-up was never confirmed."
    assert said[1].startswith("1,230 people were asked to confirm a sign-up") and said[1].endswith(" 30 of them did.")
    shown = io.StringIO()
    print_report(found, Console(file=shown, width=200))
    assert all(words in shown.getvalue() for words in said)


def test_every_plot_has_a_title_and_every_id_stands_once(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 40)
    for _ in range(15):
        _, deliveries = make_edition(workspace, people)
        receive(workspace, Category.COMPLAINT, customer_id=people[0], delivery_id=deliveries[0], topics=("grinder",))
        clock.advance(days=2)
    tree = html.fromstring(report_page(figures(workspace)))
    plots = tree.xpath("//*[local-name()='svg']")
    assert len(plots) >= 6
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    for plot in plots:
        assert set(plot.get("aria-labelledby").split()) <= set(ids)
    assert "And 7 older editions" in tree.text_content()


def test_what_needs_a_person_is_said_first(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 3)
    make_edition(workspace, people, states=[DeliveryState.IN_DOUBT], kind=Kind.NEWS, campaign="news")
    receive(workspace, Category.COMPLAINT, customer_id=people[0])
    clock.advance(days=30)
    told = attention(figures(workspace))
    assert [words.split(":")[0] for words in told] == [
        "1 case is overdue",
        "1 mail is in doubt",
        "1 reply waits for a person's review.",
    ]


def test_a_change_is_called_good_or_bad_only_where_chance_would_not_make_it() -> None:
    assert change(Rate(1, 100), None, editions=0).words == ""
    assert change(Rate(2, 100), Rate(1, 100), editions=5).tone == ""
    assert change(Rate(2, 100), Rate(1, 100), editions=5).words == "▲ from 10.0, last 5"
    assert change(Rate(60, 1000), Rate(10, 1000), editions=5).tone == "bad"
    assert change(Rate(1, 1000), Rate(50, 1000), editions=1).words == "▼ from 50.0, last one"
    assert change(Rate(1, 1000), Rate(50, 1000), editions=1).tone == "good"
    assert change(Rate(5, 100), Rate(5, 100), editions=2).words == "as in the last 2"


def test_hours_read_well() -> None:
    assert [hours(value) for value in (None, 0.0, 0.5, 1.25, 40.0)] == ["–", "< 1 min", "30 min", "1.2 h", "40.0 h"]
