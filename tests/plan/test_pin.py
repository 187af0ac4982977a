from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.plan.pin import GOES, Line, Shift, changed_parts, compare, digest, drift_words, may_pass, pack, unpack

NAMES = st.text("abcdefghij-", min_size=1, max_size=8)
LINES = st.one_of(
    st.builds(Line, st.just(GOES), st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(Line, st.sampled_from(["open complaint", "unsubscribed", "budget", "held out"])),
)
PLANS = st.dictionaries(st.integers(1, 50), LINES, max_size=20)
CONTENT = {"text": "a1", "layout": "b2", "tips": "c3"}


@settings(deadline=None)
@given(PLANS)
def test_what_is_kept_is_read_back_and_has_the_same_digest_in_any_order(plan: dict[int, Line]) -> None:
    assert unpack(pack(plan)) == plan
    turned = dict(reversed(plan.items()))
    assert digest(CONTENT, "o", turned) == digest(dict(reversed(CONTENT.items())), "o", plan)


@settings(deadline=None)
@given(PLANS, PLANS)
def test_plans_have_one_digest_just_where_nobody_differs(one: dict[int, Line], other: dict[int, Line]) -> None:
    shifts = compare(one, other)
    assert (digest(CONTENT, "o", one) == digest(CONTENT, "o", other)) is (not shifts)
    assert bool(drift_words([], shifts)) is bool(shifts)
    patched = dict(one)
    for shift in shifts:
        if shift.after is None:
            del patched[shift.person]
        else:
            patched[shift.person] = shift.after
    assert patched == other


@pytest.mark.parametrize("part", [*CONTENT, "sender"])
def test_a_change_of_what_the_mail_says_is_a_drift_and_is_named(part: str) -> None:
    changed = CONTENT | {part: "other"}
    assert digest(CONTENT, "o", {}) != digest(changed, "o", {})
    assert len(changed_parts(CONTENT, changed)) == 1
    assert digest(CONTENT, "o", {}) != digest(CONTENT, "other", {})


def test_the_words_of_a_drift_count_people_by_what_became_of_them() -> None:
    goes, other, held = Line(GOES, ("a",)), Line(GOES, ("b",)), Line("open complaint")
    shifts = [
        Shift(1, goes, held),
        Shift(2, None, goes),
        Shift(3, held, goes),
        Shift(4, goes, other),
        Shift(5, held, Line("unsubscribed")),
    ]
    assert drift_words(["the text"], shifts) == (
        "the text; 2 people more, 1 person fewer, 1 person with other tips, 1 person left out for another reason"
    )


@settings(deadline=None)
@given(PLANS, st.sets(st.integers(1, 50)))
def test_a_plan_that_only_lost_people_may_pass_where_the_policy_says_so(plan: dict[int, Line], lost: set[int]) -> None:
    fewer = {person: Line("unsubscribed") if person in lost else line for person, line in plan.items()}
    shifts = compare(plan, fewer)
    assert may_pass([], shifts, "fewer")
    assert not may_pass([], shifts, "any")
    assert not may_pass(["the text"], shifts, "fewer")
    back = compare(fewer, plan)
    assert may_pass([], back, "fewer") is not any(plan[shift.person].goes for shift in back)
