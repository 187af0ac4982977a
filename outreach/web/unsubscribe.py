"""What an unsubscribe link can do: be looked at, be followed, be taken back.

Law: the token names a delivery, and with it the customer and the list; nothing else can be reached by it. It acts by
the address's key when its customer is gone. Taking back restores only what was ended by this very kind of link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, select

from ..address import read_token
from ..audience.stops import SAID
from ..records import (
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    Edition,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
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
    """A link that we made: the list it is about ("" for all mail), and how its reader stands to it now.

    `others`: they are on another list, too; `everything`: no newsletters at all reach them.
    """

    delivery: str
    address_key: str
    customer_id: int | None
    list_id: int | None
    title: str
    language: str | None
    is_test: bool
    subscribed: bool
    undoable: bool
    others: bool = False
    everything: bool = False


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
    block = _block(session, delivery, customer)
    ties = subscriptions_of(session, customer.id) if customer is not None and customer.id is not None else []
    going = {tie.list_id for tie in ties if tie.state is SubscriptionState.SUBSCRIBED}
    return Link(
        delivery=public_id,
        address_key=delivery.address_key,
        customer_id=customer.id if customer is not None else None,
        list_id=list_id,
        title=(row.title or row.name) if row is not None else "",
        language=customer.language if customer is not None else None,
        is_test=delivery.kind is Kind.TEST,
        subscribed=not _is_final(block) and (_is_subscribed(ties, list_id) if customer is not None else True),
        undoable=customer is not None and _ended_here(session, customer, list_id, block),
        others=not _is_final(block) and list_id is not None and bool(going - {list_id}),
        everything=block is not None and block.reason is SuppressionReason.UNSUBSCRIBED_ALL,
    )


def leave(workspace: Workspace, token: str, *, how: str, everything: bool = False) -> Link | None:
    """Unsubscribe the link's reader from its list, or from all; `how` is one_click or page. None: no token of ours."""
    with workspace.database.write() as session:
        link = find_link(session, workspace, token)
        if link is None or link.is_test:
            return link
        evidence = f"{LINK_EVIDENCE}{link.delivery}"
        now = workspace.clock()
        if link.customer_id is not None:
            which = None if everything else link.list_id
            unsubscribe(session, customer_id=link.customer_id, list_id=which, at=now, how=how, evidence=evidence)
        else:
            reason = SuppressionReason.UNSUBSCRIBED_ALL
            suppress(session, address_key=link.address_key, reason=reason, at=now, evidence=evidence)
        link_acted_on(session, workspace, link.delivery, how)
        advance(session, workspace.root, needed=False)
        return find_link(session, workspace, token)


def bring_back(workspace: Workspace, token: str) -> tuple[Link | None, bool, bool]:
    """Take back an unsubscription that was made by such a link, all that it ended; whether anything was, and whether
    it had ended all.
    """
    with workspace.database.write() as session:
        link = find_link(session, workspace, token)
        if link is None or link.customer_id is None or not link.undoable:
            return link, False, False
        done = resubscribe(
            session,
            customer_id=link.customer_id,
            list_id=None if link.everything else link.list_id,
            at=workspace.clock(),
            how="page",
            evidence=f"undone by the link of delivery {link.delivery}",
        )
        session.flush()
        return find_link(session, workspace, token), done, link.everything


def _reader(session: Session, delivery: Delivery) -> Customer | None:
    """The customer, or whoever has the address since."""
    found = session.get(Customer, delivery.customer_id) if delivery.customer_id is not None else None
    if found is not None and found.erased_at is None:
        return found
    return session.exec(select(Customer).where(Customer.address_key == delivery.address_key)).first()


def _block(session: Session, delivery: Delivery, customer: Customer | None) -> Suppression | None:
    """What blocks the address that they have now: not the one that they had when this mail went."""
    key = delivery.address_key if customer is None else customer.address_key
    return find_suppression(session, key) if key else None


def _is_final(block: Suppression | None) -> bool:
    """Whether nothing will come, by somebody's word: what bounced, or is blocked for a time, comes again."""
    return block is not None and block.expires_at is None and block.reason in (*SAID, SuppressionReason.ERASED)


def _is_subscribed(ties: Sequence[Subscription], list_id: int | None) -> bool:
    states = [tie.state for tie in ties if list_id is None or tie.list_id == list_id]
    return any(state is not SubscriptionState.UNSUBSCRIBED for state in states) if states else list_id is None


def _ended_here(session: Session, customer: Customer, list_id: int | None, block: Suppression | None) -> bool:
    """Whether the last word about this list, or about all of them, was spoken by following such a link."""
    assert customer.id is not None
    if block is not None and not block.evidence.startswith(LINK_EVIDENCE):
        return False
    acts: list[Consent] = []
    for act in consent_history(session, customer.id):
        if act.list_id is None and act.act is ConsentAct.RESTORED:  # all is as it was before all was left
            acts = [one for one in acts if one.list_id is not None]
        elif act.list_id in (list_id, None):
            acts.append(act)
    return bool(acts) and acts[-1].act is ConsentAct.WITHDRAWN and acts[-1].how in HERE
