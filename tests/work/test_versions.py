from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from outreach.address import new_public_id
from outreach.errors import InputError
from outreach.records import Category, Channel, Delivery, DeliveryState, Edition, Inbound, InboundState, Kind
from outreach.store.customers import load_customers
from outreach.work.agenda import read_agenda
from outreach.work.approve import approve
from outreach.work.check import check_campaign
from outreach.work.compose import apply_campaign
from outreach.work.entries import Entry, Slot
from outreach.work.letter import open_press
from outreach.work.proof import find_draft, prove
from outreach.work.publish import open_occasion, publish_due
from outreach.work.send import send_open
from outreach.work.versions import version_figures
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from ..servers import Sink, start_sink
from .sending import with_relay
from .test_holdout import with_plan

MakeCustomer = Callable[..., int]
FILE = """---
name: spring
subject: Plain
kind: news
list: customers
{test}---
Hello, this is the first text.

---
version: b
subject: Bold
{later}---
Hello, this is another text.
"""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as started:
        yield started


def write(workspace: Workspace, test: str = "50% for 4 hours by replies", later: str = "") -> None:
    path = workspace.root / "spring.md"
    lines = {"test": f"test: {test}\n" if test else "", "later": f"later: {later}\n" if later else ""}
    path.write_text(FILE.format(**lines), encoding="utf-8")
    apply_campaign(workspace, path)


def rows(workspace: Workspace) -> list[Delivery]:
    with workspace.database.read() as session:
        return list(session.exec(select(Delivery).order_by(col(Delivery.id))))


def edition(workspace: Workspace) -> Edition:
    with workspace.database.read() as session:
        return session.exec(select(Edition)).one()


def answer(workspace: Workspace, row: Delivery, category: Category = Category.QUESTION) -> None:
    with workspace.database.write() as session:
        session.add(
            Inbound(
                public_id=new_public_id(),
                channel=Channel.EMAIL,
                state=InboundState.READ,
                received_at=workspace.clock(),
                stored_at=workspace.clock(),
                content_hash=new_public_id(),
                raw=b"x",
                customer_id=row.customer_id,
                delivery_id=row.id,
                category=category,
            )
        )


