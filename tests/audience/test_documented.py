"""docs/customers.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outreach.audience.headings import FIELDS
from outreach.audience.segment import parse_segment
from outreach.audience.segment_tree import COLUMNS

TEXT = (Path(__file__).parents[2] / "docs" / "customers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```segment\n(.*?)```", TEXT, re.DOTALL)[0].splitlines()


@pytest.mark.parametrize("rule", EXAMPLES)
def test_every_segment_shown_is_one(rule: str) -> None:
    assert parse_segment(rule).fields


@pytest.mark.parametrize("name", [*FIELDS, *COLUMNS])
def test_every_field_and_column_is_told(name: str) -> None:
    assert f"`{name}`" in TEXT
