"""Kept: the open complaints of those who live or work together, as they hold mail to each other.

Law: read from the holds, of which there are few, never person by person through a large company; no word of a case is
read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..plan.holds import SharedHold
from ..plan.steps import PROMOTION_SCOPE
from ..records import GroupKind, Hold, HoldState, Membership
from .database import rows_in_chunks
from .prepared import Among, Prepared, instant

CHUNK = 500


def shared_holds(
    session: Session, kinds: Collection[GroupKind], customer_ids: Collection[int]
) -> dict[int, tuple[SharedHold, ...]]:
    """The holds, not lifted, of others of the same groups of these kinds."""
    groups: dict[int, list[int]] = defaultdict(list)
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer, group, kind in _GROUPS.rows(session, ids=ids):
            if kind in kinds:
                groups[group].append(customer)
    found: dict[int, list[SharedHold]] = defaultdict(list)
    for ids in rows_in_chunks(sorted(groups), CHUNK):
        for group, kind, holder, case, state, until in _HELD.rows(session, ids=ids):
            one = SharedHold(GroupKind(kind), holder, case, HoldState(state), instant(until))
            for customer in groups[group]:
                if customer != holder:
                    found[customer].append(one)
    return {customer: tuple(holds) for customer, holds in found.items()}


_GROUPS = Prepared(
    select(col(Membership.customer_id), col(Membership.group_id), col(Membership.kind)).where(
        Among(col(Membership.customer_id), "ids")
    )
)
_OPEN = (col(Hold.scope) == PROMOTION_SCOPE, col(Hold.state) != HoldState.LIFTED.value)
_HOLD: tuple[Any, ...] = (col(Hold.customer_id), col(Hold.case_id), col(Hold.state), col(Hold.until))
_HELD = Prepared(
    select(col(Membership.group_id), col(Membership.kind), *_HOLD)
    .select_from(Membership)
    .join(Hold, col(Hold.customer_id) == col(Membership.customer_id))
    .where(Among(col(Membership.group_id), "ids"), *_OPEN)
    .order_by(col(Hold.id))
)


def all_shared_holds(session: Session) -> Iterator[list[tuple[int, tuple[SharedHold, ...]]]]:
    """Everybody whom another one's hold concerns, with what a rule reads of it; for a look ahead."""
    held: dict[int, dict[int, tuple[int, SharedHold]]] = defaultdict(dict)
    holds = select(col(Membership.group_id), col(Membership.kind), col(Hold.id), *_HOLD).select_from(Membership)
    holds = holds.join(Hold, col(Hold.customer_id) == col(Membership.customer_id)).where(*_OPEN)
    for page in Prepared(holds).pages(session):
        for group, kind, number, holder, _, state, until in page:
            seen = SharedHold(GroupKind(kind), 0, None, HoldState(state), instant(until))
            held[group][number] = holder, seen
    found: dict[int, dict[int, SharedHold]] = {}
    for ids in rows_in_chunks(sorted(held), CHUNK):
        for group, customer in _MEMBERS.rows(session, ids=ids):
            others = {number: seen for number, (holder, seen) in held[group].items() if holder != customer}
            if others:
                found[customer] = {**found.get(customer, {}), **others}
    yield [(customer, tuple(dict.fromkeys(own[number] for number in sorted(own)))) for customer, own in found.items()]


_MEMBERS = Prepared(
    select(col(Membership.group_id), col(Membership.customer_id)).where(Among(col(Membership.group_id), "ids"))
)
