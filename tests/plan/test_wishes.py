"""How somebody would rather be written to, and what that stops."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from outreach.plan.wishes import NO_TOPIC, PAUSED, RARELY, judge_wish, unwanted_topics
from outreach.records import DeliveryState, Kind

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Wish:
    paused_until: datetime | None = None
    every_days: int = 0
    no_topics: list[str] = field(default_factory=list)


def judge(wish: Wish | None, *, kind: Kind = Kind.TIPS, topics=(), sent=(), life: int = 5):  # type: ignore[no-untyped-def]
    return judge_wish(kind, topics, wish, sent, NOW, NOW + life * DAY)


@pytest.mark.parametrize("wish", [None, Wish()])
def test_without_a_wish_all_goes(wish: Wish | None) -> None:
    assert judge(wish, topics=["descaling"]).allowed


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.TEST])
def test_what_a_person_must_know_goes_whatever_they_wish(kind: Kind) -> None:
    wish = Wish(NOW + DAY, 30, ["descaling"])
    assert judge(wish, kind=kind, topics=["descaling"], sent=[NOW - DAY]).allowed


def test_a_pause_lets_wait_what_is_still_worth_something_then() -> None:
    said = judge(Wish(NOW + 3 * DAY))
    assert (said.state, said.reason, said.later) == (None, PAUSED, NOW + 3 * DAY)
    assert said.evidence == "asked for a pause until 4 Dec 2026"


def test_a_pause_withholds_what_is_worth_nothing_then_and_does_not_let_it_go() -> None:
    said = judge(Wish(NOW + 30 * DAY))
    assert (said.state, said.reason) == (DeliveryState.WITHHELD, PAUSED)
    assert judge(Wish(NOW - DAY)).allowed, "it is over"


def test_rather_less_often_counts_from_the_last_newsletter() -> None:
    assert judge(Wish(every_days=30), sent=[NOW - 31 * DAY]).allowed
    said = judge(Wish(every_days=30), sent=[NOW - 40 * DAY, NOW - 28 * DAY])
    assert (said.state, said.reason, said.later) == (None, RARELY, NOW + 2 * DAY)
    assert "at most one newsletter in 30 days; the last went on 2026-11-03" in said.evidence
    assert judge(Wish(every_days=30), sent=[NOW - DAY]).state is DeliveryState.WITHHELD


def test_a_mail_goes_unless_all_that_it_is_about_is_unwanted() -> None:
    wish = Wish(no_topics=["descaling"])
    assert judge(wish, topics=[]).allowed
    assert judge(wish, topics=["descaling", "cleaning"]).allowed
    said = judge(wish, topics=["descaling"])
    assert (said.state, said.reason) == (DeliveryState.WITHHELD, NO_TOPIC)
    assert said.evidence == "asked for nothing about descaling"
    assert unwanted_topics(wish) == {"descaling"}
    assert unwanted_topics(None) == frozenset()
