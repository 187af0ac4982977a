"""Taking an import back: what it changed is put back where it still stands as the import left it.

Law: what anybody did since is kept; a customer whom the import made goes only where nothing has happened with them
since, and whom no later file has found. Whoever left of their own will stays gone. Each chunk is one transaction: a
killed undo is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as orm_select

from ..contacts import phone_end
from ..records import (
    Changed,
    Consent,
    ConsentAct,
    Contact,
    ContactKind,
    Customer,
    CustomerImport,
    ImportChange,
    Membership,
    Subscription,
    SubscriptionState,
)
from .blocks_before import take_block_back
from .contacts import drop_contact
from .customers import bump_versions
from .group_intake import put_group_back
from .groups import drop_empty
from .seen import TIED, Found

OWN = frozenset({"subscription", "consent", "contact", "membership"})
"""Tables whose rows of a customer an import makes itself: they go with the customer."""


@dataclass
class Undone:
    """What an undo took back, and what it left because it was changed since. `merged`: people of the import who are a
    part of others by now. `newer`: people who keep their subscription, by the proof of a later import.
    """

    removed: int = 0
    kept: int = 0
    restored: int = 0
    left: int = 0
    unblocked: int = 0
    merged: int = 0
    newer: int = 0


@dataclass(frozen=True)
class Later:
    """An import after the one that is taken back, and whom it found. `same_list`: it went into the same list."""

    row: CustomerImport
    found: Found
    same_list: bool


@dataclass(frozen=True)
class Undo:
    """An import that is taken back at `now` by `by`; `later`: those after it, the newest first."""

    row: CustomerImport
    list_id: int | None
    now: datetime
    by: str
    later: tuple[Later, ...] = ()

    @property
    def evidence(self) -> str:
        """How what the import wrote begins to name where it stood."""
        return self.row.file.replace("\\", "/").rpartition("/")[2]


def next_changes(session: Session, import_id: int, limit: int) -> list[ImportChange]:
    """The newest changes of an import that are not taken back yet."""
    query = orm_select(ImportChange).where(ImportChange.import_id == import_id)
    return list(session.exec(query.order_by(col(ImportChange.id).desc()).limit(limit)))


def put_back(session: Session, undo: Undo, changes: Sequence[ImportChange], done: Undone) -> None:
    """Take these changes back, newest first, as far as nobody changed the same since; they are forgotten then."""
    for change in changes:
        customer = session.get(Customer, change.customer_id)
        if customer is None or customer.erased_at is not None:
            ok = False
        elif change.what is Changed.FIELDS:
            ok = _put_fields_back(session, customer, change, undo)
        elif change.what is Changed.TIE:
            if _proved_since(session, change.customer_id, undo):
                done.newer += 1
                continue
            ok = put_tie_back(session, change, undo)
        elif change.what is Changed.CONTACT:
            found = [(ContactKind(kind), network, value) for kind, network, value in change.after["contacts"]]
            ok = sum(drop_contact(session, change.customer_id, one, how="import") for one in found) > 0
        elif change.what is Changed.GROUP:
            ok = put_group_back(session, change, import_at=undo.row.at, now=undo.now, by=undo.by)
        else:
            ok = unblock(session, change, undo.now)
            done.unblocked += ok
        done.restored, done.left = done.restored + ok, done.left + (not ok)
    session.flush()
    ids = [change.id for change in changes]
    session.execute(delete(ImportChange).where(col(ImportChange.id).in_(ids)))


def _put_fields_back(session: Session, customer: Customer, change: ImportChange, undo: Undo) -> bool:
    whole, before, after = True, dict(change.before), dict(change.after)
    had, made = before.pop("attributes", {}) or {}, after.pop("attributes", {}) or {}
    for name, value in after.items():
        if getattr(customer, name) != value:
            whole = False
            continue
        setattr(customer, name, before.get(name))
        if name == "phone":
            customer.phone_end = phone_end(customer.phone) if customer.phone else None
    attributes = dict(customer.attributes)
    for name in {*had, *made}:
        if had.get(name) == made.get(name) and (name in had) == (name in made):
            continue
        if attributes.get(name) != made.get(name):
            whole = False
        elif name in had:
            attributes[name] = had[name]
        else:
            attributes.pop(name, None)
    customer.attributes, customer.updated_at = attributes, undo.now
    session.add(customer)
    return whole


def put_tie_back(session: Session, change: ImportChange, undo: Undo) -> bool:
    """Give a subscription the state from before the import, where it still is as that left it. Whether it was."""
    before, after = change.before.get("state"), change.after.get("state")
    tie = session.exec(
        orm_select(Subscription).where(
            Subscription.customer_id == change.customer_id, Subscription.list_id == undo.list_id
        )
    ).first()
    if tie is None or tie.state != after or tie.changed_at != undo.row.at:
        return False
    gives = before == SubscriptionState.SUBSCRIBED
    if before is None:
        session.delete(tie)
    else:
        tie.state, tie.changed_at = SubscriptionState(before), undo.now
        session.add(tie)
    session.add(
        Consent(
            customer_id=change.customer_id,
            list_id=undo.list_id,
            act=ConsentAct.RESTORED if gives else ConsentAct.WITHDRAWN,
            at=undo.now,
            how="undo",
            evidence=f"import {undo.row.id} was taken back",
            by=undo.by,
        )
    )
    session.flush()
    bump_versions(session, [change.customer_id], undo.now)
    return True


def unblock(session: Session, change: ImportChange, now: datetime) -> bool:
    """Put the block that stood before in the place of the import's, or none, where that still says what the import
    said. Whether it did.
    """
    told = change.after
    return take_block_back(session, str(told.get("key", "")), told["reason"], told["evidence"], change.before, now)


def remove_created(session: Session, undo: Undo, first: int, last: int, done: Undone) -> None:
    """Remove the customers from `first` to `last` whom the import made and nothing happened with since.

    Those with whom something did stay; only their subscription goes, where it still is as the import made it.
    """
    made = select(col(Customer.id)).where(
        col(Customer.id) >= first, col(Customer.id) <= last, col(Customer.created_at) == undo.row.at
    )
    ids = list(session.execute(made.where(col(Customer.erased_at).is_(None))).scalars())
    if not ids:
        return
    busy = _touched(session, undo, ids)
    busy |= {one for one in ids if any(later.found.of(one) for later in undo.later)}
    gone = [one for one in ids if one not in busy]
    for table in (Subscription, Consent, Contact, Membership):
        session.execute(delete(table).where(col(table.customer_id).in_(gone)))
    drop_empty(session)
    session.execute(delete(Customer).where(col(Customer.id).in_(gone)))
    session.flush()
    newer = {one for one in sorted(busy) if _proved_since(session, one, undo)}
    for one in sorted(busy - newer):
        tie = ImportChange(import_id=undo.row.id or 0, customer_id=one, what=Changed.TIE, before={}, after={})
        state = session.execute(
            select(col(Subscription.state)).where(
                col(Subscription.customer_id) == one, col(Subscription.list_id) == undo.list_id
            )
        ).scalar()
        if state in (SubscriptionState.SUBSCRIBED, SubscriptionState.PENDING):
            tie.after = {"state": state}
            put_tie_back(session, tie, undo)
    done.removed, done.kept, done.newer = (
        done.removed + len(gone),
        done.kept + len(busy - newer),
        done.newer + len(newer),
    )


def _proved_since(session: Session, customer_id: int, undo: Undo) -> bool:
    """Whether a later file for the same list told that they are on it, where they still are as the import left it: then
    their subscription stays, and that is its proof.
    """
    since = next((one for one in undo.later if one.same_list and one.found.of(customer_id) & TIED), None)
    if since is None:
        return False
    tie = session.exec(
        orm_select(Subscription).where(Subscription.customer_id == customer_id, Subscription.list_id == undo.list_id)
    ).first()
    if tie is None or tie.state is SubscriptionState.UNSUBSCRIBED or tie.changed_at != undo.row.at:
        return False
    if tie.state is SubscriptionState.SUBSCRIBED:
        name = since.row.file.replace("\\", "/").rpartition("/")[2]
        session.add(
            Consent(
                customer_id=customer_id,
                list_id=undo.list_id,
                act=ConsentAct.GIVEN,
                at=since.row.at,
                how="import",
                evidence=f"{name}: import {since.row.id} found them on the list; import {undo.row.id} was taken back",
                by=since.row.by,
            )
        )
    return True


def _touched(session: Session, undo: Undo, ids: list[int]) -> set[int]:
    """Those of these customers with whom something happened since the import made them."""
    busy = set(
        session.execute(
            select(col(Customer.id)).where(col(Customer.id).in_(ids), col(Customer.updated_at) != undo.row.at)
        ).scalars()
    )
    others = (
        (Subscription, or_(col(Subscription.list_id) != undo.list_id, col(Subscription.changed_at) != undo.row.at)),
        (Consent, col(Consent.evidence).startswith(f"{undo.evidence}:", autoescape=True).is_(False)),
        (Contact, and_(col(Contact.how) != "import")),
        (Membership, or_(col(Membership.how) != "import", col(Membership.since) != undo.row.at)),
    )
    for table, since in others:
        busy.update(
            session.execute(select(col(table.customer_id)).where(col(table.customer_id).in_(ids), since)).scalars()
        )
    for made in SQLModel.metadata.sorted_tables:
        for key in made.foreign_keys:
            if key.column.table.name == "customer" and made.name not in OWN:
                busy.update(session.execute(select(key.parent).where(key.parent.in_(ids))).scalars())
    return busy


def note_undo(session: Session, import_id: int, **values: Any) -> None:
    """Keep how far the undo is."""
    session.execute(update(CustomerImport).where(col(CustomerImport.id) == import_id).values(**values))
