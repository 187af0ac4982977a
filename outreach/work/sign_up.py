"""Signing up by the public page: somebody types an address, and the list asks its owner as it always does.

Law: what is answered never depends on the address, and every sign-up costs one commit, so that neither words nor time
tell who is known. Who left comes back only by the button in a mail to the address; who is blocked hears nothing, and
whoever answers none of these mails gets them ever more seldom (`audience.asking`).
"""

from __future__ import annotations

import hmac
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import KeyRing, address_key, canonical_address, domain_key, mailbox_of, new_public_id
from ..audience.asking import WAITS, may_ask
from ..audience.consent import FOR_BULK_ONLY
from ..records import Customer, MailingList, Subscription, SubscriptionState, SuppressionReason
from ..store.consents import blocked_domains, find_suppression
from ..store.customers import find_customer
from ..store.returning import stop_newcomers
from ..store.sign_ups import askings_beside, keep_sign_up, open_askings
from ..store.strangers import stranger_stops
from .epoch import advance
from .opt_in import ask_to_come_back, ask_to_confirm, join_list, list_words
from .workspace import Workspace

ANOTHER = 0
"""In place of the list for which another address of the mailbox was asked: no list has this number."""


def open_list(session: Session, name: str) -> MailingList | None:
    """The list of this name if everybody may sign up for it: it must say what they agree to."""
    row = session.execute(select(MailingList).where(col(MailingList.name) == name)).scalar()
    return row if row is not None and row.sign_up and row.words.strip() else None


def sign_up(
    workspace: Workspace,
    list_name: str,
    address: str,
    *,
    language: str,
    place: str,
    shown: str = "",
    source: str = "",
) -> None:
    """Do what follows from an address typed on the page `place`. Raises InputError where it cannot be one.

    `language`: the person's; `shown`: of the list's words that the page showed, where that is another. `source`: where
    the request came from, of which only a hash is kept; "" where nobody knows.
    """
    canonical = canonical_address(address)
    with workspace.database.write() as session:
        mailing_list, now = open_list(session, list_name), workspace.clock()
        if mailing_list is not None:
            mark = _mark(workspace.keys, source, now) if source else ""
            told = {"language": language, "place": place, "shown": shown, "mark": mark}
            _take(session, workspace, mailing_list, canonical, now, **told)
        advance(session, workspace.root, needed=False)


def _mark(keys: KeyRing, source: str, now: datetime) -> str:
    """By which sign-ups from one place on one day are known to belong together, and nothing else is."""
    return hmac.digest(keys.address, f"sign-up:{now:%Y-%m-%d}:{source}".encode(), "sha256").hex()[:16]


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
    mark: str,
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
    state = None if customer is None else _state(session, mailing_list.id, customer.id or 0)
    told = [] if customer is not None else stranger_stops(session, [key]).get(key, [])
    left = state is SubscriptionState.UNSUBSCRIBED or mailing_list.id in {one.list_id for one in told}
    back = left_all or left
    asks = back or state is SubscriptionState.PENDING or (state is None and mailing_list.double_opt_in)
    if asks and not may_ask(_askings(session, key, address, now), mailing_list.id, now):
        return
    if customer is None:
        customer = Customer(public_id=new_public_id(), created_at=now, updated_at=now)
        customer.address, customer.address_key, customer.language = address, key, language
        session.add(customer)
        session.flush()
        stop_newcomers(session, [(key, customer.id or 0)], now)
    if back:
        ask_to_come_back(session, workspace, customer, mailing_list, now)
    elif state is SubscriptionState.PENDING:
        ask_to_confirm(session, workspace, customer, mailing_list, now)
    else:
        words, spoken = list_words(workspace, mailing_list, shown or language)
        proof = {"how": "form", "evidence": place, "words": words, "language": spoken}
        join_list(session, workspace, customer, mailing_list.id, now=now, **proof)
    if asks or state is None:
        keep_sign_up(session, key=key, list_id=mailing_list.id, at=now, asked=asks, place=mark)


def _askings(session: Session, key: str, address: str, now: datetime) -> list[tuple[datetime, int]]:
    """What this address was asked and waits, and others of its mailbox: there are as many as somebody makes up."""
    found = open_askings(session, key)
    if mailbox_of(address) != address.lower():
        found += [(at, ANOTHER) for at in askings_beside(session, address, now - WAITS[-1])]
    return found


def _state(session: Session, list_id: int, customer_id: int) -> SubscriptionState | None:
    tie = col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer_id
    return session.execute(select(col(Subscription.state)).where(*tie)).scalar()
