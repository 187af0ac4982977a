"""What running sequences will send: by day, hour and step, in everybody's budget, as it comes when lived through."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import text

from outreach.records import Kind
from outreach.store import sequences_ahead
from outreach.work import courses, crowd
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign, apply_tip
from outreach.work.entries import Agenda
from outreach.work.outlook import Outlook
from outreach.work.sequence_plan import apply_sequence, approve_sequence
from outreach.work.sequences import follow_sequences
from outreach.work.simulate import simulate
from outreach.work.workspace import Workspace
from tests.conftest import BOTH, HandClock

from .planning_kit import complain, make_campaign, with_calendar
from .test_sequences import HELLO, join, reply, send_all, start

MakeCustomer = Callable[..., int]
AFTER = "---\nstep: {name}\nwhen: {when}\nsubject: About {name}\n{more}---\nText.\n\n"
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", None]


def step(name: str, when: str, **more: str) -> str:
    return AFTER.format(name=name, when=when, more="".join(f"{key}: {value}\n" for key, value in more.items()))


def outlook(agenda: Agenda, name: str = "welcome") -> Outlook:
    return next(one for one in agenda.sequences if one.sequence == name)


def told(one: Outlook) -> list[tuple[str, str, str, int]]:
    return [(mail.step, f"{mail.day:%m-%d}", mail.local, mail.people) for mail in one.mails]


def birthdays(workspace: Workspace, name: str = "birthday", **lines: str) -> None:
    """Greetings on each birthday at nine, and a mail two days later."""
    head = {"list": "customers", "kind": "news", "begins": "each year on born", "zone": "customer"} | lines
    text = f"---\nname: {name}\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + "---\n\n"
    path = workspace.root / f"{name}.md"
    path.write_text(text + step("wish", "on the day") + step("gift", "2 days after wish"), encoding="utf-8")
    apply_sequence(workspace, path)
    approve_sequence(workspace, name, "maria")


def test_each_step_is_foreseen_by_day_and_hour_and_what_waits_for_an_event_is_told_apart(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(
        workspace,
        HELLO,
        step("more", "1 day after replied hello, within 4 days"),
        step("nudge", "on day 9", **{"if": "not replied hello"}),
        step("thanks", "on day 10", **{"if": "replied"}),
        zone="customer",
        exits="[goal order]",
    )
    ann, ben = (make_customer(f"{name}@example.com", subscribed=None, zone="Europe/Berlin") for name in ("ann", "ben"))
    cid = make_customer("cid@example.com", subscribed=None, zone="America/New_York")
    join(workspace, ann)
    join(workspace, ben)
    follow_sequences(workspace)
    send_all(workspace)
    clock.advance(hours=1)
    reply(workspace, ann)
    join(workspace, cid)
    found = outlook(read_agenda(workspace, days=20))
    assert (found.people, found.begin, found.going) == (2, 1, 5)
    assert told(found) == [
        ("hello", "12-01", "08:00", 1),
        ("more", "12-02", "09:00", 1),
        ("nudge", "12-10", "09:00", 2),
        ("thanks", "12-11", "09:00", 1),
    ]
    assert [(one.step, one.reason, one.people) for one in found.later] == [("hello", "quiet hours", 1)]
    assert [(one.step, one.event, one.people) for one in found.hoped] == [
        ("more", "replied hello", 2),
        ("thanks", "replied", 2),
    ]
    assert found.notes == (
        "on top of these come all who join the list from now on",
        "it ends for whoever has: goal order",
    )


def test_a_sequences_mails_use_up_budgets_wait_for_them_and_meet_newsletters(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for number in range(3):
        make_customer(f"p{number}@example.com", attributes={"born": "1980-12-05"} if number else {})
    birthdays(workspace, zone="UTC")
    for name, at in (("one", "2026-12-02 15:00"), ("two", "2026-12-03 15:00"), ("three", "2026-12-09 18:00")):
        make_campaign(workspace, name, Kind.NEWS, schedule=f"at {at}", zone="UTC")
    agenda = read_agenda(workspace, days=20)
    found = outlook(agenda, "birthday")
    assert told(found) == [("wish", "12-09", "15:00", 2)]
    assert [(one.step, f"{one.day}", one.people, one.reason) for one in found.later] == [
        ("wish", "2026-12-09", 2, "budget")
    ]
    assert [(one.step, one.reason, one.people) for one in found.refused] == [("gift", "budget", 2)]
    later = {entry.campaign: {str(one.day): one.people for one in entry.instead} for entry in agenda.entries}
    assert later["three"] == {"2026-12-10": 2}, "their greetings have gone before it"
    make_campaign(workspace, "eve", Kind.NEWS, schedule="at 2026-12-18 18:00", zone="UTC", segment="born is not empty")
    birthdays(workspace, "name-day", begins="each year on named", zone="UTC")
    make_customer("ann@example.com", attributes={"born": "1980-01-01", "named": "2000-12-18"})
    clashes = read_agenda(workspace, days=20).clashes
    assert ("2026-12-18", {"eve", "name-day"}, 1) in [(f"{one.day}", {*one.campaigns}, one.people) for one in clashes]


@BOTH
@pytest.mark.parametrize("days", [20, 120])
def test_anniversaries_are_found_however_their_date_stands_in_the_attributes(
    workspace: Workspace, make_customer: MakeCustomer, days: int
) -> None:
    """Twenty days lie in two months, whose text is looked for first; a hundred and twenty in more than that."""
    for number, born in enumerate(
        ("1980-12-05", "1980-12-05T08:30", "1980-12-31", "1980-07-05", "12-05", "", 12, None)
    ):
        make_customer(f"p{number}@example.com", attributes={"born": born, "bought": "2025-12-06"})
    make_customer("gone@example.com", subscribed=False, attributes={"born": "1980-12-05"})
    by_number = make_customer("numbers@example.com", attributes={"name": "Jos\u00e9"})
    with workspace.database.write() as session:
        written = r'{"born": "1980\u002d1\u0032\u002d05"}'
        session.execute(text("UPDATE customer SET attributes = :as WHERE id = :id"), {"as": written, "id": by_number})
    birthdays(workspace, zone="UTC")
    found = outlook(read_agenda(workspace, days=days), "birthday")
    wishes = {f"{mail.day:%m-%d}": mail.people for mail in found.mails if mail.step == "wish"}
    assert wishes == ({"12-05": 3} if days == 20 else {"12-05": 3, "12-31": 1})


def _mixture(workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, people: int, seed: int) -> None:
    """Everybody has a birthday; some have just joined, some are in the middle, some complained or left."""
    chance = random.Random(seed)
    days = [
        f"19{chance.randrange(50, 99)}-{chance.choice(['11-30', '12-03', '12-09', '12-14', '07-01'])}"
        for _ in range(people)
    ]
    ids = [
        make_customer(f"p{number}@example.com", zone=chance.choice(ZONES), subscribed=None, attributes={"born": born})
        for number, born in enumerate(days)
    ]
    start(
        workspace,
        HELLO,
        step("tips", "3 days after hello"),
        step("last", "26 hours after tips"),
        zone="customer",
        at="10:30",
    )
    for number, person in enumerate(ids):
        join(workspace, person, "form" if number % 2 else "import")
        if number % 5 == 0:
            clock.advance(hours=5, minutes=7)
            follow_sequences(workspace)
            send_all(workspace)
    clock.advance(hours=1)
    for person in chance.sample(ids, 3):
        complain(workspace, person)
    birthdays(workspace, at="10:30")
    for number in range(9):
        path = workspace.root / f"tip{number}.md"
        path.write_text(f"---\nname: tip{number}\ntitle: T\ntopics: [other]\n---\nDo.\n", encoding="utf-8")
        apply_tip(workspace, path)
    for name, front in (
        ("tips", "kind: tips\ntips: 1\nschedule: every thursday at 09:00\nzone: customer\n"),
        ("news", "kind: news\nschedule: at 2026-12-09 15:00\nzone: customer\n"),
    ):
        path = workspace.root / f"{name}.md"
        path.write_text(f"---\nname: {name}\nsubject: S\nlist: customers\n{front}---\nHello\n", encoding="utf-8")
        apply_campaign(workspace, path)


@BOTH
def test_of_many_in_sequences_the_same_is_foreseen_by_the_hour(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(
        workspace,
        HELLO,
        step("more", "1 day after replied hello, within 4 days"),
        step("soon", "20 hours after hello", **{"if": "not replied hello"}),
        step("nudge", "on day 9", **{"if": "not replied"}),
        zone="customer",
    )
    ids = [make_customer(f"p{one}@example.com", zone=ZONES[one % 4], subscribed=None) for one in range(16)]
    for number, person in enumerate(ids):
        join(workspace, person)
        clock.advance(minutes=97, seconds=17)
        follow_sequences(workspace)
        if number % 3:
            send_all(workspace)
    for person in ids[1:9:3]:
        reply(workspace, person)
    complain(workspace, ids[4])
    few = outlook(read_agenda(workspace, days=16))
    monkeypatch.setattr(courses, "TO_THE_MINUTE", 0)
    monkeypatch.setattr(crowd, "TO_THE_MINUTE", 0)
    monkeypatch.setattr(sequences_ahead, "MOST", 0)
    many = outlook(read_agenda(workspace, days=16))
    assert (few.people, few.going) == (many.people, many.going) and few.people == 16 and few.going > 12
    assert [(one.step, one.event, one.people) for one in few.hoped] == [
        (one.step, one.event, one.people) for one in many.hoped
    ]
    by_step = [
        sorted(
            (mail.step, datetime.combine(mail.day, time.fromisoformat(mail.local)))
            for mail in one.mails
            for _ in range(mail.people)
        )
        for one in (few, many)
    ]
    for (name, at), (other, hour) in zip(*by_step, strict=True):
        assert name == other and timedelta() <= hour - at <= timedelta(hours=1), (name, at, hour)


def _reason(said: str) -> str:
    """What has no room until it has lost its worth is found so when it is looked at last."""
    return "budget" if said == "expired" else said


@BOTH
@pytest.mark.parametrize(
    ("people", "days", "seed", "per_week"),
    [(14, 11, 2, 7), *(pytest.param(24, 16, *how, marks=pytest.mark.long) for how in ((1, 3), (2, 7)))],
)
def test_a_sequence_goes_as_it_was_foreseen_when_the_month_is_lived_through(
    workspace: Workspace,
    clock: HandClock,
    make_customer: MakeCustomer,
    people: int,
    days: int,
    seed: int,
    per_week: int,
) -> None:
    _mixture(workspace, clock, make_customer, people, seed)
    sending = workspace.settings.sending.model_copy(update={"per_week": per_week})
    here = replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))
    here = with_calendar(here, blackout=("2026-12-11",))
    agenda = read_agenda(here, days=days)
    lived = simulate(here, days)
    sent: Counter[str] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    for one in lived.editions:
        sent[one.campaign] += one.sent + one.to_go
        for reason, people in one.not_sent.items():
            refused[one.campaign, _reason(reason)] += people
    wanted: Counter[str] = Counter({entry.campaign: 0 for entry in agenda.entries})
    not_to: Counter[tuple[str, str]] = Counter()
    for entry in agenda.entries:
        wanted[entry.campaign] += entry.going
        not_to.update({(entry.campaign, no.reason): no.people for no in entry.refused})
    for found in agenda.sequences:
        for mail in found.mails:
            wanted[f"{found.sequence}/{mail.step}"] += mail.people
        not_to.update({(f"{found.sequence}/{no.step}", no.reason): no.people for no in found.refused})
    assert wanted == sent
    assert not_to == refused
    assert min(sent[name] for name in ("welcome/hello", "welcome/tips", "birthday/wish", "birthday/gift")) > 1
    for found in agenda.sequences:
        for name in {mail.step for mail in found.mails}:
            first = min(mail.at for mail in found.mails if mail.step == name)
            at = min(one.first for one in lived.editions if one.campaign == f"{found.sequence}/{name}" and one.first)
            assert abs(at - first) <= timedelta(minutes=6), (name, at, first)
