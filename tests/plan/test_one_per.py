"""Of those who live together one gets a newsletter: whoever may, the same from issue to issue, with the reason told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outreach.groups import GroupKind
from outreach.plan.one_per import (
    Mate,
    Other,
    in_order,
    judge_together,
    pass_over,
    wanted_kind,
    why_chosen,
)
from outreach.records import DeliveryState, Kind

DAY = datetime(2026, 12, 1, tzinfo=UTC)
HOME = GroupKind.HOUSEHOLD
MATES = st.builds(
    Mate,
    st.integers(1, 9),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 3).map(lambda days: DAY - timedelta(days=days)),
    st.none() | st.integers(0, 3).map(lambda days: DAY - timedelta(days=days)),
)


def test_whoever_had_the_last_issue_comes_first_then_the_newest_sign_then_the_longest_subscription() -> None:
    plain, early = Mate(1, since=DAY), Mate(2, since=DAY - timedelta(days=9))
    alive = Mate(3, sign_at=DAY, since=DAY)
    had = Mate(4, had_last=True, since=DAY)
    planned = Mate(5, planned=True, since=DAY)
    everybody = [plain, early, alive, had, planned]
    assert in_order(everybody) == [planned, had, alive, early, plain]
    assert why_chosen(planned, [had]) == "it was planned for them already"
    assert why_chosen(had, [alive]) == "they had the last issue"
    assert why_chosen(alive, [early]) == "their last sign of life is the newest (2026-12-01)"
    assert why_chosen(early, [plain]) == "they are subscribed longest (2026-11-22)"
    assert why_chosen(Mate(1), [Mate(2)]) == "they were known first"


@given(st.lists(MATES, min_size=1, max_size=5, unique_by=lambda one: one.customer_id))
def test_the_choice_does_not_depend_on_the_order_in_which_they_are_read(mates: list[Mate]) -> None:
    chosen = in_order(mates)[0]
    assert in_order(reversed(mates))[0] == chosen
    others = [one for one in mates if one != chosen]
    again = [one._replace(had_last=False, planned=False) for one in others]
    next_time = chosen._replace(had_last=True, planned=False)
    assert in_order([*again, next_time])[0] == next_time, "who had it once gets the next one too"


def test_a_refusal_names_the_other_by_number_and_never_by_address() -> None:
    said = pass_over(HOME, 17, "they had the last issue")
    assert (said.state, said.reason) == (DeliveryState.WITHHELD, "one per household")
    assert said.evidence == "customer 17 of the same household gets it: they had the last issue"


def test_a_campaigns_own_word_counts_before_its_lists() -> None:
    assert wanted_kind(Kind.NEWS, "", "household") is HOME
    assert wanted_kind(Kind.NEWS, "person", "household") is None
    assert wanted_kind(Kind.OFFER, "company", "household") is GroupKind.COMPANY
    assert wanted_kind(Kind.SERVICE, "household", "household") is None, "what concerns somebody goes to them"
    assert wanted_kind(Kind.TIPS, "", "") is None


def _other(state: DeliveryState, *, first: bool = False) -> Other:
    return Other(4, state, first)


def test_two_who_are_both_to_get_it_are_judged_again_and_one_does() -> None:
    for state in (DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT, DeliveryState.DEFERRED):
        assert judge_together(HOME, [_other(state)]).reason == "one per household", state
    for state in (DeliveryState.QUEUED, DeliveryState.CLAIMED):
        assert judge_together(HOME, [_other(state)]).allowed
        assert not judge_together(HOME, [_other(state, first=True)]).allowed
    for state in (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.FAILED, DeliveryState.CANCELLED):
        assert judge_together(HOME, [_other(state, first=True)]).allowed, "who does not get it stands in nobody's way"
    assert judge_together(None, [_other(DeliveryState.SENT)]).allowed
