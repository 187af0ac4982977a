"""PostgreSQL: which rows each worker took, a slice of them in each row, so that what is held is found without an index.

Law: a claim writes its slice in its own transaction, so whatever is held stands in a slice of its owner; what stands in
one need not be held any more, and only the delivery itself says so. A slice of which nothing is held goes. An index of
leases had each claim written into all the others too: a change of an indexed column is a new entry in every index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Delete,
    Integer,
    String,
    bindparam,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    table,
)
from sqlalchemy.ext.compiler import compiles
from sqlmodel import col

from ..records import Delivery, DeliveryState
from .prepared import Among, Connected, Prepared
from .standing import bare_state

SLICE = table("held_slice", column("id", BigInteger), column("owner", String), column("ids", ARRAY(Integer)))
HELD = (DeliveryState.CLAIMED, DeliveryState.INFLIGHT)
MOST_GO = 2
"""So many of a worker's slices may go with each of its claims, which brings one: whatever it still holds of others."""


class Leased(ColumnElement[bool]):
    """Whether a delivery may be held, in the words of what finds those that are: only they have a lease."""

    inherit_cache = False
    type = Boolean()

    def __init__(self) -> None:
        self.lease: Any = col(Delivery.lease_until)
        self.number: Any = col(Delivery.id)

    def self_group(self, against: Any = None) -> Leased:
        """Bare: as `prepared.Among`."""
        return self


@compiles(Leased)
def _by_lease(element: Leased, compiler: Any, **how: Any) -> str:
    return f"{compiler.process(element.lease, **how)} IS NOT NULL"


@compiles(Leased, "postgresql")
def _by_slice(element: Leased, compiler: Any, **how: Any) -> str:
    number = compiler.process(element.number, **how)
    return f"{number} = ANY(ARRAY(SELECT unnest(held_slice.ids) FROM held_slice))"  # noqa: S608  it is Core's word


def note_slice(session: Connected, owner: str, ids: Sequence[int], own: list[int] | None = None) -> None:
    """Write down what this worker has just claimed, in the same transaction, and let go of what it has done.

    `own` are the numbers of its slices, where it knows them, and is kept up: else they are sought among all, and those
    that are gone are gone through for as long as anybody reads from an older snapshot.
    """
    if own is None:
        _FORGET.changed(session, by=owner, most=MOST_GO)
    elif own:
        gone = {row[0] for row in _FORGET_OWN.rows(session, own=own, by=owner, most=MOST_GO)}
        own[:] = [number for number in own if number not in gone]
    if ids:
        noted = _NOTE.rows(session, by=owner, ids=list(ids))
        if own is not None:
            own.append(noted[0][0])


def forget_slices(session: Connected) -> None:
    """Let go of all slices of which nothing is held, whose ever they are, where the database has slices."""
    if session.connection().dialect.name == "postgresql":
        _FORGET.changed(session, by=None, most=None)


_NOTE = Prepared(
    insert(SLICE).values(owner=bindparam("by"), ids=cast(bindparam("ids"), ARRAY(Integer))).returning(SLICE.c.id)
)
_by = cast(bindparam("by"), String)
_held = exists().where(
    col(Delivery.id) == func.any(SLICE.c.ids),
    or_(*(bare_state() == state.value for state in HELD)),
    col(Delivery.owner) == SLICE.c.owner,
)


def _forget(*whose: Any) -> Delete:
    done = (
        select(SLICE.c.id)
        .where(*whose, ~_held)
        .order_by(SLICE.c.id)
        .limit(cast(bindparam("most"), Integer))
        .with_for_update(skip_locked=True)  # whoever lets go of the same is not waited for
        .cte("done")
    )
    return delete(SLICE).where(SLICE.c.id.in_(select(done.c.id)))


_FORGET = Prepared(_forget(or_(_by.is_(None), SLICE.c.owner == _by)))
_FORGET_OWN = Prepared(_forget(Among(SLICE.c.id, "own"), SLICE.c.owner == _by).returning(SLICE.c.id))
