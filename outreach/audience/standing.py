"""How a person of a file stands to our mail: on the list, waiting, gone, blocked, or kept without a subscription.

Law: of two things that a row says the one that stops more counts.
"""

from __future__ import annotations

from typing import NamedTuple

from ..records import SubscriptionState, SuppressionReason
from .places import fold


class Standing(NamedTuple):
    """`state` None: no subscription is made. `block`: the address is blocked for this reason."""

    state: SubscriptionState | None
    block: SuppressionReason | None = None


KEPT = Standing(None)
"""A customer like any other, who is on no list."""
_BLOCKS = {
    SuppressionReason.BAD_ADDRESS: "bounced, bounce, hard bounced, hardbounce, hard bounce, invalid, undeliverable,"
    " cleaned, unreachable, unzustellbar, ungültig, rejeté, rebotado",
    SuppressionReason.ABUSE_REPORT: "complained, complaint, spam, spam complaint, abuse",
    SuppressionReason.IMPORTED: "blocked, blacklisted, blocklisted, suppressed, gesperrt",
}
_BLOCK_BY_WORD = {fold(word): reason for reason, words in _BLOCKS.items() for word in words.split(",")}
_ORDER = (SubscriptionState.SUBSCRIBED, SubscriptionState.PENDING, None, SubscriptionState.UNSUBSCRIBED)
_WEIGHT = (
    None,
    SuppressionReason.UNSUBSCRIBED_ALL,
    SuppressionReason.IMPORTED,
    SuppressionReason.BAD_ADDRESS,
    SuppressionReason.ABUSE_REPORT,
)


def read_block(word: str) -> SuppressionReason | None:
    """Why an address with this word as its status must not be written to; None where the word says no such thing."""
    return _BLOCK_BY_WORD.get(fold(word))


def stricter(one: Standing | None, other: Standing | None) -> Standing | None:
    """Of two standings the state and the block that stop more; None says nothing."""
    if one is None or other is None:
        return one or other
    state = max(one.state, other.state, key=_ORDER.index)
    return Standing(state, max(one.block, other.block, key=_WEIGHT.index))
