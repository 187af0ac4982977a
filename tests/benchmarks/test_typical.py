"""The typical issue is what the benchmarks say that it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from lxml.html import HtmlElement, fromstring

from outreach.address import new_public_id
from outreach.settings import Public
from outreach.store.campaigns import campaign_named
from outreach.work.compose import freeze
from outreach.work.letter import edition_facts
from outreach.work.press import LetterPress
from outreach.work.proof import proof_edition
from outreach.work.workspace import Workspace

from .peers import loop_writer, people
from .typical import NAME, apply_typical, readers, substitutions


def test_the_typical_issue_has_forty_substitutions_of_which_twenty_are_links() -> None:
    assert substitutions() == (40, 20)


def test_the_typical_mail_has_ten_kilobytes_of_html_and_is_fifteen_to_nineteen_on_the_wire(
    workspace: Workspace,
) -> None:
    press = press_of(workspace, NAME)
    for number, row in enumerate(readers(40)):
        person, public_id = SimpleNamespace(**row), new_public_id()
        pressed = press.press(person, public_id, {}, workspace.clock())
        rendered = press.render(person, public_id, {})
        assert 9_500 <= len(rendered.html.encode()) <= 11_000, number
        assert 15_000 <= len(pressed.message) <= 19_000, number
        for shown in (rendered.html, rendered.text):
            assert shown.count(row["attributes"]["code"]) == 18


@pytest.mark.parametrize("layout", [NAME, "news"])
def test_the_loop_sends_the_same_words_and_styles_as_we_do(workspace: Workspace, layout: str) -> None:
    starter = None if layout == NAME else workspace.root / "templates" / "layouts" / f"{layout}.html.j2"
    press, write = press_of(workspace, layout), loop_writer(starter)
    home = {"company": "Acme", "postal_address": workspace.settings.identity.postal_address}
    for row, person in zip(readers(6), people(6), strict=True):
        ours = fromstring(press.render(SimpleNamespace(**row), new_public_id(), {}).html)
        part = write(person | {"issue_number": 1} | home).get_body(("html",))
        assert part is not None
        theirs = fromstring(part.get_content())
        assert words(ours) == words(theirs)
        assert len(words(ours)) > 200
        assert styles(ours) == styles(theirs)
        assert sum(styles(ours).values()) > 50


def words(page: HtmlElement) -> list[str]:
    """What is read of a page."""
    return page.find("body").text_content().split()


def styles(page: HtmlElement) -> Counter[str]:
    """How many elements of each kind have a style of their own."""
    return Counter(element.tag for element in page.iter() if element.get("style"))


def press_of(workspace: Workspace, layout: str) -> LetterPress:
    """What makes our mails of the typical issue."""
    public = Public(url="https://news.acme.example")
    workspace = replace(workspace, settings=workspace.settings.model_copy(update={"public": public}))
    apply_typical(workspace, layout)
    with workspace.database.read() as session:
        campaign = campaign_named(session, NAME)
        assert campaign is not None
        content = freeze(session, workspace, campaign, now=workspace.clock())
        edition = proof_edition(session, workspace, campaign, content)
        return LetterPress(edition_facts(session, workspace, edition, campaign, {}))
