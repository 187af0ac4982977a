"""Consent as it is given, withdrawn and restored; addresses that must never be written to.

Law: every act adds a Consent row with its evidence, none is ever changed; whatever stops mail bumps the customer's
version in the same transaction (RELIABILITY I8). The caller commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, select, text
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as orm_select

from ..audience.acts import agreed_lists, lists_of_last_withdrawal
from ..audience.consent import Block, MailFacts, join_blocks, lapses_at
from ..audience.stops import BACK, SAID, STOP
from ..records import (
    Consent,
    ConsentAct,
    Customer,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from .contacts import keys_now
from .customers import PAGE, bump_versions
from .database import rows_in_chunks
from .prepared import Among, Change, NewRow, Prepared, instant
from .stops import note_block, note_lists

MESSAGE_EVIDENCE = "message "
"""How the evidence of an act begins that a message caused; then the message's public id."""


def unsubscribe(
    session: Session,
    *,
    customer_id: int,
    list_id: int | None,
    at: datetime,
    how: str,
    evidence: str,
    words: str = "",
    by: str = "",
) -> bool:
    """Stop bulk mail of one list, or of all lists and all to come; False where it had stopped already.

    `how`: mail, one_click, page, person, abuse_report, import. `evidence`: a Message-ID, a token, file and row.
    """
    session.flush()
    person = _KEY_OF.rows(session, id=customer_id)
    if not person:
        return False
    ties = sorted(tie for tie in _TIES.rows(session, customer=customer_id) if list_id in (None, tie[1]))
    ending = [(number, one) for number, one, state in ties if state != SubscriptionState.UNSUBSCRIBED]
    for number, _ in ending:
        _TIE_STATE.write(session, number, {"state": SubscriptionState.UNSUBSCRIBED, "changed_at": at})
        _see_again(session, Subscription, number)
    changed: list[int | None] = [one for _, one in ending]
    if list_id is not None and not ties:
        # a withdrawal is kept even where nothing was given: an import must not subscribe this person later
        state = SubscriptionState.UNSUBSCRIBED
        _NEW_TIE.add(session, customer_id=customer_id, list_id=list_id, state=state, changed_at=at)
        changed = [list_id]
    if list_id is None and person[0][0] is not None:
        key, reason = person[0][0], SuppressionReason.UNSUBSCRIBED_ALL
        changed += [None] if _set_suppression(session, key, reason, at, evidence, None) else []
    if changed:
        note_lists(session, STOP, at, (customer_id, *person[0]), [*changed, list_id])
    for one in changed:
        _ACT.add(
            session,
            customer_id=customer_id,
            list_id=one,
            act=ConsentAct.WITHDRAWN,
            at=at,
            how=how,
            words=words,
            evidence=evidence,
            by=by,
        )
    if changed:
        session.flush()
        bump_versions(session, [customer_id], at)
        _see_again(session, Customer, customer_id)
    return bool(changed)


_KEY_OF = Prepared(
    select(col(Customer.address_key), col(Customer.public_id)).where(col(Customer.id) == bindparam("id"))
)
_TIES = Prepared(
    select(col(Subscription.id), col(Subscription.list_id), col(Subscription.state)).where(
        col(Subscription.customer_id) == bindparam("customer")
    )
)
_TIE_STATE, _NEW_TIE, _ACT = Change(Subscription), NewRow(Subscription), NewRow(Consent)


def _see_again(session: Session, record: type[SQLModel], number: int) -> None:
    """What the session holds of a row that was written beside it is read anew."""
    known = session.identity_map.get(identity_key(record, number))
    if known is not None:
        session.refresh(known)


def resubscribe(
    session: Session,
    *,
    customer_id: int,
    list_id: int | None,
    at: datetime,
    how: str,
    evidence: str,
    words: str = "",
    language: str = "",
    by: str = "",
) -> bool:
    """Give back what a withdrawal took, by the person's own wish or because the machine misread them.

    With a list: that one. Without: what the newest withdrawal from all lists took. False where nothing was withdrawn.
    A list that asks twice and was never confirmed waits again, unless `words` say that it is wanted.
    """
    customer = session.get(Customer, customer_id)
    if customer is None:
        return False
    acts = consent_history(session, customer_id)
    unconfirmed = set() if words else _asking_twice(session) - agreed_lists(acts)
    wanted = [list_id] if list_id is not None else lists_of_last_withdrawal(acts)
    changed: list[int | None] = []
    for one in wanted:
        for tie in _ties(session, customer_id, one):
            if tie.state is SubscriptionState.UNSUBSCRIBED:
                waits = tie.list_id in unconfirmed
                _set_state(session, tie, SubscriptionState.PENDING if waits else SubscriptionState.SUBSCRIBED, at)
                changed.append(tie.list_id)
    block = None if customer.address_key is None else find_suppression(session, customer.address_key)
    if block is not None and block.reason is SuppressionReason.UNSUBSCRIBED_ALL:
        session.delete(block)
        changed.append(None)
    if changed:  # no block is left that would stop all lists
        told = (customer_id, customer.address_key, customer.public_id)
        note_lists(session, BACK, at, told, [*changed, None])
    session.add_all(
        Consent(
            customer_id=customer_id,
            list_id=one,
            act=ConsentAct.RESTORED,
            at=at,
            how=how,
            words=words,
            language=language,
            evidence=evidence,
            by=by,
        )
        for one in changed
    )
    session.flush()
    return bool(changed)


