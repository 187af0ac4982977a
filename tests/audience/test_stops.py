"""What a register of stops says: what holds, what was taken back, and what a broken line does not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outreach.audience.stops import ALL, BACK, PAUSE, STOP, Stop, in_force, of_block, of_list, read_stop
from outreach.records import SuppressionReason

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def said(what: str = STOP, hours: float = 0, scope: str = ALL, **more: object) -> Stop:
    values = {"person": "p", "address": "a"} | more
    return Stop(NOW + hours * HOUR, what, scope=scope, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "one", [said(), said(scope=of_list("tips & tricks"), person="-"), said(scope=PAUSE, until=NOW + HOUR)]
)
def test_a_stop_is_read_as_it_was_written(one: Stop) -> None:
    assert read_stop(one.line()) == one
    assert read_stop(one.line()[:-7]) != one


@pytest.mark.parametrize("line", ["", "x", "2026-12-01 stop p a all", "2026-12-01T10:00:00+00:00 stop p a everything"])
def test_what_is_no_line_of_ours_says_nothing(line: str) -> None:
    assert read_stop(line) is None


def test_lists_and_reasons_are_read_back() -> None:
    assert said(scope=of_list("tips & tricks")).list_name == "tips & tricks"
    assert said(scope=of_block(SuppressionReason.ABUSE_REPORT)).reason is SuppressionReason.ABUSE_REPORT
    assert of_block(SuppressionReason.UNSUBSCRIBED_ALL) == ALL


def test_a_stop_holds_until_the_same_thing_is_taken_back_later() -> None:
    one, other = said(), said(scope=of_list("tips"))
    assert in_force([one, other], NOW + 2 * HOUR) == [one, other]
    assert in_force([said(BACK, -1), one], NOW) == [one], "whoever came back before may leave again"
    assert in_force([one, said(BACK, 1), other], NOW + 2 * HOUR) == [other]
    assert in_force([one, said(BACK, 1, person="-")], NOW) == [], "by the address alone"
    assert in_force([one, said(BACK, 1, address="b")], NOW) == [], "by the row, where the address is another now"
    assert in_force([one, said(BACK, 1, address="b", person="q")], NOW) == [one]


def test_where_a_clock_was_set_back_whoever_said_stop_is_left_alone() -> None:
    first, back, again = said(), said(BACK, 1), said(hours=0.5)
    assert in_force([first, back, again], NOW + 2 * HOUR) == [again], "said last, by a clock that was set back"
    assert in_force([back, again, first], NOW + 2 * HOUR) == [first, again], "a database may know one of the two"
    assert in_force([first, again, back], NOW + 2 * HOUR) == []
    assert in_force([back, said(hours=1)], NOW + 2 * HOUR) == [said(hours=1)], "in the same moment"
    long, short = said(hours=1, scope=PAUSE, until=NOW + 9 * HOUR), said(scope=PAUSE, until=NOW + 3 * HOUR)
    assert in_force([long, short], NOW) == in_force([short, long], NOW) == [long], "of two pauses the longer"


def test_the_last_word_on_a_pause_counts_and_ends_by_itself() -> None:
    long, short = said(scope=PAUSE, until=NOW + 9 * HOUR), said(hours=1, scope=PAUSE, until=NOW + 3 * HOUR)
    assert in_force([long, short], NOW + 2 * HOUR) == [short]
    assert in_force([long, short], NOW + 4 * HOUR) == []
