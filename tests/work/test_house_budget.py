"""One newsletter per household: the week's budget is the household's, through whomever of it mail went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outreach.groups import GroupKind
from outreach.records import DeliveryState, EditionState, Kind, Wish
from outreach.store.house_mail import HouseMail
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.groups import join_group
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.simulate import simulate
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from .planning_kit import make_campaign, make_edition, make_sent
from .sending import open_plain_press, with_relay
from .test_holdout import with_plan
from .test_together import became, evidence, going, house

TOGETHER = "budget of the household"
WORDS = "the household together: 2 bulk mails in the last seven days, at most 2 are allowed"


@pytest.fixture
def people(workspace: Workspace, make_customer: MakeCustomer) -> list[int]:
    """Two of one house, and one who lives alone."""
    ids = [make_customer(f"p{number}@example.com") for number in range(3)]
    house(workspace, *ids[:2])
    return ids


def sent(workspace: Workspace, name: str, *people: int, days: int = 1, one_per: str = "") -> int:
    """A newsletter that went to these people so many days ago."""
    campaign = make_campaign(workspace, name, Kind.NEWS, state="paused")
    edition = make_edition(workspace, campaign, "once-1", state=EditionState.DONE, one_per=one_per)
    for one in people:
        make_sent(workspace, edition, one, workspace.clock() - timedelta(days=days))
    return edition


def apply(workspace: Workspace, name: str = "news", more: str = "one_per: household\n") -> None:
    path = workspace.root / f"{name}.md"
    head = f"---\nname: {name}\nsubject: News\nkind: news\nlist: customers\n{more}---\nHello {name}\n"
    path.write_text(head, encoding="utf-8")
    apply_campaign(workspace, path)


@BOTH
def test_a_house_waits_when_its_week_is_used_up_through_different_members(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    sent(workspace, "one", people[0], days=3)
    sent(workspace, "two", people[1], days=2)
    apply(workspace)
    entry = read_agenda(workspace, campaign="news").entries[0]
    assert (entry.going, entry.later) == (2, {TOGETHER: 1})
    why = explain_person(workspace, "p0@example.com", "news")
    assert why.answer == f"later: {TOGETHER} ({WORDS})"
    assert why.due == clock.now + timedelta(days=4), "when the first of the two is a week old"
    edition = open_occasion(workspace, "news")
    states = became(workspace, edition)
    assert states[people[0]] == (DeliveryState.QUEUED, TOGETHER) and evidence(workspace, edition, people[0]) == WORDS
    assert states[people[1]][1] == "one per household"
    assert states[people[2]] == (DeliveryState.QUEUED, ""), "who lives alone has their own week"


def test_a_newsletter_that_all_of_the_house_got_counts_once(workspace: Workspace, people: Sequence[int]) -> None:
    sent(workspace, "one", *people)
    apply(workspace)
    entry = read_agenda(workspace, campaign="news").entries[0]
    assert (entry.going, entry.later) == (2, {})
    assert {state for state, _ in became(workspace, open_occasion(workspace, "news")).values()} == {
        DeliveryState.QUEUED,
        DeliveryState.WITHHELD,
    }


def test_what_has_just_gone_counts_before_its_minute_is_over(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    apply(workspace)
    apply(workspace, "more", "")
    clock.advance(seconds=20)
    sent(workspace, "one", people[0], people[2], days=0)
    sent(workspace, "two", people[1], people[2], days=0)
    clock.advance(seconds=1)
    entries = {name: read_agenda(workspace, campaign=name).entries[0] for name in ("news", "more")}
    refused = {name: {one.reason: one.people for one in entry.refused} for name, entry in entries.items()}
    assert refused == {"news": {TOGETHER: 2, "budget": 1}, "more": {"budget": 1}}, "a week is past its deadline"


def test_a_newsletter_to_everybody_asks_for_nobody_elses_week(workspace: Workspace, people: Sequence[int]) -> None:
    sent(workspace, "one", people[0], days=3)
    sent(workspace, "two", people[0], days=2)
    apply(workspace, more="")
    assert read_agenda(workspace, campaign="news").entries[0].later == {"budget": 1}
    assert explain_person(workspace, "p1@example.com", "news").allowed
    assert became(workspace, open_occasion(workspace, "news"))[people[1]] == (DeliveryState.QUEUED, "")


@BOTH
def test_a_wish_for_rare_mail_counts_what_the_house_got_and_another_of_theirs_gets_it(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    sent(workspace, "one", people[1], days=20)
    with workspace.database.write() as session:
        wish = {"customer_id": people[0], "every_days": 30, "changed_at": clock.now, "how": "page"}
        session.add(Wish(paused_until=None, no_topics=[], **wish))
    apply(workspace)
    entry = read_agenda(workspace, campaign="news").entries[0]
    assert (entry.going, {one.reason: one.people for one in entry.refused}) == (2, {"rather less often": 1})
    why = explain_person(workspace, "p0@example.com", "news")
    assert why.answer.startswith("no: rather less often (asked for at most one newsletter in 30 days; the last went on")
    assert going(workspace, open_occasion(workspace, "news")) == {people[1], people[2]}


@BOTH
def test_of_a_company_only_what_is_for_all_of_it_counts_unless_the_settings_say_more(
    workspace: Workspace, people: Sequence[int]
) -> None:
    join_group(workspace, GroupKind.COMPANY, "Acme", [f"#{one}" for one in people], by="ann")
    sent(workspace, "one", people[1], days=3)
    sent(workspace, "two", people[1], days=3, one_per="company")
    apply(workspace, more="one_per: company\n")

    def later(**settings: str) -> dict[str, int]:
        return read_agenda(with_plan(workspace, **settings), campaign="news").entries[0].later

    assert later() == later(company_budget="no") == {}
    assert later(company_budget="all") == {"budget of the company": 1}
    sent(workspace, "three", people[0], one_per="company")
    assert later() == {"budget of the company": 1}
    assert later(company_budget="no") == {}, "the chosen one is below their own budget"
    edition = open_occasion(workspace, "news")
    assert {reason for _, reason in became(workspace, edition).values()} == {"budget of the company", "one per company"}


def test_the_mail_of_a_house_that_was_read_once_is_read_anew_only_for_an_earlier_time(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    sent(workspace, "one", people[0], days=3)
    sent(workspace, "two", people[1], days=20)
    mail = HouseMail(GroupKind.HOUSEHOLD, shared=False)
    with workspace.database.read() as session:

        def found(days: float) -> dict[int, int]:
            of = mail.of(session, people, clock.now - timedelta(days=days))
            return {person: len(times) for person, times in of.items()}

        assert found(7) == {people[1]: 1}
        assert found(2) == {}
        assert found(30) == {people[0]: 1, people[1]: 1}
        assert found(7) == {people[1]: 1}


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@BOTH
def test_what_another_of_the_house_got_meanwhile_counts_at_the_last_moment(
    workspace: Workspace, people: Sequence[int], sink: Sink, clock: HandClock
) -> None:
    apply(workspace)
    edition = open_occasion(workspace, "news")
    chosen = next(one for one in people[:2] if one in going(workspace, edition))
    other = next(one for one in people[:2] if one != chosen)
    clock.advance(hours=2)
    sent(workspace, "one", other, days=0)
    sent(workspace, "two", other, days=0)
    clock.advance(minutes=1)
    counts = send_open(with_relay(workspace, sink.port), press=open_plain_press)
    states = became(workspace, edition)
    assert (counts.sent, states[people[2]][0]) == (1, DeliveryState.SENT)
    assert states[chosen][1] == TOGETHER, "withheld or put off: nobody of the house gets a third one"
    assert states[other][0] is DeliveryState.WITHHELD


@BOTH
def test_the_month_is_lived_through_as_it_was_foreseen(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    zones = ["Europe/Berlin", "America/New_York", None]
    ids = [make_customer(f"p{number}@example.com", zone=zones[number % 3]) for number in range(12)]
    for first in (0, 2, 5):
        house(workspace, *ids[first : first + (3 if first == 5 else 2)], name=f"h{first}")
    sent(workspace, "past", ids[0], ids[5], ids[9], days=5)
    sent(workspace, "old", ids[1], ids[6], days=4)
    odd = ", ".join(f'"p{number}@example.com"' for number in range(1, 12, 2))
    for name, more in (
        ("wed", "schedule: at 2026-12-02 10:00\nzone: customer\none_per: household\n"),
        ("odd", f"schedule: at 2026-12-05 10:00\nsegment: email in ({odd})\n"),
        ("sun", "schedule: at 2026-12-07 08:00\none_per: household\n"),
        ("next", "schedule: at 2026-12-15 12:00\none_per: household\n"),
        ("last", "schedule: at 2026-12-17 08:00\nzone: customer\none_per: household\n"),
    ):
        apply(workspace, name, more)
    sending = workspace.settings.sending.model_copy(update={"per_week": 2})
    here = replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))
    agenda = read_agenda(here, days=17)
    lived = {one.campaign: one for one in simulate(here, 24).editions}
    later = {entry.campaign: entry.later for entry in agenda.entries}
    assert later["wed"] == {TOGETHER: 2} and later["sun"].get(TOGETHER, 0) > 0, later
    for entry in agenda.entries:
        one = lived.pop(entry.campaign)
        refused = Counter({("budget" if no.reason == "expired" else no.reason): no.people for no in entry.refused})
        assert (entry.going, refused) == (one.sent + one.to_go, Counter(one.not_sent)), (entry, one)
    assert set(lived) == {"past", "old"}
