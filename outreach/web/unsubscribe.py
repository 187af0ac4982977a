"""What an unsubscribe link can do: be looked at, be followed, be taken back.

Law: the token names a delivery, and with it the customer and the list; nothing else can be reached by it. It acts by
the address's key when its customer is gone. Taking back restores only what was ended by this very kind of link.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, select

from ..address import read_token
from ..records import (
    ConsentAct,
    Customer,
    Delivery,
    Edition,
    Kind,
    MailingList,
    SubscriptionState,
    SuppressionReason,
)
from ..store.consents import (
    consent_history,
    find_suppression,
    resubscribe,
    subscriptions_of,
    suppress,
    unsubscribe,
)
from ..store.edition_figures import LINK_EVIDENCE
from ..work.epoch import advance
from ..work.evidence import link_acted_on
from ..work.workspace import Workspace

HERE = ("one_click", "page")


@dataclass(frozen=True)
class Link:
    """A link that we made: the list it is about ("" for all mail), and how its reader stands to it now."""

    delivery: str
    address_key: str
    customer_id: int | None
    list_id: int | None
    title: str
    language: str | None
    is_test: bool
    subscribed: bool
    undoable: bool


def find_link(session: Session, workspace: Workspace, token: str) -> Link | None:
    """What `token` is about, or None where we did not make it."""
    public_id = read_token(workspace.keys, "unsubscribe", token)
    if public_id is None:
        return None
    delivery = session.exec(select(Delivery).where(Delivery.public_id == public_id)).first()
    if delivery is None:
        return None
    list_id = session.get_one(Edition, delivery.edition_id).list_id
    row = session.get(MailingList, list_id) if list_id is not None else None
    customer = _reader(session, delivery)
    return Link(
        delivery=public_id,
        address_key=delivery.address_key,
        customer_id=customer.id if customer is not None else None,
        list_id=list_id,
        title=(row.title or row.name) if row is not None else "",
        language=customer.language if customer is not None else None,
        is_test=delivery.kind is Kind.TEST,
        subscribed=_is_subscribed(session, customer, list_id, delivery.address_key),
        undoable=customer is not None and _ended_here(session, customer, list_id),
    )


def leave(workspace: Workspace, token: str, *, how: str) -> Link | None:
    """Unsubscribe the link's reader; `how` is one_click or page. None where the token is not ours."""
    with workspace.database.write() as session:
        link = find_link(session, workspace, token)
        if link is None or link.is_test:
            return link
        evidence = f"{LINK_EVIDENCE}{link.delivery}"
        now = workspace.clock()
        if link.customer_id is not None:
            unsubscribe(session, customer_id=link.customer_id, list_id=link.list_id, at=now, how=how, evidence=evidence)
        else:
            reason = SuppressionReason.UNSUBSCRIBED_ALL
            suppress(session, address_key=link.address_key, reason=reason, at=now, evidence=evidence)
        link_acted_on(session, workspace, link.delivery, how)
        advance(session, workspace.root, needed=False)
        return find_link(session, workspace, token)


def bring_back(workspace: Workspace, token: str) -> tuple[Link | None, bool]:
    """Take back an unsubscription that was made by such a link; whether anything was."""
    with workspace.database.write() as session:
        link = find_link(session, workspace, token)
        if link is None or link.customer_id is None or not link.undoable:
            return link, False
        done = resubscribe(
            session,
            customer_id=link.customer_id,
            list_id=link.list_id,
            at=workspace.clock(),
            how="page",
            evidence=f"undone by the link of delivery {link.delivery}",
        )
        session.flush()
        return find_link(session, workspace, token), done


def _reader(session: Session, delivery: Delivery) -> Customer | None:
    """The customer, or whoever has the address since."""
    found = session.get(Customer, delivery.customer_id) if delivery.customer_id is not None else None
    if found is not None and found.erased_at is None:
        return found
    return session.exec(select(Customer).where(Customer.address_key == delivery.address_key)).first()


def _is_subscribed(session: Session, customer: Customer | None, list_id: int | None, key: str) -> bool:
    block = find_suppression(session, key)
    if block is not None:
        return False
    if customer is None or customer.id is None:
        return True
    ties = subscriptions_of(session, customer.id)
    states = [tie.state for tie in ties if list_id is None or tie.list_id == list_id]
    return any(state is not SubscriptionState.UNSUBSCRIBED for state in states) if states else list_id is None


def _ended_here(session: Session, customer: Customer, list_id: int | None) -> bool:
    """Whether the last word about this list, or about all of them, was spoken by following such a link."""
    assert customer.id is not None
    acts = [act for act in consent_history(session, customer.id) if act.list_id in (list_id, None)]
    block = find_suppression(session, customer.address_key) if customer.address_key else None
    if block is not None and not block.evidence.startswith(LINK_EVIDENCE):
        return False
    return bool(acts) and acts[-1].act is ConsentAct.WITHDRAWN and acts[-1].how in HERE
