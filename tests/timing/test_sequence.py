from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from outreach.timing.sequence import Going, Move, MoveKind, Plan, Step, anniversary, days_of_year, next_moves, timeline
from outreach.timing.sequence_words import (
    BeginKind,
    Begins,
    Event,
    EventKind,
    When,
    parse_begins,
    parse_condition,
    parse_event,
    parse_when,
)

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)
BEGUN = Going(date(2026, 12, 1), START, BERLIN)
REPLIED = Event(EventKind.REPLIED, "hello")


def steps(*pairs: tuple[str, str], exits: tuple[str, ...] = (), **conditions: str) -> Plan:
    return Plan(
        tuple(
            Step(name, parse_when(when), (parse_condition(conditions[name]),) if name in conditions else ())
            for name, when in pairs
        ),
        tuple(parse_event(one) for one in exits),
    )


def told(moves: list[Move]) -> list[tuple[str, str]]:
    return [(move.kind.value, move.step) for move in moves]


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("at once", When()),
        ("on day 3", When(3)),
        ("on the day", When(0)),
        ("on day -7", When(-7)),
        ("2 days after hello", When(2, step="hello")),
        ("1 week after start", When(7)),
        ("90 minutes after hello", When(None, timedelta(minutes=90), "hello")),
        ("after replied hello", When(event=REPLIED)),
        (
            "1 day after clicked hello, within 14 days",
            When(1, event=Event(EventKind.CLICKED, "hello"), within=timedelta(14)),
        ),
        ("3 hours after case closed", When(None, timedelta(hours=3), event=Event(EventKind.CASE_CLOSED))),
        ("After goal order", When(event=Event(EventKind.GOAL, "order"))),
    ],
)
def test_a_time_is_read_as_it_is_said(line: str, when: When) -> None:
    assert parse_when(line) == when


@pytest.mark.parametrize(
    "line", ["", "soon", "on day", "2 days after", "3 fortnights after hello", "on day 3, within 2 days"]
)
def test_what_is_no_time_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        parse_when(line)


def test_what_begins_a_sequence_is_read_as_it_is_said() -> None:
    assert parse_begins("each year on Birthday") == Begins(BeginKind.YEARLY, "Birthday")
    assert parse_begins("every goal order") == Begins(BeginKind.EVERY_GOAL, "order")
    assert parse_begins("goal order") == Begins(BeginKind.GOAL, "order")
    assert parse_begins("quiet 90 days") == Begins(BeginKind.QUIET, days=90)
    for wrong in ("", "quiet 3 days", "date", "goals order"):
        with pytest.raises(ValueError):
            parse_begins(wrong)


def test_days_are_counted_on_the_local_calendar_and_go_at_the_sequences_hour() -> None:
    plan = steps(("hello", "on day 1"))
    [move] = next_moves(plan, BEGUN, START)
    assert (move.kind, move.at) == (MoveKind.WAIT, datetime(2026, 12, 2, 8, tzinfo=UTC))
    late_evening = Going(date(2026, 12, 2), datetime(2026, 12, 1, 23, 30, tzinfo=UTC), BERLIN)
    assert next_moves(plan, late_evening, START)[0].at == datetime(2026, 12, 3, 8, tzinfo=UTC)


def test_the_day_of_a_clock_change_has_its_mail_too() -> None:
    plan = Plan((Step("hello", When(1)),), at=time(2, 30))
    spring = Going(date(2027, 3, 27), datetime(2027, 3, 27, 12, tzinfo=UTC), BERLIN)
    assert next_moves(plan, spring, spring.since)[0].at == datetime(2027, 3, 28, 1, tzinfo=UTC)


def test_day_zero_after_its_hour_goes_at_once() -> None:
    [move] = next_moves(steps(("hello", "on day 0")), BEGUN, START)
    assert (move.kind, move.at) == (MoveKind.SEND, START)


def test_a_step_is_due_after_the_mail_of_another_really_went() -> None:
    plan = steps(("hello", "at once"), ("second", "2 days after hello"))
    assert told(next_moves(plan, BEGUN, START)) == [("send", "hello")]
    went = START + timedelta(days=4)
    going = Going(BEGUN.day, START, BERLIN, {"hello": went})
    [move] = next_moves(plan, going, went)
    assert (move.kind, move.at) == (MoveKind.WAIT, datetime(2026, 12, 7, 8, tzinfo=UTC))


def test_nobody_gets_the_next_mail_while_the_last_one_is_on_its_way() -> None:
    plan = steps(("hello", "at once"), ("second", "on day 0"))
    free = START + timedelta(days=2)
    going = Going(BEGUN.day, START, BERLIN, {"hello": START}, busy=free)
    [move] = next_moves(plan, going, START)
    assert (move.kind, move.at) == (MoveKind.WAIT, free)


