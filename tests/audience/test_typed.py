from __future__ import annotations

from typing import Any

import pytest

from outreach.audience.segment import judge_segment, parse_segment
from outreach.audience.segment_tree import Segment
from outreach.audience.typed import read_as, typed_value
from outreach.records import AttributeKind

TEXT, NUMBER, DAY, TRUTH, LIST = AttributeKind


@pytest.mark.parametrize(
    ("kind", "value", "read", "seen"),
    [
        (TEXT, 10115, "10115", "10115"),
        (TEXT, "01067", "01067", "01067"),
        (TEXT, 2.5, "2.5", "2.5"),
        (TEXT, True, "true", "true"),
        (TEXT, "", "", None),
        (TEXT, ["a"], ["a"], None),
        (NUMBER, "5", 5, 5),
        (NUMBER, " 2.50 ", 2.5, 2.5),
        (NUMBER, "05", "05", None),
        (NUMBER, "n/a", "n/a", None),
        (NUMBER, True, True, None),
        (NUMBER, 7, 7, 7),
        (DAY, "31.12.2025", "2025-12-31", "2025-12-31"),
        (DAY, "2025-03-01T08:00:00+01:00", "2025-03-01T08:00:00+01:00", "2025-03-01"),
        (DAY, "soon", "soon", None),
        (DAY, 20250301, 20250301, None),
        (TRUTH, "ja", True, True),
        (TRUTH, "no", False, False),
        (TRUTH, 1, 1, None),
        (TRUTH, None, None, None),
        (LIST, "vip; beta, 'x'", ["vip", "beta", "x"], ["vip", "beta", "x"]),
        (LIST, '["a,b", 5]', ["a,b", 5], ["a,b", "5"]),
        (LIST, ["a", 5, 2.5, True, None], ["a", 5, 2.5, True, None], ["a", "5"]),
        (LIST, 7, ["7"], ["7"]),
        (LIST, "", "", None),
        (LIST, [], [], None),
        (LIST, True, True, None),
    ],
)
def test_a_value_is_read_as_its_attribute_is_declared(kind: AttributeKind, value: Any, read: Any, seen: Any) -> None:
    found = read_as(kind, value)
    assert (found, type(found)) == (read, type(read))
    assert typed_value(kind, found) == seen


def test_a_text_of_several_that_is_declared_a_list_has_the_same_members() -> None:
    rule = parse_segment('"vip" in tags')
    as_list = Segment(rule.text, rule.tree, kinds={"tags": LIST})
    for text in ("vip", "a; vip", 'b|"vip"', "a , vip", "vipp", "a vip", ""):
        assert judge_segment(as_list, {"tags": text}) is judge_segment(rule, {"tags": text}), text
    assert not judge_segment(Segment("", parse_segment('tags == "vip"').tree, kinds={"tags": LIST}), {"tags": "vip"})


def test_what_does_not_fit_is_missing_for_a_segment() -> None:
    parsed = parse_segment('seats > 3 or seats == "n/a"')
    declared = Segment(parsed.text, parsed.tree, kinds={"seats": NUMBER})
    assert [judge_segment(declared, {"seats": value}) for value in (5, "5", "n/a")] == [True, False, False]
    assert judge_segment(parsed, {"seats": "n/a"})