def _asking_twice(session: Session) -> set[int]:
    return set(session.execute(select(col(MailingList.id)).where(col(MailingList.double_opt_in))).scalars())


def subscribe(
    session: Session,
    *,
    customer_id: int,
    list_id: int,
    at: datetime,
    how: str,
    evidence: str,
    words: str = "",
    language: str = "",
    by: str = "",
    state: SubscriptionState = SubscriptionState.SUBSCRIBED,
) -> bool:
    """Put a person on a list with the proof of their consent; one who has unsubscribed stays so (False).

    A consent that was only implied lapses as the list says; one that is spoken later takes its place (True).
    """
    ties = _ties(session, customer_id, list_id)
    act: dict[str, Any] = {"at": at, "how": how, "words": words, "language": language, "evidence": evidence, "by": by}
    mailing_list = session.get_one(MailingList, list_id)
    until = lapses_at(how, at, mailing_list.implied_days)
    if ties and ties[0].until is not None and ties[0].state is SubscriptionState.SUBSCRIBED is state and until is None:
        return _speak(session, ties[0], **act)
    if ties and (ties[0].state is not SubscriptionState.PENDING or state is SubscriptionState.PENDING):
        return False
    tie = ties[0] if ties else _tie(customer_id, list_id, state, at)
    _set_state(session, tie, state, at)
    tie.until = until
    session.add(tie)
    if state is SubscriptionState.SUBSCRIBED:
        session.add(Consent(customer_id=customer_id, list_id=list_id, act=ConsentAct.GIVEN, **act))
    session.flush()
    return True


def _speak(session: Session, tie: Subscription, **act: Any) -> bool:
    """What was only implied is said now: it no longer lapses."""
    tie.until = None
    session.add(tie)
    session.add(Consent(customer_id=tie.customer_id, list_id=tie.list_id, act=ConsentAct.GIVEN, **act))
    session.flush()
    return True


def asks_twice(session: Session, list_id: int | None) -> bool:
    """Whether this list has its subscriptions confirmed by the owner of the address."""
    row = session.get(MailingList, list_id) if list_id is not None else None
    return row is not None and row.double_opt_in


_OF_DOMAINS = text("substr(address_key, 1, 1) = '@'")
"""Word for word as the index of just these rows. (By order, signs mix with letters where a server has a language.)"""


def blocked_domains(session: Session, now: datetime) -> dict[str, Suppression]:
    """Domains that are never written to at `now`, by their key. Nearly always none."""
    rows = session.exec(orm_select(Suppression).where(_OF_DOMAINS))
    return {one.address_key[1:]: one for one in rows if one.expires_at is None or one.expires_at > now}


def suppress(
    session: Session,
    *,
    address_key: str,
    reason: SuppressionReason,
    at: datetime,
    evidence: str,
    expires_at: datetime | None = None,
) -> bool:
    """Never write to this address again (or not before `expires_at`); False where it is so already.

    Where a block stands already `audience.consent.join_blocks` decides. What somebody said under an address that they
    no longer have reaches the one that they have now.
    """
    changed = _set_suppression(session, address_key, reason, at, evidence, expires_at)
    whose = [row[0] for row in _WITH_KEY.rows(session, key=address_key)]
    if changed:
        session.flush()
        note_block(session, STOP, at, address_key, reason, expires_at)
        bump_versions(session, whose, at)
    for one in () if whose or reason not in SAID else keys_now(session, address_key):
        told = f"said of an earlier address of theirs: {evidence}"
        changed |= suppress(session, address_key=one, reason=reason, at=at, evidence=told, expires_at=expires_at)
    return changed


_WITH_KEY = Prepared(select(col(Customer.id)).where(col(Customer.address_key) == bindparam("key")))


def unsuppress(session: Session, *, address_key: str, at: datetime) -> bool:
    """Take an address off the block list; False where it does not stand there. Consent is not restored by this."""
    block = find_suppression(session, address_key)
    if block is None:
        return False
    note_block(session, BACK, at, address_key, block.reason)
    session.delete(block)
    session.flush()
    return True


