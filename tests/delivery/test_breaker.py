"""A relay's breaker: equal to its diagram; it rests longer each time, and one mail tries it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from outreach.delivery.breaker import (
    FAILURES,
    MOVES,
    PROBE_TIME,
    Health,
    after_bad,
    after_good,
    probe,
    try_soon,
)
from outreach.words import BreakerEvent as Event
from outreach.words import BreakerState as State

DOC = Path(__file__).parents[2] / "docs" / "breaker-states.md"
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def opened(*, remedy: str = "") -> Health:
    return after_bad(Health(), NOW, "no connection", remedy, trip=True)


def test_the_diagram_in_the_docs_draws_exactly_the_table() -> None:
    drawn = DOC.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    arrows = re.findall(r"^ +(\w+) --> (\w+): (\w+)$", drawn, re.MULTILINE)
    assert len(arrows) == len(set(arrows))
    assert {(State(before), Event(event)): State(after) for before, after, event in arrows} == dict(MOVES)


def test_every_event_is_explained_in_the_docs() -> None:
    text = DOC.read_text(encoding="utf-8")
    assert {Event(name) for name in re.findall(r"^\| `(\w+)`", text, re.MULTILINE)} == set(Event)


def test_it_opens_after_so_many_failures_in_a_row_and_no_sooner() -> None:
    health = Health()
    for number in range(1, FAILURES):
        health = after_bad(health, NOW, "421 later")
        assert (health.breaker, health.failures) == (State.CLOSED, number)
    health = after_good(health, NOW)
    assert health.failures == 0
    for _ in range(FAILURES):
        health = after_bad(health, NOW, "421 later")
    assert health.breaker is State.OPEN
    assert health.reason == "421 later"
    assert health.retry_at == NOW + timedelta(seconds=15)


def test_what_a_person_must_mend_opens_it_at_once_and_for_longer() -> None:
    health = after_bad(Health(), NOW, "535 wrong password", "Check the password.", trip=True)
    assert (health.breaker, health.remedy) == (State.OPEN, "Check the password.")
    assert health.retry_at == NOW + timedelta(minutes=5)


def test_one_mail_tries_it_when_its_rest_is_over_and_nobody_else_meanwhile() -> None:
    health = opened()
    assert probe(health, NOW + timedelta(seconds=14)) is None
    tried = probe(health, NOW + timedelta(seconds=15))
    assert tried is not None and tried.breaker is State.HALF_OPEN
    assert probe(tried, NOW + timedelta(seconds=16)) is None
    assert probe(tried, NOW + timedelta(seconds=15) + PROBE_TIME) is not None, "the one that tried may be dead"


def test_each_try_that_fails_doubles_the_rest_up_to_a_limit_and_a_good_one_forgets_it() -> None:
    health, now, rests = opened(), NOW, []
    for _ in range(8):
        assert health.retry_at is not None
        rests.append((health.retry_at - now).total_seconds())
        now = health.retry_at
        tried = probe(health, now)
        assert tried is not None
        health = after_bad(tried, now, "no connection")
        assert health.breaker is State.OPEN
    assert rests == [15, 30, 60, 120, 240, 300, 300, 300]
    assert health.opened_at == NOW, "it has been out of order since then"
    healed = after_good(health, now)
    assert (healed.breaker, healed.rests, healed.opened_at) == (State.CLOSED, 0, None)


def test_a_person_may_have_it_tried_at_once() -> None:
    later = try_soon(opened(remedy="Check the password."), NOW + timedelta(seconds=1))
    assert probe(later, NOW + timedelta(seconds=1)) is not None
    assert try_soon(Health(), NOW) == Health()


def test_a_rest_that_began_under_a_clock_that_was_set_back_since_is_over() -> None:
    """Under a clock nine hours ahead it would have lasted nine hours, and with the only relay all mail with it."""
    health = opened()
    assert health.retry_at is not None
    assert probe(health, NOW - timedelta(hours=9)) is not None
    assert probe(health, NOW) is None


def test_late_failures_of_others_do_not_lengthen_a_rest() -> None:
    health = opened()
    for seconds in range(1, 10):
        health = after_bad(health, NOW + timedelta(seconds=seconds), "no connection", trip=seconds % 2 == 0)
    assert health.retry_at == NOW + timedelta(seconds=15)


@given(st.lists(st.sampled_from(["good", "bad", "trip", "person", "probe"]), max_size=60))
def test_whatever_happens_an_open_breaker_has_a_time_and_a_reason_and_a_closed_one_lets_mail_through(
    events: list[str],
) -> None:
    health, now = Health(), NOW
    for name in events:
        now += timedelta(seconds=7)
        if name == "good":
            health = after_good(health, now)
        elif name == "probe":
            health = probe(health, now) or health
        else:
            health = after_bad(health, now, "why", "mend it" if name == "person" else "", trip=name != "bad")
        if health.breaker is State.CLOSED:
            assert health.may_try(now)
        else:
            assert health.reason and health.retry_at is not None and health.opened_at is not None
            assert health.retry_at - now <= timedelta(hours=1)