def test_a_step_that_waits_for_an_event_goes_when_it_comes_and_is_passed_over_when_it_does_not() -> None:
    plan = steps(("hello", "at once"), ("more", "1 day after replied hello, within 7 days"), ("end", "on day 20"))
    sent = {"hello": START}
    [move] = next_moves(plan, Going(BEGUN.day, START, BERLIN, sent), START)
    assert (move.kind, move.waits, move.at) == (MoveKind.WAIT, REPLIED, START + timedelta(days=7))
    answered = Going(BEGUN.day, START, BERLIN, sent, {REPLIED: START + timedelta(days=2)})
    assert next_moves(plan, answered, START + timedelta(days=2))[0].at == datetime(2026, 12, 4, 8, tzinfo=UTC)
    silent = next_moves(plan, Going(BEGUN.day, START, BERLIN, sent), START + timedelta(days=8))
    assert told(silent) == [("passed", "more"), ("wait", "end")]


def test_a_condition_decides_when_the_steps_time_has_come() -> None:
    plan = steps(("hello", "at once"), ("nudge", "3 days after hello"), nudge="not replied hello")
    later = START + timedelta(days=3)
    sent = {"hello": START}
    assert told(next_moves(plan, Going(BEGUN.day, START, BERLIN, sent), later)) == [("send", "nudge")]
    answered = Going(BEGUN.day, START, BERLIN, sent, {REPLIED: START + timedelta(days=1)})
    assert told(next_moves(plan, answered, later)) == [("passed", "nudge"), ("end", "")]


def test_an_exit_ends_it_before_any_further_step() -> None:
    plan = steps(("hello", "at once"), exits=("goal order",))
    bought = Going(BEGUN.day, START, BERLIN, events={Event(EventKind.GOAL, "order"): START})
    assert told(next_moves(plan, bought, START)) == [("leave", "")]


def test_what_is_long_over_is_passed_and_never_sent() -> None:
    plan = steps(("hello", "at once"), ("tips", "on day 2"), ("news", "on day 30"))
    assert told(next_moves(plan, BEGUN, START + timedelta(days=10))) == [
        ("passed", "hello"),
        ("passed", "tips"),
        ("wait", "news"),
    ]


def test_no_step_is_missed_for_one_that_waited_before_it() -> None:
    plan = steps(("hello", "at once"), ("more", "1 day after replied hello, within 14 days"), ("week", "on day 7"))
    silent = Going(BEGUN.day, START, BERLIN, {"hello": START})
    after = START + timedelta(days=14)
    assert told(next_moves(plan, silent, after)) == [("passed", "more"), ("send", "week")]
    assert told(next_moves(plan, silent, after + timedelta(days=4)))[:2] == [("passed", "more"), ("passed", "week")]
    replied = Going(BEGUN.day, START, BERLIN, {"hello": START, "more": after}, {REPLIED: START + timedelta(days=13)})
    assert told(next_moves(plan, replied, after)) == [("passed", "week"), ("end", "")], "its mail went that late"


def test_an_event_that_came_before_a_steps_turn_brings_it_when_its_turn_is() -> None:
    plan = steps(("hello", "at once"), ("week", "on day 7"), ("more", "1 day after replied hello, within 14 days"))
    week = START + timedelta(days=7)
    early = Going(BEGUN.day, START, BERLIN, {"hello": START, "week": week}, {REPLIED: START + timedelta(hours=5)})
    assert told(next_moves(plan, early, week + timedelta(hours=1))) == [("send", "more")]
    assert told(next_moves(plan, early, week + timedelta(days=4))) == [("passed", "more"), ("end", "")]


def test_whoever_has_passed_a_place_does_not_come_back_for_a_step_that_is_put_there() -> None:
    edited = steps(("hello", "at once"), ("inserted", "on day 1"), ("tips", "on day 2"), ("last", "on day 3"))
    going = Going(BEGUN.day, START, BERLIN, {"hello": START, "tips": START + timedelta(days=2)})
    assert told(next_moves(edited, going, START + timedelta(days=2))) == [("wait", "last")]


def test_a_step_that_lost_its_forerunner_is_passed_over_with_a_reason() -> None:
    plan = steps(("second", "2 days after hello"))
    [passed, end] = next_moves(plan, BEGUN, START)
    assert (passed.kind, end.kind) == (MoveKind.PASSED, MoveKind.END)
    assert "never sent" in passed.reason


def test_a_timeline_foresees_each_step_once() -> None:
    plan = steps(
        ("hello", "at once"), ("wait", "after replied hello, within 2 days"), ("tips", "on day 5"), ("far", "on day 50")
    )
    found = list(timeline(plan, BEGUN, START, START + timedelta(days=30)))
    assert [(move.step, move.at) for move in found] == [
        ("hello", START),
        ("tips", datetime(2026, 12, 6, 8, tzinfo=UTC)),
    ]


def test_the_29th_of_february_is_kept_on_the_28th_in_other_years() -> None:
    assert anniversary(date(2024, 2, 29), 2027) == date(2027, 2, 28)
    assert anniversary(date(2024, 2, 29), 2028) == date(2028, 2, 29)
    assert "02-29" in days_of_year(date(2027, 2, 28), date(2027, 2, 28))
    assert days_of_year(date(2028, 2, 28), date(2028, 2, 28)) == {"02-28"}
    assert days_of_year(date(2027, 12, 31), date(2028, 1, 1)) == {"12-31", "01-01"}
