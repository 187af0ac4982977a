"""What reads like a promise: our doing and a day. Questions, wishes to the customer and what is over are none."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from outreach.cases.promise import find_promises
from outreach.workdays import WorkingHours

DESK = WorkingHours(ZoneInfo("Europe/Berlin"))
TUESDAY = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def found(text: str) -> list[tuple[str, str]]:
    return [(one.text, f"{one.due_at:%a %-d %b %H:%M}") for one in find_promises(text, TUESDAY, DESK)]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("We will refund the 49 euros by Friday.", "Fri 4 Dec 16:00"),
        ("You'll get a new cable within 3 working days.", "Fri 4 Dec 16:00"),
        ("You’ll get it in two weeks.", "Tue 15 Dec 16:00"),
        ("Your refund will be with you by 4 December.", "Fri 4 Dec 16:00"),
        ("Your refund will be with you by December 4th, 2026.", "Fri 4 Dec 16:00"),
        ("I'll call you tomorrow at 10.", "Wed 2 Dec 16:00"),
        ("Refund by Friday", "Fri 4 Dec 16:00"),
        ("The technician comes on Thursday.", "Thu 3 Dec 16:00"),
        ("We will replace it by the end of the month.", "Thu 31 Dec 16:00"),
        ("Your money will be back within 24 hours.", "Wed 2 Dec 10:00"),
        ("I will answer by 2026-12-04.", "Fri 4 Dec 16:00"),
        ("We will do it by 10 January.", "Sun 10 Jan 16:00"),
        ("Wir erstatten Ihnen den Betrag bis Freitag.", "Fri 4 Dec 16:00"),
        ("Sie erhalten den Ersatz innerhalb von 5 Werktagen.", "Tue 8 Dec 16:00"),
        ("Ich melde mich bis zum 4.12. bei Ihnen.", "Fri 4 Dec 16:00"),
        ("Das Paket kommt nächste Woche.", "Fri 11 Dec 16:00"),
    ],
)
def test_a_promise_and_its_day_are_read(text: str, due: str) -> None:
    assert [day for _, day in found(f"Dear Ann,\n\n{text}\n\nKind regards")] == [due]


@pytest.mark.parametrize(
    "text",
    [
        "Can you call us by Friday?",
        "Please send the old one back by Monday.",
        "If you send it by Friday, we will refund it.",
        "I will look into it.",
        "We shipped it on Monday.",
        "We are open Monday to Friday.",
        "> We will refund it by Friday.",
        "Bitte schicken Sie es bis Freitag zurück.",
        "We will pay on 31 February.",
    ],
)
def test_what_is_no_promise_is_not_suggested(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["we will " * 20_000, "1." * 100_000, "by " * 60_000, "will be " + "x " * 50_000])
def test_crafted_text_takes_no_longer(text: str) -> None:
    begun = time.perf_counter()
    find_promises(text, TUESDAY, DESK)
    assert time.perf_counter() - begun < 1.0
