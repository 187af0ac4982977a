"""Who follows a link: a person, or a program that looks into everybody's mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outreach.delivery.touch import Fetch, why_no_person

SENT = datetime(2026, 12, 1, 9, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
ANN = Fetch("GET", FIREFOX, SENT + timedelta(minutes=3), SENT)


def test_a_browser_some_time_after_the_delivery_is_a_person() -> None:
    assert why_no_person(ANN) == ""
    assert why_no_person(replace(ANN, others=[2])) == ""


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"method": "HEAD"}, "asked by HEAD only"),
        ({"purpose": "prefetch;prerender"}, "fetched ahead by a browser"),
        ({"agent": ""}, "said nothing of itself"),
        ({"agent": "Barracuda Sentinel (EE)"}, "a program by its own word: barracuda"),
        ({"agent": "python-requests/2.32"}, "a program by its own word: python-"),
        ({"agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "a program by its own word: bot"),
        ({"others": [2, 3]}, "many links of the mail within seconds"),
        ({"at": SENT + timedelta(seconds=4)}, "within seconds of the delivery"),
        ({"sent_at": None}, "within seconds of the delivery"),
    ],
)
def test_programs_are_told_by_what_they_say_and_do(other: dict[str, object], words: str) -> None:
    assert why_no_person(replace(ANN, **other)) == words  # type: ignore[arg-type]


def test_a_picture_is_fetched_by_a_persons_proxy_or_by_one_that_fetches_all() -> None:
    google = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    assert why_no_person(replace(ANN, agent=google, is_open=True)) == ""
    assert why_no_person(replace(ANN, agent=google, is_open=True, at=SENT)) == "within seconds of the delivery"
    assert "privacy proxy" in why_no_person(replace(ANN, agent="Mozilla/5.0", is_open=True))