def find_suppression(session: Session, address_key: str) -> Suppression | None:
    """The block on an address, expired or not."""
    if not _BLOCKED.rows(session, key=address_key):
        return None
    return session.exec(orm_select(Suppression).where(Suppression.address_key == address_key)).first()


_BLOCKED = Prepared(select(col(Suppression.address_key)).where(col(Suppression.address_key) == bindparam("key")))


def suppressed_keys(session: Session, address_keys: Sequence[str], now: datetime) -> dict[str, SuppressionReason]:
    """Those of these addresses that are blocked at `now`, with the reason."""
    found: dict[str, SuppressionReason] = {}
    if not address_keys or not _ANY_BLOCK.rows(session):
        return found
    for part in rows_in_chunks(list(address_keys), PAGE):
        query = select(col(Suppression.address_key), col(Suppression.reason), col(Suppression.expires_at))
        for key, reason, until in session.connection().execute(query.where(col(Suppression.address_key).in_(part))):
            if until is None or until > now:
                found[key] = reason
    return found


_ANY_BLOCK = Prepared(select(col(Suppression.id)).limit(1))


def mail_facts(session: Session, list_id: int | None, customer_ids: Sequence[int]) -> dict[int, MailFacts]:
    """What `may_mail` needs to know of these customers and one list (None: a mail of no list)."""
    facts: dict[int, MailFacts] = {}
    for part in rows_in_chunks(list(customer_ids), PAGE):
        for row in _MAIL_FACTS.rows(session, ids=part, list=list_id):
            facts[row[0]] = read_mail_facts(row[1:])
    return facts


def read_mail_facts(row: Sequence[Any]) -> MailFacts:
    """The facts in `MAIL_COLUMNS`, as the driver gave them."""
    return MailFacts(
        bool(row[0]),
        row[1] is not None,
        _STATES.get(row[2]),
        instant(row[3]),
        _REASONS.get(row[4]),
        instant(row[5]),
        row[6] or "",
        instant(row[7]),
    )


_STATES = {state.value: state for state in SubscriptionState}
_REASONS = {reason.value: reason for reason in SuppressionReason}
MAIL_COLUMNS: tuple[Any, ...] = (
    col(Customer.address),
    col(Customer.erased_at),
    col(Subscription.state),
    col(Subscription.changed_at),
    col(Suppression.reason),
    col(Suppression.expires_at),
    col(Suppression.evidence),
    col(Subscription.until),
)
"""What a `MailFacts` is made of. A forecast reads the same of everybody at once (`store.crowd`)."""
_MAIL_FACTS = Prepared(
    select(col(Customer.id), *MAIL_COLUMNS)
    .outerjoin(
        Subscription,
        and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == bindparam("list")),
    )
    .outerjoin(Suppression, col(Suppression.address_key) == col(Customer.address_key))
    .where(Among(col(Customer.id), "ids"))
)


def consent_history(session: Session, customer_id: int) -> list[Consent]:
    """Every act of consent of one customer, oldest first."""
    query = orm_select(Consent).where(Consent.customer_id == customer_id)
    return list(session.exec(query.order_by(col(Consent.at), col(Consent.id))))


def subscriptions_of(session: Session, customer_id: int) -> list[Subscription]:
    """The customer's ties to lists."""
    query = orm_select(Subscription).where(Subscription.customer_id == customer_id)
    return list(session.exec(query.order_by(col(Subscription.list_id))))


def _ties(session: Session, customer_id: int, list_id: int | None) -> list[Subscription]:
    return [tie for tie in subscriptions_of(session, customer_id) if list_id is None or tie.list_id == list_id]


def _tie(customer_id: int, list_id: int, state: SubscriptionState, at: datetime) -> Subscription:
    return Subscription(list_id=list_id, customer_id=customer_id, state=state, changed_at=at)


def _set_state(session: Session, tie: Subscription, state: SubscriptionState, at: datetime) -> bool:
    if tie.state is state:
        return False
    tie.state, tie.changed_at = state, at
    session.add(tie)
    return True


_BLOCK = NewRow(Suppression, unless=["address_key"])


def _set_suppression(
    session: Session, key: str, reason: SuppressionReason, at: datetime, evidence: str, expires_at: datetime | None
) -> bool:
    fresh = {"address_key": key, "reason": reason, "at": at, "expires_at": expires_at, "evidence": evidence}
    block = find_suppression(session, key)
    if block is None and _BLOCK.added(session, **fresh) is not None:
        return True
    if block is None:  # another process has just blocked it
        block = find_suppression(session, key)
    assert block is not None
    known = Block(block.reason, block.expires_at, block.evidence)
    joined = join_blocks(known, Block(reason, expires_at, evidence), at)
    if joined is None:
        return False
    block.at, (block.reason, block.expires_at, block.evidence) = at, joined
    session.add(block)
    return True
