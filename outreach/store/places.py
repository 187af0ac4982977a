"""Kept: who of a household (or company) has its place in a sequence, and who stands by.

Law: whoever stands by goes on only by compare-and-set on their own row, and with the steps that another of theirs has
had put down as passed over, so that no house gets a step twice, also once that one is erased. The caller commits.
"""

from __future__ import annotations

import json
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
from .one_per import groups_of

CHUNK = 500
STANDS_BY = "another of the {kind} is in it"
HAD_IT = "another of the {kind} had it"
IN_PLACE = "in the place of another of the {kind}"
REPLACED = "could not get it any more: another of the {kind} goes on"


class Holder(NamedTuple):
    """Somebody who is in a sequence and can get its mails, and what they have had of it."""

    id: int
    customer_id: int
    done: Mapping[str, Any]


def lock_sequence(session: Session, sequence_id: int) -> None:
    """Let nobody else give places in this sequence until the transaction has ended."""
    session.execute(select(col(SequenceRow.id)).where(col(SequenceRow.id) == sequence_id).with_for_update())


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
    """What somebody has had, or was passed over in, as it is put down for the others of theirs."""
    had = f"customer {holder.customer_id} of the same {kind.value} had it"
    return {
        step: {"at": told["at"], "how": "passed", "why": had if told["how"] == "sent" else told["why"]}
        for step, told in holder.done.items()
    }


def share_done(session: Session, kind: GroupKind, holding: int, standing: int) -> None:
    """Let two of one group, of whom the second (by enrolment) stands by from now on, have had what either has had."""
    query = select(col(Enrolment.id), col(Enrolment.customer_id), col(Enrolment.done))
    rows = session.execute(query.where(col(Enrolment.id).in_((holding, standing))))
    found = {row[0]: Holder(*row) for row in rows}
    first, other = found[holding], found[standing]
    sent = {step: told for step, told in other.done.items() if told["how"] == "sent"}
    for one, theirs in ((first, other._replace(done=sent)), (other, first)):
        values = {"done": {**as_passed(theirs, kind), **one.done}, "version": col(Enrolment.version) + 1}
        session.connection().execute(update(Enrolment).where(col(Enrolment.id) == one.id).values(**values))


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
        over: dict[str, Any] = {}
        if one.customer_id in ended and group not in left:
            over = {"state": EnrolmentState.LEFT, "reason": HAD_IT.format(kind=kind.value), "changed_at": now}
        for done, enrolments in standing.get(group or 0, {}).values():
            values = {"done": {**as_passed(one, kind), **done}} | over
            if values == {"done": done}:
                continue
            for ids in rows_in_chunks(enrolments, CHUNK):
                mine = (col(Enrolment.id).in_(ids), col(Enrolment.state) == EnrolmentState.STANDBY)
                told = update(Enrolment).where(*mine).values(**values, version=col(Enrolment.version) + 1)
                session.connection().execute(told)


def _standing(
    session: Session, sequence_id: int, kind: GroupKind, groups: Iterable[int]
) -> dict[int, dict[str, tuple[dict[str, Any], list[int]]]]:
    """Who of these groups stands by, those who had the same together."""
    found: dict[int, dict[str, tuple[dict[str, Any], list[int]]]] = defaultdict(dict)
    for ids in rows_in_chunks(sorted(set(groups)), CHUNK):
        query = (
            select(col(Membership.group_id), col(Enrolment.id), col(Enrolment.done))
            .join(Enrolment, col(Enrolment.customer_id) == col(Membership.customer_id))
            .where(col(Membership.group_id).in_(ids), col(Membership.kind) == kind)
            .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.STANDBY)
        )
        for group, enrolment, done in session.execute(query):
            found[group].setdefault(json.dumps(done, sort_keys=True), (done, []))[1].append(enrolment or 0)
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
    """standby → going for the first of each group of whom nobody who could is in the sequence; how many. Whoever is in
    it, but could not get it, has left it then. Without a kind (places are for everybody by now): for all.
    """
    waiting = (col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.STANDBY)
    values: dict[str, Any] = {"state": EnrolmentState.GOING, "look_at": now, "changed_at": now}
    values["version"] = col(Enrolment.version) + 1
    if kind is None:
        every = update(Enrolment).where(*waiting).values(**values, reason="")
        return session.connection().execute(every).rowcount
    member = and_(col(Membership.customer_id) == col(Enrolment.customer_id), col(Membership.kind) == kind)
    theirs = select(col(Membership.group_id)).select_from(Enrolment).outerjoin(Membership, member)
    groups = set(session.execute(theirs.where(*waiting).distinct()).scalars())
    done = 0
    if None in groups:
        alone = ~select(col(Membership.id)).where(member).exists()
        done += (
            session.connection().execute(update(Enrolment).where(*waiting, alone).values(**values, reason="")).rowcount
        )
    free = groups - {None} - set(holders(session, sequence_id, list_id, kind, groups - {None}))
    for ids in rows_in_chunks(sorted(free), CHUNK):
        query = _able(sequence_id, list_id, EnrolmentState.STANDBY)
        first: dict[int, int] = {}
        for group, enrolment, *_ in session.execute(query.where(col(Membership.group_id).in_(ids))):
            first.setdefault(group, enrolment)
        if first:
            done += _take_over(session, sequence_id, kind, first, values)
    return done


def _take_over(
    session: Session, sequence_id: int, kind: GroupKind, first: Mapping[int, int], values: Mapping[str, Any]
) -> int:
    """Let these (by group: the enrolment) go on in the place of whoever of theirs was in it; how many."""
    members = select(col(Membership.customer_id)).where(col(Membership.group_id).in_(list(first)))
    gone = (col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.GOING)
    over = {**values} | {"state": EnrolmentState.LEFT, "look_at": None, "reason": REPLACED.format(kind=kind.value)}
    connection = session.connection()
    connection.execute(update(Enrolment).where(*gone, col(Enrolment.customer_id).in_(members)).values(**over))
    mine = (col(Enrolment.id).in_(list(first.values())), col(Enrolment.state) == EnrolmentState.STANDBY)
    on = update(Enrolment).where(*mine).values(**values, reason=IN_PLACE.format(kind=kind.value))
    return connection.execute(on).rowcount
