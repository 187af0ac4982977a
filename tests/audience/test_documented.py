"""docs/customers.md and docs/segments.md say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outreach.audience.headings import FIELDS
from outreach.audience.segment import parse_segment
from outreach.audience.segment_tree import COLUMNS
from outreach.audience.segment_words import EVENTS, FACTS, REGIONS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "customers.md").read_text(encoding="utf-8")
SEGMENTS = (DOCS / "segments.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```segment\n(.*?)```", SEGMENTS, re.DOTALL)[0].splitlines()


@pytest.mark.parametrize("rule", EXAMPLES)
def test_every_segment_shown_is_one(rule: str) -> None:
    assert parse_segment(rule).tree is not None


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_told(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", sorted({*COLUMNS, *FACTS}))
def test_every_column_and_fact_is_told(name: str) -> None:
    assert f"`{name}`" in SEGMENTS


@pytest.mark.parametrize("name", EVENTS)
def test_every_question_is_told_with_its_marks(name: str) -> None:
    [line] = [line for line in SEGMENTS.splitlines() if line.startswith("|") and f"`{name}(…)`" in line]
    assert all(f"`{mark}`" in line for mark in EVENTS[name].marks)


@pytest.mark.parametrize("name", REGIONS)
def test_every_region_is_told(name: str) -> None:
    assert name in SEGMENTS
