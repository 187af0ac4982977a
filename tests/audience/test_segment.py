from __future__ import annotations

from typing import Any

import pytest

from outreach.audience.segment import EVERYONE, judge_segment, parse_segment
from outreach.audience.segment_tree import AllOf, AnyOf, Not, OneOf
from outreach.errors import InputError

ANN: dict[str, Any] = {
    "email": "ann@example.com",
    "country": "DE",
    "language": "de",
    "first_name": "",
    "plan": "pro",
    "seats": 5,
    "score": 2.5,
    "vip": True,
    "since": "2024-06-01",
    "seen": "2025-03-01T08:00:00+01:00",
    "zip": "01067",
    "number": 10115,
    "nothing": None,
    "tags": ["a"],
}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("", True),
        ("   ", True),
        ('plan == "pro" and country in ("DE", "AT") and since < 2025-01-01 and not (language == "en")', True),
        ('country == "de"', True),
        ('language in ("DE",)', True),
        ("seats >= 5 and seats < 6 and score > 2", True),
        ("seats == 5.0", True),
        ("vip == true", True),
        ("vip == 1", False),
        ("seats == true", False),
        ("vip != false", True),
        ("seen == 2025-03-01", True),
        ("seen <= 2025-03-01 and seen >= 2025-03-01", True),
        ("plan < 2025-01-01", False),
        ("seats < 2025-01-01", False),
        ('plan < 3 or plan > 3 or seats < "z"', False),
        ('number == "10115" and number == 10115', True),
        ("zip == 1067", False),
        ('zip == "01067"', True),
        ('email contains "@example."', True),
        ('seats contains "5"', False),
        ('plan not contains "x"', True),
        ("first_name is empty and nothing is empty and absent is empty", True),
        ("tags is not empty", True),
        ('absent == "x" or absent < 3 or absent < "x" or absent contains "x" or absent in ("x", 3)', False),
        ('absent != "x" and absent not in ("x", 3)', True),
        ('first_name == ""', True),
        ('plan != ""', True),
        ('first_name < "z"', False),
        ('not not plan == "pro"', True),
        ('NOT plan == "pro" OR TRUE_ IS EMPTY', True),
        ("address == 'ann@example.com'", True),
        (r'plan == "p\"r" or plan == "pr\o"', True),
        ('plan == "no" or plan == "pro" and country == "FR"', False),
        ('(plan == "no" or plan == "pro") and country == "DE"', True),
    ],
)
def test_a_rule_judges_one_customer(rule: str, expected: bool) -> None:
    assert judge_segment(parse_segment(rule), ANN) is expected


@pytest.mark.parametrize(
    ("rule", "column", "words"),
    [
        ('plan = "x"', 6, "write == to compare"),
        ("plan == pro", 9, '"pro"'),
        ("(a == 1", 8, "the rule ends here"),
        ('a == "x', 6, "never closed"),
        ("a in ()", 7, "at least one value"),
        ("a in (1 2)", 9, "expected ,"),
        ("a <", 4, "expected a text in quotes"),
        ("== 1", 1, "the name of a field"),
        ("a == 2025-02-30", 6, "no day of the calendar"),
        ("a == 1 b == 2", 8, "`and`, `or` or the end"),
        ("a is 1", 6, "`empty`"),
        ("a == “x”", 6, "typographic"),
        ("a < true", 5, "no order"),
        ("a ? 1", 3, "neither a name"),
        ("a == 1.2.3", 6, "neither a name"),
        ("a == 12345678901234567890", 6, "too long for a number"),
        ('a in ("", "x")', 7, "is empty"),
        ('a contains ""', 12, "a text in quotation marks"),
        ("vip", 4, "after vip"),
        ("(" * 60 + "a == 1" + ")" * 60, 51, "brackets inside each other"),
        (" and ".join(["a == 1"] * 201), 2201, "conditions"),
        ("a in (" + ",".join(["1"] * 2001) + ")", 4007, "values"),
    ],
)
def test_a_mistake_is_told_with_its_column(rule: str, column: int, words: str) -> None:
    with pytest.raises(InputError) as told:
        parse_segment(rule)
    assert told.value.column == column
    assert words in told.value.message
    assert told.value.excerpt.splitlines()[1].index("^") - 4 == min(column, 60) - 1 or column > 60
    assert told.value.remedy


def test_a_rule_that_is_a_book_is_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        parse_segment("a" * 20_001)


def test_the_tree_is_typed_and_names_its_fields() -> None:
    segment = parse_segment('a == 1 or (B == "x" and not address is empty)')
    assert isinstance(segment.tree, AnyOf)
    assert segment.tree.parts[0] == OneOf("a", (1,))
    assert isinstance(segment.tree.parts[1], AllOf)
    assert isinstance(segment.tree.parts[1].parts[1], Not)
    assert segment.fields == {"a", "b", "email"}
    assert parse_segment("") is EVERYONE and EVERYONE.fields == frozenset()
