"""Signing up by the public page: somebody types an address, and the list asks its owner as it always does.

Law: what is answered never depends on the address, and every sign-up costs one commit, so that neither words nor time
tell who is known. Who left comes back only by the button in a mail to the address; who is blocked hears nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..address import address_key, canonical_address, domain_key, new_public_id
from ..audience.consent import FOR_BULK_ONLY
from ..records import Customer, Delivery, MailingList, Subscription, SubscriptionState, SuppressionReason
from ..store.consents import blocked_domains, find_suppression
from ..store.customers import find_customer
from .epoch import advance
from .opt_in import BACK, OCCASION, ask_to_come_back, ask_to_confirm, join_list, list_words
from .workspace import Workspace

AGAIN = timedelta(days=1)
"""At most one mail in so long goes to an address, however often somebody types it."""


def open_list(session: Session, name: str) -> MailingList | None:
    """The list of this name if everybody may sign up for it: it must say what they agree to."""
    row = session.execute(select(MailingList).where(col(MailingList.name) == name)).scalar()
    return row if row is not None and row.sign_up and row.words.strip() else None


def sign_up(workspace: Workspace, list_name: str, address: str, *, language: str, place: str, shown: str = "") -> None:
    """Do what follows from an address typed on the page `place`. Raises InputError where it cannot be one.

    `language`: the person's; `shown`: of the list's words that the page showed, where that is another.
    """
    canonical = canonical_address(address)
    with workspace.database.write() as session:
        mailing_list, now = open_list(session, list_name), workspace.clock()
        if mailing_list is not None:
            _take(session, workspace, mailing_list, canonical, now, language=language, place=place, shown=shown)
        advance(session, workspace.root, needed=False)


def _take(
    session: Session,
    workspace: Workspace,
    mailing_list: MailingList,
    address: str,
    now: datetime,
    *,
    language: str,
    place: str,
    shown: str,
) -> None:
    key = address_key(workspace.keys, address)
    block = find_suppression(session, key)
    if block is not None and block.expires_at is not None and block.expires_at <= now:
        block = None
    if domain_key(workspace.keys, address) in blocked_domains(session, now):
        return
    if block is not None and block.reason not in FOR_BULK_ONLY:
        return
    assert mailing_list.id is not None
    left_all = block is not None and block.reason is SuppressionReason.UNSUBSCRIBED_ALL
    customer = find_customer(session, workspace.keys, address)
    if customer is None:
        customer = Customer(public_id=new_public_id(), created_at=now, updated_at=now)
        customer.address, customer.address_key, customer.language = address, key, language
        session.add(customer)
        session.flush()
    assert customer.id is not None
    state = _state(session, mailing_list.id, customer.id)
    if left_all or state is SubscriptionState.UNSUBSCRIBED:
        if not _asked_lately(session, BACK, mailing_list.id, customer.id, now):
            ask_to_come_back(session, workspace, customer, mailing_list, now)
    elif state is SubscriptionState.PENDING:
        if not _asked_lately(session, OCCASION, mailing_list.id, customer.id, now):
            ask_to_confirm(session, workspace, customer, mailing_list, now)
    else:
        words, spoken = list_words(workspace, mailing_list, shown or language)
        proof = {"how": "form", "evidence": place, "words": words, "language": spoken}
        join_list(session, workspace, customer, mailing_list.id, now=now, **proof)


def _state(session: Session, list_id: int, customer_id: int) -> SubscriptionState | None:
    tie = col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer_id
    return session.execute(select(col(Subscription.state)).where(*tie)).scalar()


def _asked_lately(session: Session, what: str, list_id: int, customer_id: int, now: datetime) -> bool:
    mine = col(Delivery.customer_id) == customer_id, col(Delivery.occasion).startswith(f"{what}/{list_id}/")
    last = session.execute(select(func.max(col(Delivery.due_at))).where(*mine)).scalar()
    return last is not None and last > now - AGAIN