@BOTH
def test_the_rest_gets_what_won_and_everybody_gets_one(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    for number in range(60):
        make_customer(f"p{number}@example.com")
    write(workspace)
    open_occasion(workspace, "spring")
    here = with_relay(workspace, sink.port)
    send_open(here)
    first = rows(workspace)
    dealt = Counter(row.variant for row in first)
    assert set(dealt) == {"a", "b", "rest"} and dealt["rest"] > 15
    sent = [row for row in first if row.state is DeliveryState.SENT]
    assert {row.variant for row in sent} == {"a", "b"} and len(sent) == dealt["a"] + dealt["b"]
    assert all(row.choices["variant"] == row.variant for row in sent)
    for row in sent:
        if row.variant == "b":
            answer(workspace, row)
    clock.advance(hours=3)
    send_open(here)
    assert sum(row.state is DeliveryState.SENT for row in rows(workspace)) == len(sent)
    clock.advance(hours=2)
    send_open(here)
    last = rows(workspace)
    assert all(row.state is DeliveryState.SENT for row in last)
    assert {row.choices["variant"] for row in last if row.variant == "rest"} == {"b"}
    kept = edition(workspace)
    assert (kept.versions["decided"], kept.versions["won"]) == ("b", True)
    assert sink.count() == 60
    with workspace.database.read() as session:
        press = open_press(session, workspace, last[0].edition_id)
        people = load_customers(session, [row.customer_id or 0 for row in last])
    subjects = Counter(press.render(people[row.customer_id or 0], row.public_id, row.choices).subject for row in last)
    assert subjects == {"Plain": dealt["a"], "Bold": dealt["b"] + dealt["rest"]}
    told = version_figures(workspace, kept)
    assert {one["clicks"] for one in told["versions"]} == {None}, "what is not counted is not nought"
    assert told["judged_at"] == kept.due_at + timedelta(hours=4)
    assert told["won"] == "b" and [one["replies"] for one in told["versions"]] == [0, dealt["b"]]


def test_without_a_clear_winner_the_rest_gets_the_original(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    for number in range(40):
        make_customer(f"p{number}@example.com")
    write(workspace)
    open_occasion(workspace, "spring")
    here = with_relay(workspace, sink.port)
    send_open(here)
    clock.advance(hours=5)
    send_open(here)
    assert {row.choices["variant"] for row in rows(workspace) if row.variant == "rest"} == {"a"}
    kept = edition(workspace).versions
    assert (kept["decided"], kept["won"]) == ("a", False) and "no clear winner" in kept["words"]


def test_a_version_may_go_later_and_where_all_take_part_nobody_waits(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for number in range(40):
        make_customer(f"p{number}@example.com")
    write(workspace, test="all by complaints", later="9 hours")
    open_occasion(workspace, "spring")
    found = rows(workspace)
    assert {row.variant for row in found} == {"a", "b"}
    assert {row.due_at - clock() for row in found if row.variant == "b"} == {timedelta(hours=9)}
    assert {row.due_at - clock() for row in found if row.variant == "a"} == {timedelta()}


ABROAD = {"Pacific/Auckland": "p", "Europe/Berlin": "q", "America/Los_Angeles": "r"}


def write_timed(workspace: Workspace, more: str, test: str = "50% for 4 hours by replies") -> None:
    write(workspace, test=test)
    path = workspace.root / "spring.md"
    path.write_text(path.read_text(encoding="utf-8").replace("kind: news\n", f"kind: news\n{more}"), encoding="utf-8")
    apply_campaign(workspace, path)


@BOTH
def test_in_readers_own_zones_a_test_is_judged_when_the_last_zone_had_its_time(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    """It was judged four hours after nine o'clock in Kiribati, when nobody had got anything."""
    for number in range(90):
        zone = list(ABROAD)[number % 3]
        make_customer(f"{ABROAD[zone]}{number}@example.com", zone=zone)
    write_timed(workspace, "schedule: at 2026-12-03 09:00\nzone: recipient\ndeadline: 6 hours\n")
    here = with_relay(workspace, sink.port)
    foreseen = read_agenda(here, days=7).entries[0]
    assert foreseen.tried is not None
    assert foreseen.tried.judged_at == datetime(2026, 12, 3, 21, tzinfo=UTC)
    seen: dict[datetime, int] = {}
    while clock() < datetime(2026, 12, 5, tzinfo=UTC):
        before = sink.count()
        publish_due(here)
        send_open(here)
        for row in rows(here) if sink.count() > before else ():
            if row.variant == "b" and row.state is DeliveryState.SENT and row.settled_at == clock():
                answer(here, row)
        if sink.count() > before:
            seen[clock()] = sink.count() - before
        clock.advance(hours=1)
    assert all(row.state is DeliveryState.SENT for row in rows(here)), "a deadline counts from when the rest may go"
    kept = edition(here).versions
    assert (kept["decided"], kept["won"]) == ("b", True)
    assert kept["decided_at"] == "2026-12-03T21:00:00+00:00"
    assert seen == {slot.at: slot.people for slot in _slots(foreseen)}
    assert [at.isoformat()[8:13] for at in seen] == ["02T20", "03T08", "03T17", "03T21", "04T00", "04T12"], (
        "the rest gets it at one o'clock of its own, on the day after where that was over"
    )


def _slots(entry: Entry) -> list[Slot]:
    return sorted(entry.slots, key=lambda slot: slot.at)


def test_a_test_that_takes_longer_than_a_mail_lives_still_reaches_the_rest(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    for number in range(20):
        make_customer(f"p{number}@example.com")
    write_timed(workspace, "deadline: 6 hours\n", test="50% for 1 day by replies")
    open_occasion(workspace, "spring")
    here = with_relay(workspace, sink.port)
    send_open(here)
    clock.advance(days=1)
    send_open(here)
    assert {row.state for row in rows(here)} == {DeliveryState.SENT}


def test_an_edition_that_waited_for_a_person_tries_its_versions_from_then_on(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    """It was judged as it was planned, when nothing had gone: everybody else got the original at once."""
    for number in range(20):
        make_customer(f"p{number}@example.com")
    strict = with_plan(workspace, approve=(Kind.NEWS,))
    write_timed(strict, "schedule: at 2026-12-02 09:00\n")
    clock.advance(days=1)
    assert publish_due(strict) == []
    clock.advance(days=1)
    approve(strict, "spring", "maria")
    assert publish_due(strict)
    here = with_relay(strict, sink.port)
    send_open(here)
    assert version_figures(here, edition(here))["judged_at"] == clock() + timedelta(hours=4)
    assert {row.state for row in rows(here) if row.variant == "rest"} == {DeliveryState.QUEUED}
    clock.advance(hours=4)
    send_open(here)
    assert {row.state for row in rows(here)} == {DeliveryState.SENT}


def test_each_version_can_be_looked_at(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    write(workspace)
    assert prove(workspace, find_draft(workspace, "spring")).rendered.subject == "Plain"
    other = prove(workspace, find_draft(workspace, "spring"), version="b").rendered
    assert other.subject == "Bold" and "another text" in other.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("50% for 4 hours by replies", "half of them"), "is no test"),
        (("version: b", "version: a"), "cannot be a version"),
        (("version: b\nsubject: Bold", "version: b\nsubjekt: Bold"), "subjekt"),
    ],
)
def test_what_is_wrong_is_said(workspace: Workspace, change: tuple[str, str], words: str) -> None:
    path = workspace.root / "spring.md"
    text = FILE.format(test="test: 50% for 4 hours by replies\n", later="").replace(*change)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        apply_campaign(workspace, path)


OTHER = """---
name: spring
subject: Hello
kind: news
list: customers
{test}---
Hello{first}.

---
version: b
subject: Hello {{{{ nick or "you" }}}}
---
Your plan is {{{{ plan }}}}.
"""


def open_other(workspace: Workspace, test: str = "", first: str = "") -> list[Delivery]:
    """An edition whose version b is for those who have a plan; its rows."""
    limit = workspace.settings.sending.model_copy(update={"max_failing": 1.0})
    lenient = replace(workspace, settings=workspace.settings.model_copy(update={"sending": limit}))
    path = workspace.root / "spring.md"
    path.write_text(OTHER.format(test=test, first=first), encoding="utf-8")
    apply_campaign(workspace, path)
    open_occasion(lenient, "spring")
    return rows(workspace)


@BOTH
@pytest.mark.parametrize("up_to", [10, 20_000])
def test_each_version_is_tried_for_those_who_were_dealt_it_before_the_first_mail_leaves(
    workspace: Workspace, make_customer: MakeCustomer, up_to: int
) -> None:
    sending = workspace.settings.sending.model_copy(update={"preflight_all_up_to": up_to})
    given = replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))
    with_plan = {make_customer(f"p{n}@example.com", attributes={"plan": "pro"}) for n in range(12)}
    for n in range(12):
        make_customer(f"q{n}@example.com")
    found = open_other(given)
    assert {row.variant for row in found} == {"a", "b"}
    for row in found:
        fails = row.variant == "b" and row.customer_id not in with_plan
        assert (row.state is DeliveryState.WITHHELD) == fails
        assert (row.reason == "render: plan") == fails and ("spring.md:13" in row.evidence) == fails


def test_who_waits_for_the_winner_is_withheld_only_where_no_version_can_be_rendered(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    kinds = {
        make_customer(f"{n}@example.com", attributes=values): values
        for n, values in enumerate([{"plan": "pro"}, {"town": "Ulm"}, {}] * 12)
    }
    found = open_other(workspace, "test: 20% for 4 hours by replies\n", " in {{ town }}")
    rest = [row for row in found if row.variant == "rest"]
    assert len(rest) > 10
    for row in rest:
        assert (row.state is DeliveryState.WITHHELD) == (not kinds[row.customer_id or 0])


def test_check_tries_and_reads_each_version(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", first_name="Ann")
    path = workspace.root / "spring.md"
    path.write_text(OTHER.format(test="", first=""), encoding="utf-8")
    found = check_campaign(workspace, find_draft(workspace, str(path)), fetch=False)
    wrong = [fault for fault in found if fault.rule == "render"]
    assert [(fault.level, fault.where) for fault in wrong] == [("error", "1 of 1 customers: plan")]
    assert wrong[0].words.startswith("version b: spring.md:13: the variable plan is missing")
    text = OTHER.format(test="", first="").replace("{{ plan }}", "[here](pro)")
    path.write_text(text, encoding="utf-8")
    found = check_campaign(workspace, find_draft(workspace, str(path)), fetch=False)
    assert [fault.words[:30] for fault in found if fault.level == "error"] == ["version b: it has no https:// b"[:30]]
    assert [fault.rule for fault in found].count("preheader") == 1


def test_what_is_wrong_with_a_versions_subject_is_told_by_its_own_line(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", first_name="Ann")
    path = workspace.root / "spring.md"
    path.write_text(OTHER.format(test="", first="").replace(' or "you"', ""), encoding="utf-8")
    found = check_campaign(workspace, find_draft(workspace, str(path)), fetch=False)
    assert [fault.words[:40] for fault in found if fault.rule == "render"] == [
        "version b: spring.md:11: the variable nick"[:40]
    ]
