"""Kept: who of a household (or company) has its place in a sequence, and who stands by.

Law: whoever stands by goes on only by compare-and-set on their own row, and with the steps that another of theirs has
had put down as passed over, so that no house gets a step twice, also once that one is erased. The caller commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, select, update
from sqlmodel import Session, col

from ..records import (
    Customer,
    Enrolment,
    EnrolmentState,
    GroupKind,
    Membership,
    Subscription,
    SubscriptionState,
)
from ..records import Sequence as SequenceRow
from .database import rows_in_chunks

CHUNK = 500
STANDS_BY = "another of the {kind} is in it"
HAD_IT = "another of the {kind} had it"
IN_PLACE = "in the place of another of the {kind}"


class Holder(NamedTuple):
    """Somebody who is in a sequence and can get its mails, and what they have had of it."""

    id: int
    customer_id: int
    done: Mapping[str, Any]


def lock_sequence(session: Session, sequence_id: int) -> None:
    """Let nobody else give places in this sequence until the transaction has ended."""
    session.execute(select(col(SequenceRow.id)).where(col(SequenceRow.id) == sequence_id).with_for_update())


def groups_of(session: Session, kind: GroupKind, customer_ids: Iterable[int]) -> dict[int, int]:
    """The group of this kind that each of these customers is of."""
    found: dict[int, int] = {}
    for ids in rows_in_chunks(sorted(set(customer_ids)), CHUNK):
        query = select(col(Membership.customer_id), col(Membership.group_id))
        rows = session.execute(query.where(col(Membership.customer_id).in_(ids), col(Membership.kind) == kind))
        found.update((customer, group) for customer, group in rows)
    return found


def holders(
    session: Session, sequence_id: int, list_id: int | None, kind: GroupKind, groups: Collection[int]
) -> dict[int, list[Holder]]:
    """Who of each of these groups is in the sequence, has an address and is on the list; the first who came first."""
    found: dict[int, list[Holder]] = defaultdict(list)
    for ids in rows_in_chunks(sorted(set(groups)), CHUNK):
        query = _able(sequence_id, list_id, EnrolmentState.GOING)
        for row in session.execute(query.where(col(Membership.group_id).in_(ids), col(Membership.kind) == kind)):
            found[row[0]].append(Holder(*row[1:]))
    return dict(found)


def _able(sequence_id: int, list_id: int | None, state: EnrolmentState) -> Any:
    tie = and_(col(Subscription.customer_id) == col(Enrolment.customer_id), col(Subscription.list_id) == list_id)
    return (
        select(col(Membership.group_id), col(Enrolment.id), col(Enrolment.customer_id), col(Enrolment.done))
        .join(Enrolment, col(Enrolment.customer_id) == col(Membership.customer_id))
        .join(Customer, col(Customer.id) == col(Enrolment.customer_id))
        .join(Subscription, tie)
        .where(
            col(Enrolment.sequence_id) == sequence_id,
            col(Enrolment.state) == state,
            col(Customer.address_key).is_not(None),
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
        )
        .order_by(col(Enrolment.id))
    )


def known_keys(session: Session, sequence_id: int, customer_ids: Iterable[int]) -> set[tuple[int, str]]:
    """By which keys these customers are, or were, in the sequence."""
    found: set[tuple[int, str]] = set()
    for ids in rows_in_chunks(sorted(set(customer_ids)), CHUNK):
        query = select(col(Enrolment.customer_id), col(Enrolment.key)).where(col(Enrolment.sequence_id) == sequence_id)
        found.update(
            (customer, key) for customer, key in session.execute(query.where(col(Enrolment.customer_id).in_(ids)))
        )
    return found


def as_passed(holder: Holder, kind: GroupKind) -> dict[str, Any]:
    """What somebody has had, as it is put down for the others of theirs."""
    why = f"customer {holder.customer_id} of the same {kind.value} had it"
    return {step: {"at": told["at"], "how": "passed", "why": why} for step, told in holder.done.items()}


def tell_standbys(
    session: Session, sequence_id: int, kind: GroupKind, moved: Sequence[Holder], ended: Collection[int], now: datetime
) -> None:
    """Put down for whoever stands by what these people have had by now, and let it be over for the houses of those who
    have `ended` it (by customer), where nobody else of theirs is in it.
    """
    groups = groups_of(session, kind, [one.customer_id for one in moved])
    standing = _standing(session, sequence_id, kind, groups.values())
    if not standing:
        return
    left = holders_of_any(session, sequence_id, kind, standing) if ended else set()
    for one in moved:
        group = groups.get(one.customer_id)
        for enrolment, done in standing.get(group, ()) if group is not None else ():
            values: dict[str, Any] = {"done": {**as_passed(one, kind), **done}, "version": col(Enrolment.version) + 1}
            if one.customer_id in ended and group not in left:
                over = {"state": EnrolmentState.LEFT, "reason": HAD_IT.format(kind=kind.value), "changed_at": now}
                values |= over
            mine = (col(Enrolment.id) == enrolment, col(Enrolment.state) == EnrolmentState.STANDBY)
            session.connection().execute(update(Enrolment).where(*mine).values(**values))


def _standing(
    session: Session, sequence_id: int, kind: GroupKind, groups: Iterable[int]
) -> dict[int, list[tuple[int, dict[str, Any]]]]:
    found: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for ids in rows_in_chunks(sorted(set(groups)), CHUNK):
        query = (
            select(col(Membership.group_id), col(Enrolment.id), col(Enrolment.done))
            .join(Enrolment, col(Enrolment.customer_id) == col(Membership.customer_id))
            .where(col(Membership.group_id).in_(ids), col(Membership.kind) == kind)
            .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.STANDBY)
        )
        for group, enrolment, done in session.execute(query):
            found[group].append((enrolment or 0, done))
    return dict(found)


def holders_of_any(session: Session, sequence_id: int, kind: GroupKind, groups: Iterable[int]) -> set[int]:
    """The groups of which somebody is in the sequence still, whether they can get its mails or not."""
    found: set[int] = set()
    for ids in rows_in_chunks(sorted(set(groups)), CHUNK):
        query = (
            select(col(Membership.group_id))
            .join(Enrolment, col(Enrolment.customer_id) == col(Membership.customer_id))
            .where(col(Membership.group_id).in_(ids), col(Membership.kind) == kind)
            .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.GOING)
        )
        found.update(session.execute(query).scalars())
    return found


def let_standbys_on(
    session: Session, sequence_id: int, list_id: int | None, kind: GroupKind | None, now: datetime
) -> int:
    """standby → going for the first of each group of whom nobody who could is in the sequence; how many. Without a kind
    (places are for everybody by now): for all.
    """
    waiting = (col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.STANDBY)
    values: dict[str, Any] = {"state": EnrolmentState.GOING, "look_at": now, "changed_at": now}
    values["version"] = col(Enrolment.version) + 1
    if kind is None:
        every = update(Enrolment).where(*waiting).values(**values, reason="")
        return session.connection().execute(every).rowcount
    people = list(session.execute(select(col(Enrolment.customer_id)).where(*waiting)).scalars())
    if not people:
        return 0
    groups = groups_of(session, kind, people)
    held = holders(session, sequence_id, list_id, kind, groups.values())
    alone = [person for person in people if person not in groups]
    first: set[int] = set()
    for ids in rows_in_chunks(sorted(set(groups.values()) - set(held)), CHUNK):
        query = _able(sequence_id, list_id, EnrolmentState.STANDBY)
        seen: set[int] = set()
        for group, enrolment, *_ in session.execute(query.where(col(Membership.group_id).in_(ids))):
            if group not in seen:
                seen.add(group)
                first.add(enrolment)
    done = 0
    for part in rows_in_chunks(sorted(first), CHUNK):
        words = IN_PLACE.format(kind=kind.value)
        on = update(Enrolment).where(col(Enrolment.id).in_(part), *waiting).values(**values, reason=words)
        done += session.connection().execute(on).rowcount
    for part in rows_in_chunks(alone, CHUNK):
        on = update(Enrolment).where(col(Enrolment.customer_id).in_(part), *waiting).values(**values, reason="")
        done += session.connection().execute(on).rowcount
    return done
