"""What will most likely not come about as it was meant is said when a file is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update

from outreach.plan.variants import Comparison
from outreach.records import Campaign, Kind, MailingList
from outreach.work.doubts_ahead import doubts_ahead, occasions_ahead
from outreach.work.seminars import apply_seminar
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .planning_kit import make_campaign, with_calendar
from .test_sequences import HELLO, write

NEXT = "---\nstep: more\nwhen: {when}\n{more}subject: More\n---\nText.\n"


def said(workspace: Workspace, noun: str, name: str) -> list[str]:
    return doubts_ahead(workspace, noun, [name]).get(name, [])


def test_a_schedule_without_an_occasion_to_come_is_said(workspace: Workspace) -> None:
    make_campaign(workspace, "gone", Kind.NEWS, schedule="at 2026-11-01 09:00", zone="UTC")
    make_campaign(workspace, "over", Kind.NEWS, schedule="every tuesday at 09:00 until 2026-01-01", zone="customer")
    make_campaign(workspace, "fine", Kind.NEWS, schedule="every tuesday at 09:00", zone="UTC")
    make_campaign(workspace, "hand", Kind.NEWS)
    names = ["gone", "over", "fine", "hand"]
    words = ["schedule: it has no occasion from now on, so that nothing goes by it"]
    assert doubts_ahead(workspace, "campaign", names) == {"gone": words, "over": words}


def test_a_schedule_in_the_night_is_said_since_it_may_be_a_slip(workspace: Workspace) -> None:
    make_campaign(workspace, "night", Kind.NEWS, schedule="every tuesday at 3:00", zone="UTC")
    make_campaign(workspace, "late", Kind.NEWS, schedule="every tuesday at 8:00", zone="UTC")
    [words] = said(workspace, "campaign", "night")
    assert words.startswith("schedule: 03:00 lies in the quiet hours (21:00 to 08:00)")
    assert said(workspace, "campaign", "late") == []


def test_a_test_by_clicks_that_the_list_does_not_count_is_said(workspace: Workspace) -> None:
    make_campaign(workspace, "spring", Kind.NEWS)
    with workspace.database.write() as session:
        found = session.scalars(select(Campaign)).one()
        found.options = {**found.options, "test": Comparison(("a", "b"), by="clicks").kept()}
    [words] = said(workspace, "campaign", "spring")
    assert words.startswith("test: the list customers does not count clicks")
    with workspace.database.write() as session:
        session.execute(update(MailingList).values(clicks=True))
    assert said(workspace, "campaign", "spring") == []


def test_the_next_occasions_are_told_by_the_readers_clock(workspace: Workspace, clock: HandClock) -> None:
    clock.now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    make_campaign(workspace, "even", Kind.NEWS, schedule="every 2 weeks on tuesday at 09:00", zone="customer")
    make_campaign(workspace, "once", Kind.NEWS, schedule="at 2026-12-24 8:00", zone="Europe/Berlin")
    make_campaign(workspace, "gone", Kind.NEWS, schedule="at 2026-11-01 09:00", zone="UTC")
    make_campaign(workspace, "hand", Kind.NEWS)
    assert occasions_ahead(workspace, ["even", "once", "gone", "hand", "nobody"]) == {
        "even": "Tue 1 Dec 2026, Tue 15 Dec 2026, Tue 29 Dec 2026 … at 09:00 (in each reader's own zone)",
        "once": "Thu 24 Dec 2026 at 08:00 (Europe/Berlin)",
    }


def test_an_occasion_on_a_closed_day_is_told_by_the_day_on_which_it_goes(
    workspace: Workspace, clock: HandClock
) -> None:
    clock.now = datetime(2026, 12, 20, 12, tzinfo=UTC)
    workspace = with_calendar(workspace, holidays="DE", weekdays=(0, 1, 2, 3, 4))
    make_campaign(workspace, "fridays", Kind.NEWS, schedule="every friday at 09:00", zone="customer")
    raw = "DTSTART:20261228T090000 RDATE:20261228T090000,20261229T103000"
    make_campaign(workspace, "raw", Kind.NEWS, schedule=raw, zone="UTC")
    assert occasions_ahead(workspace, ["fridays", "raw"]) == {
        "fridays": "Mon 28 Dec 2026 (not Fri 25 Dec: a holiday in DE), Mon 4 Jan 2027 (not Fri 1 Jan: a holiday in DE),"
        " Fri 8 Jan 2027 … at 09:00 (in each reader's own zone)",
        "raw": "Mon 28 Dec 2026 at 09:00, Tue 29 Dec 2026 at 10:30 (UTC)",
    }


def test_what_begins_a_sequence_and_nobody_has_heard_of_is_said(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"joined": "2026-11-01"})
    write(workspace, HELLO, begins="date joinde")
    assert said(workspace, "sequence", "welcome") == ["begins: no customer has 'joinde'; did you mean joined?"]
    write(workspace, HELLO, begins="date joined")
    assert said(workspace, "sequence", "welcome") == []
    write(workspace, HELLO, begins="seminar best-shot")
    assert said(workspace, "sequence", "welcome") == ["begins: there is no seminar called best-shot yet"]


def test_a_step_before_its_beginning_and_events_that_the_list_does_not_count_are_said(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    write(workspace, HELLO, NEXT.format(when="on day -3", more="if: opened hello\n"))
    assert said(workspace, "sequence", "welcome") == [
        "when: more is due before anything has begun it, and goes at once",
        "opened: the list customers does not count opens, so it never happens: outreach lists change customers --opens",
    ]
    with workspace.database.write() as session:
        session.execute(update(MailingList).values(opens=True))
    assert len(said(workspace, "sequence", "welcome")) == 1


def test_sessions_that_overlap_or_are_over_are_said(workspace: Workspace, clock: HandClock) -> None:
    path = workspace.root / "s.md"
    path.write_text(
        "---\nname: s\ntitle: T\nwhere: here\nzone: UTC\nsessions:\n  old: 2026-11-04 18:00 for 45 minutes\n"
        "  one: 2027-02-04 18:00 for 45 minutes\n  two: 2027-02-04 18:30 for 45 minutes\n"
        "  three: 2027-02-04 19:15 for 45 minutes\n---\n",
        encoding="utf-8",
    )
    apply_seminar(workspace, path)
    assert said(workspace, "seminar", "s") == [
        "sessions: old is over or under way: it began on 4 Nov 2026 at 18:00",
        "sessions: two begins while one lasts, on 4 Feb 2027 at 18:30: nobody can be at both",
    ]
