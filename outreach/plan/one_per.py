"""One newsletter per household (or company): who of those who live together gets it.

Laws: only whoever may get it is chosen, by their own consent: nobody is mailed because another in the house agreed. The
choice is the same from issue to issue: whoever had the last one, then whoever gave a sign of life last, then whoever is
subscribed longest. Whoever has it already, or is to get it, is judged again when another one's mail leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..groups import GroupKind
from ..records import BULK, YES, DeliveryState, Kind, Permission, withhold
from .holdout import HELD_OUT

ONE_PER = {kind: f"one per {kind.value}" for kind in GroupKind}
"""The reason of whoever is passed over because another of theirs gets it."""
NOTHING_NEW = "nothing new"
COUNTS_AS_GOT = frozenset({HELD_OUT, NOTHING_NEW})
"""Reasons for which one of them does without it and no other gets it instead: the house is held out, or had it."""
HAVE_IT = frozenset({DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT})
TO_GET_IT = frozenset({DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.DEFERRED})
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


class Mate(NamedTuple):
    """One of those who live together, as they are chosen among. `planned`: the edition is under way to them."""

    customer_id: int
    planned: bool = False
    had_last: bool = False
    sign_at: datetime | None = None
    since: datetime | None = None


class Other(NamedTuple):
    """Another one's mail of the same edition. `first`: of two who both wait, theirs goes."""

    customer_id: int
    state: DeliveryState
    first: bool


def wanted_kind(kind: Kind, own: str, of_list: str) -> GroupKind | None:
    """Of which groups one person each gets it, by a campaign's own word, else its list's; None: everybody does."""
    word = own or of_list
    return GroupKind(word) if kind in BULK and word in set(GroupKind) else None


def in_order(mates: Iterable[Mate]) -> list[Mate]:
    """Whom the mail is for, first of all, and who gets it where the ones before may not."""
    return sorted(
        mates,
        key=lambda one: (
            not one.planned,
            not one.had_last,
            -(one.sign_at or _NEVER).timestamp(),
            (one.since or _NEVER).timestamp() if one.since else float("inf"),
            one.customer_id,
        ),
    )


def why_chosen(chosen: Mate, others: Sequence[Mate]) -> str:
    """Why it is this one and none of the others, who may get it too."""
    if chosen.planned:
        return "it was planned for them already"
    if chosen.had_last and not all(one.had_last for one in others):
        return "they had the last issue"
    if chosen.sign_at is not None and any(one.sign_at != chosen.sign_at for one in others):
        return f"their last sign of life is the newest ({chosen.sign_at:%Y-%m-%d})"
    if chosen.since is not None and any(one.since != chosen.since for one in others):
        return f"they are subscribed longest ({chosen.since:%Y-%m-%d})"
    return "they were known first"


def pass_over(kind: GroupKind, chosen: int, why: str) -> Permission:
    """The refusal for whoever is not the one."""
    return withhold(ONE_PER[kind], f"customer {chosen} of the same {kind.value} gets it: {why}")


def judge_together(kind: GroupKind | None, others: Sequence[Other]) -> Permission:
    """Whether another one of the house has this very mail, or is to get it first."""
    if kind is None:
        return YES
    for one in others:
        if one.state in HAVE_IT:
            return withhold(ONE_PER[kind], f"customer {one.customer_id} of the same {kind.value} has it")
    for one in others:
        if one.state in TO_GET_IT and (one.first or one.state is DeliveryState.DEFERRED):
            return withhold(ONE_PER[kind], f"customer {one.customer_id} of the same {kind.value} gets it")
    return YES


def stands_in(gone: int) -> str:
    """Why somebody who was passed over gets it after all."""
    return f"in the place of customer {gone}, who could not get it"
