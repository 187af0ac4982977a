"""May we write to this person? The consent rule, alone: holds and budgets are the plan's.

Law: the surest refusal wins, in this order: erased, no address, suppressed, then, for bulk kinds only, the tie to
the list. Service mail (an answer, a confirmation) needs no subscription, but never goes to a suppressed address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ..records import BULK, YES, DeliveryState, Kind, Permission, SubscriptionState, SuppressionReason, withhold

SUPPRESSION_WORDS = {
    SuppressionReason.ABUSE_REPORT: "the recipient reported our mail as abuse",
    SuppressionReason.BAD_ADDRESS: "the address does not exist: mail to it bounced",
    SuppressionReason.UNSUBSCRIBED_ALL: "the person asked for no newsletters at all",
    SuppressionReason.BY_HAND: "a colleague blocked the address",
    SuppressionReason.IMPORTED: "the address came with an imported list of blocked addresses",
    SuppressionReason.ERASED: "the person asked to be erased",
    SuppressionReason.BOUNCES: "mail to this address bounced too often: it rests",
}
"""What each reason means, for a person to read."""
FOR_BULK_ONLY = (SuppressionReason.UNSUBSCRIBED_ALL, SuppressionReason.BOUNCES)


_STRENGTH = {reason: rank for rank, reason in enumerate(reversed(tuple(SuppressionReason)))} | {
    SuppressionReason.UNSUBSCRIBED_ALL: -1,
    SuppressionReason.BOUNCES: -2,
    SuppressionReason.ERASED: 99,
}


class Block(NamedTuple):
    """Why an address is blocked, when that ends (None: never), and what it rests on."""

    reason: SuppressionReason
    until: datetime | None
    evidence: str


def join_blocks(known: Block, new: Block, at: datetime) -> Block | None:
    """What becomes of a block when the address is blocked anew; None where it stays as it is.

    A stronger reason replaces a weaker one: erased, abuse report, bad address, by hand, imported, no newsletters. But
    neither ends the other sooner, nor lets mail through that the other stops: where each stops something that the
    other does not, the stronger reason stands for the longer time.
    """
    over = known.until is not None and known.until <= at
    if new.reason is SuppressionReason.BOUNCES and known.reason is not new.reason:
        return new if over else None
    lasts = known.until is None or (new.until is not None and known.until >= new.until)
    stronger = _STRENGTH[known.reason] >= _STRENGTH[new.reason]
    if lasts and stronger:
        return None
    if over or known.reason is SuppressionReason.BOUNCES or (lasts and known.until == new.until):
        return new
    if lasts and known.reason not in FOR_BULK_ONLY:
        return None
    if lasts:
        return Block(new.reason, known.until, _both(new, known))
    if stronger and new.reason in FOR_BULK_ONLY and known.reason not in FOR_BULK_ONLY:
        return Block(known.reason, new.until, _both(known, new))
    return new


def _both(one: Block, other: Block) -> str:
    also = f"also: {SUPPRESSION_WORDS[other.reason]}"
    return f"{one.evidence}; {also} ({other.evidence})" if other.evidence else f"{one.evidence}; {also}"


class MailFacts(NamedTuple):
    """What the consent rule needs to know of one customer and one list.

    `address`: there is an address to write to. `since`: when the subscription got its state.
    `suppressed_until`: the suppression's end where it has one. `suppression_evidence`: what it rests on.
    `until`: when the consent behind the subscription lapses, where it was only implied. `domain` is as `suppressed`,
    of the address's whole domain.
    """

    address: bool
    erased: bool = False
    subscription: SubscriptionState | None = None
    since: datetime | None = None
    suppressed: SuppressionReason | None = None
    suppressed_until: datetime | None = None
    suppression_evidence: str = ""
    until: datetime | None = None
    domain: SuppressionReason | None = None
    domain_until: datetime | None = None
    domain_evidence: str = ""


def may_mail(facts: MailFacts, kind: Kind, now: datetime) -> Permission:
    """Whether a mail of this kind may go to this person at `now`, as far as consent is concerned.

    A person who wants no newsletters at all (UNSUBSCRIBED_ALL), or whose address rests (BOUNCES), still gets the
    answer to a question of theirs; every other suppression stops service and test mail too.
    """
    if facts.erased:
        return withhold("erased", "the person's data was erased")
    if not facts.address:
        return withhold("no address", "no e-mail address is known")
    refusal = _suppressed(facts, kind, now) or _of_domain(facts, now)
    if refusal is not None:
        return refusal
    return _tie(facts, now) if kind in BULK else YES


def _suppressed(facts: MailFacts, kind: Kind, now: datetime) -> Permission | None:
    reason, until = facts.suppressed, facts.suppressed_until
    if reason is None or (until is not None and until <= now):
        return None
    if reason in FOR_BULK_ONLY and kind not in BULK:
        return None
    words = SUPPRESSION_WORDS[reason]
    if facts.suppression_evidence:
        words += f" ({facts.suppression_evidence})"
    if reason is SuppressionReason.BOUNCES:
        return withhold("bounces", f"{words}, until {until:%Y-%m-%d}" if until else words, until)
    return Permission(DeliveryState.SUPPRESSED, "suppressed", words, until)


def _of_domain(facts: MailFacts, now: datetime) -> Permission | None:
    if facts.domain is None or (facts.domain_until is not None and facts.domain_until <= now):
        return None
    words = f"{SUPPRESSION_WORDS[facts.domain]} ({facts.domain_evidence})"
    return Permission(DeliveryState.SUPPRESSED, "suppressed", words, facts.domain_until)


def _tie(facts: MailFacts, now: datetime) -> Permission:
    if facts.subscription is SubscriptionState.SUBSCRIBED:
        if facts.until is None or facts.until > now:
            return YES
        return withhold("consent lapsed", f"the consent was only implied and lapsed on {facts.until:%Y-%m-%d}")
    on = f" since {facts.since:%Y-%m-%d}" if facts.since else ""
    match facts.subscription:
        case SubscriptionState.UNSUBSCRIBED:
            return withhold("unsubscribed", f"unsubscribed from this list{on}")
        case SubscriptionState.PENDING:
            return withhold("not confirmed", f"the subscription waits to be confirmed{on}")
        case None:
            return withhold("not subscribed", "not subscribed to this list")


def words_for(words: str, others: Mapping[str, str], default: str, *wishes: str | None) -> tuple[str, str]:
    """The words by which somebody agrees to a list, and their language: the first wished for that it has, else the
    `default` language's, which are `words`. A wish may be an Accept-Language header.
    """
    own = _code(default)
    for wish in wishes:
        for part in (wish or "")[:200].split(","):
            code = _code(part)
            if others.get(code):
                return others[code], code
            if code == own:
                return words, own
    return words, own


def _code(wish: str) -> str:
    return wish.partition(";")[0].strip().lower().partition("-")[0]


IMPLIED = ("implied", "purchase", "sale", "customer", "kauf", "bestandskunde", "achat", "compra")
"""Ways of consent that nobody spoke: what a file may call them."""


def lapses_at(how: str, at: datetime, implied_days: int) -> datetime | None:
    """When a consent given in this way lapses by itself; None for one that was spoken, or where the list lets none."""
    if not implied_days or how.strip().lower() not in IMPLIED:
        return None
    return at + timedelta(days=implied_days)
