"""Two customers made one: what becomes of everything that is the other's.

Law: the stricter wins: whoever unsubscribed, was blocked or asked for less mail stays so. Whatever leads to the other
customer leads to the one that is kept; a mail that both would get is cancelled once. The record tells what both were
and which rows were moved, changed, added and removed, so that `store.unmerge` can take it back. The caller commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, SQLModel, col

from ..delivery.state import move
from ..errors import NeedsPerson
from ..records import (
    Case,
    Consent,
    ConsentAct,
    Contact,
    ContactKind,
    Customer,
    CustomerGroup,
    CustomerMerge,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Enrolment,
    EnrolmentState,
    Inbound,
    Membership,
    Seat,
    Subscription,
    SubscriptionState,
    SuppressionReason,
    Wish,
)
from .blocks_before import told_block
from .consents import find_suppression, suppress
from .contacts import add_contacts
from .groups import drop_empty, judge_again
from .told_rows import tell_row, tell_rows

STRICTNESS = {SubscriptionState.SUBSCRIBED: 0, SubscriptionState.PENDING: 1, SubscriptionState.UNSUBSCRIBED: 2}
PERSONAL = frozenset(SuppressionReason) - {SuppressionReason.BAD_ADDRESS, SuppressionReason.BOUNCES}
"""Blocks that are about the person; the others are about one address alone."""
IN_THE_AIR = (DeliveryState.CLAIMED, DeliveryState.INFLIGHT)
TO_GO = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
GONE_OUT = (DeliveryState.SENT, DeliveryState.IN_DOUBT)
TAKEN = (*TO_GO, *IN_THE_AIR, *GONE_OUT)
"""Mails that went, may have gone, or will."""
FIELDS = ("first_name", "last_name", "phone", "phone_end", "handle", "language", "country", "zone")
_LET_GO = ("import_change",)
"""What could only undo an import of the other one."""
_OWN_WAY = ("subscription", "contact", "wish", "delivery", *_LET_GO)
_CUSTOMER = SQLModel.metadata.tables["customer"]


@dataclass
class Trace:
    """What a merging did, row by row. `moved`: ids by "table.column"; `removed`: whole rows by table; `changed`: rows
    of the kept one that became stricter, as they were and as they became; `contacts` and `block`: what was added, the
    block with what stood there `before`; `newest`: the highest ids before, by table.
    """

    newest: dict[str, int]
    moved: dict[str, list[int]] = field(default_factory=dict)
    removed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    changed: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    contacts: list[list[str]] = field(default_factory=list)
    block: dict[str, Any] = field(default_factory=dict)

    def move(self, table: str, column: str, ids: Iterable[int | None]) -> None:
        """Rows that led to the other customer and lead to the kept one now."""
        self.moved.setdefault(f"{table}.{column}", []).extend(one for one in ids if one is not None)

    def change(self, table: str, was: dict[str, Any], became: dict[str, Any]) -> None:
        """A row of the kept one, where it became another."""
        if was != became:
            self.changed.setdefault(table, []).append([was, became])


def merge_customers(session: Session, kept: Customer, gone: Customer, *, at: datetime, by: str) -> CustomerMerge:
    """Make `gone` a part of `kept`. Raises NeedsPerson while a mail to the other is on its way."""
    assert kept.id is not None and gone.id is not None
    _check_nothing_in_the_air(session, gone.id)
    trace = Trace(newest=_newest(session))
    before = {"kept": told_customer(session, kept.id), "gone": told_customer(session, gone.id)}
    groups = _groups_told(session, gone.id)
    done: dict[str, int] = {}
    done["subscription"] = _join_ties(session, kept.id, gone.id, at, by, trace)
    done["wish"] = _join_wishes(session, kept.id, gone.id, at, trace)
    done["cancelled"], done["delivery"] = _move_mails(session, kept.id, gone.id, at, trace)
    _join_seats(session, kept.id, gone.id, trace)
    _join_ways(session, kept.id, gone.id, at, trace)
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name == "customer" and table.name not in _OWN_WAY:
                done[table.name] = _move_rows(session, table, key.parent, kept.id, gone.id, trace)
    for name in _LET_GO:
        table = SQLModel.metadata.tables[name]
        trace.removed[name] = tell_rows(session, table, table.c.customer_id == gone.id)
        session.connection().execute(delete(table).where(table.c.customer_id == gone.id))
    address_key = gone.address_key
    _join_fields(session, kept, gone, at, by, trace)
    if address_key is not None and kept.address_key is not None:
        done["suppression"] = _carry_block(session, address_key, kept.address_key, at, trace)
    drop_empty(session)
    trace.removed["customer_group"] = [one for one in groups if session.get(CustomerGroup, one["id"]) is None]
    before |= {"after": told_customer(session, kept.id), "trace": asdict(trace)}
    record = CustomerMerge(customer_id=kept.id, gone_id=gone.id, at=at, by=by, before=before, moved=done)
    session.add(record)
    session.execute(delete(Customer).where(col(Customer.id) == gone.id))
    session.flush()
    judge_again(session, [kept.id], at)  # also those of the house whom a hold that moved now stops
    return record


def _check_nothing_in_the_air(session: Session, gone: int) -> None:
    flying = select(col(Delivery.id)).where(col(Delivery.customer_id) == gone, col(Delivery.state).in_(IN_THE_AIR))
    if session.execute(flying.limit(1)).first() is not None:
        raise NeedsPerson("a mail to one of them is on its way", remedy="Try again in a minute.")


def told_customer(session: Session, customer_id: int) -> dict[str, Any]:
    """A customer's whole row, as JSON has it."""
    session.flush()
    return tell_rows(session, _CUSTOMER, _CUSTOMER.c.id == customer_id)[0]


def _newest(session: Session) -> dict[str, int]:
    """The highest id of each kind of row by which one tells what came after the merging."""
    found = {}
    for table in (Delivery, Inbound, Case):
        found[str(table.__tablename__)] = session.execute(select(func.max(col(table.id)))).scalar() or 0
    return found


def _groups_told(session: Session, customer_id: int) -> list[dict[str, Any]]:
    mine = select(col(Membership.group_id)).where(col(Membership.customer_id) == customer_id)
    return tell_rows(session, SQLModel.metadata.tables["customer_group"], col(CustomerGroup.id).in_(mine))


def _join_ties(session: Session, kept: int, gone: int, at: datetime, by: str, trace: Trace) -> int:
    ties = list(session.execute(select(Subscription).where(col(Subscription.customer_id).in_((kept, gone)))).scalars())
    own = {tie.list_id: tie for tie in ties if tie.customer_id == kept}
    count = 0
    for tie in ties:
        if tie.customer_id != gone:
            continue
        count += 1
        mine = own.get(tie.list_id)
        if mine is None:
            tie.customer_id = kept
            session.add(tie)
            trace.move("subscription", "customer_id", [tie.id])
            continue
        was = tell_row(mine.model_dump())
        trace.removed.setdefault("subscription", []).append(tell_row(tie.model_dump()))
        if STRICTNESS[tie.state] > STRICTNESS[mine.state]:
            mine.state, mine.changed_at = tie.state, at
            if tie.state is SubscriptionState.UNSUBSCRIBED:
                words = f"merged with customer {gone}, who had left this list"
                act: dict[str, Any] = {
                    "act": ConsentAct.WITHDRAWN,
                    "at": at,
                    "how": "person",
                    "evidence": words,
                    "by": by,
                }
                session.add(Consent(customer_id=kept, list_id=mine.list_id, **act))
        if tie.until is not None and (mine.until is None or tie.until < mine.until) and mine.state is tie.state:
            mine.until = tie.until if mine.until is not None else None
        session.add(mine)
        session.delete(tie)
        trace.change("subscription", was, tell_row(mine.model_dump()))
    session.flush()
    return count


def _join_wishes(session: Session, kept: int, gone: int, at: datetime, trace: Trace) -> int:
    found = {one.customer_id: one for one in session.execute(
        select(Wish).where(col(Wish.customer_id).in_((kept, gone)))).scalars()}  # fmt: skip
    other, mine = found.get(gone), found.get(kept)
    if other is None:
        return 0
    if mine is None:
        other.customer_id = kept
        session.add(other)
        trace.move("wish", "customer_id", [other.id])
    else:
        was = tell_row(mine.model_dump())
        trace.removed["wish"] = [tell_row(other.model_dump())]
        pauses = [one for one in (mine.paused_until, other.paused_until) if one is not None]
        mine.paused_until = max(pauses) if pauses else None
        mine.every_days = max(mine.every_days, other.every_days)
        mine.no_topics = sorted({*mine.no_topics, *other.no_topics})
        mine.channel = mine.channel or other.channel
        mine.changed_at = at
        session.add(mine)
        session.delete(other)
        trace.change("wish", was, tell_row(mine.model_dump()))
    session.flush()
    return 1


def _join_seats(session: Session, kept: int, gone: int, trace: Trace) -> None:
    """Of two answers to one seminar's session the newest counts, and whoever was there was there; `gone`'s row goes."""
    query = select(Seat).where(col(Seat.customer_id).in_((kept, gone)))
    seats = list(session.execute(query).scalars())
    other = {seat.session_id: seat for seat in seats if seat.customer_id == gone}
    for mine in seats:
        theirs = other.get(mine.session_id)
        if mine.customer_id != kept or theirs is None:
            continue
        was = tell_row(mine.model_dump())
        if theirs.answered_at > mine.answered_at:
            mine.state, mine.answered_at, mine.how = theirs.state, theirs.answered_at, theirs.how
        mine.attended_at = mine.attended_at or theirs.attended_at
        session.add(mine)
        trace.change("seat", was, tell_row(mine.model_dump()))
    session.flush()


def _join_ways(session: Session, kept: int, gone: int, at: datetime, trace: Trace) -> None:
    """A step of a sequence that one of them had is had by both; of two ways through one, `gone`'s row goes."""
    query = select(Enrolment).where(col(Enrolment.customer_id).in_((kept, gone)))
    ways = list(session.execute(query).scalars())
    other = {(way.sequence_id, way.key): way for way in ways if way.customer_id == gone}
    for mine in ways:
        theirs = other.get((mine.sequence_id, mine.key))
        if mine.customer_id != kept or theirs is None:
            continue
        had = {step: told for step, told in theirs.done.items() if told["how"] == "sent" and step not in mine.done}
        if not had:
            continue
        was = tell_row(mine.model_dump())
        mine.done, mine.changed_at, mine.version = {**mine.done, **had}, at, mine.version + 1
        if mine.state is EnrolmentState.GOING:
            mine.look_at, mine.waits = at, ""
        session.add(mine)
        trace.change("enrolment", was, tell_row(mine.model_dump()))
    session.flush()


def _move_mails(session: Session, kept: int, gone: int, at: datetime, trace: Trace) -> tuple[int, int]:
    """Cancel what one of them would get a second time; the rest is the kept one's. (cancelled, moved)"""
    connection = session.connection()
    query = select(
        *(col(Delivery.id), col(Delivery.customer_id), col(Delivery.state)),
        *(col(Delivery.campaign_id), col(Delivery.occasion)),
    ).where(col(Delivery.customer_id).in_((kept, gone)))
    mails: dict[tuple[int, str], dict[int, list[tuple[int, DeliveryState]]]] = {}
    rows: Any = connection.execute(query)
    for number, whose, state, campaign, occasion in rows:
        both = mails.setdefault((campaign, occasion), {kept: [], gone: []})
        both[whose].append((number, state))
    cancelled = 0
    for both in mails.values():
        mine, theirs = both[kept], both[gone]
        gets_it = any(state in TAKEN for _, state in mine)
        if mine:
            cancelled += sum(_cancel(session, *one, gets_it, at) for one in theirs if one[1] in TO_GO)
        if any(state in GONE_OUT for _, state in theirs):
            cancelled += sum(_cancel(session, *one, True, at) for one in mine if one[1] in TO_GO)
    numbers = [number for both in mails.values() for number, _ in both[gone]]
    trace.move("delivery", "customer_id", numbers)
    moved = connection.execute(update(Delivery).where(col(Delivery.customer_id) == gone).values(customer_id=kept))
    return cancelled, moved.rowcount


def _cancel(session: Session, number: int, state: DeliveryState, gets_it: bool, at: datetime) -> int:
    """Cancel one mail of two; `gets_it`: the other one went, or will."""
    where = "the same person gets it at their other address"
    values = {
        "state": move(state, DeliveryEvent.CANCEL),
        "reason": "merged",
        "evidence": where if gets_it else "the same person does not get it at the address that is kept",
        "next_at": None,
        "settled_at": at,
    }
    waits = update(Delivery).where(col(Delivery.id) == number, col(Delivery.state) == state)
    return session.connection().execute(waits.values(values)).rowcount


def _move_rows(session: Session, table: Any, column: Any, kept: int, gone: int, trace: Trace) -> int:
    """Let rows lead to the kept one; where they have the same already, the other's row goes."""
    connection = session.connection()
    for unique in table.constraints:
        names = [one.name for one in getattr(unique, "columns", ())]
        if column.name in names and unique is not table.primary_key and len(names) > 1:
            other = table.alias()
            same = [table.c[name] == other.c[name] for name in names if name != column.name]
            twice = select(other.c.id).where(other.c[column.name] == kept, *same).correlate(table)
            trace.removed.setdefault(table.name, []).extend(
                tell_rows(session, table, (column == gone) & twice.exists())
            )
            connection.execute(delete(table).where(column == gone, twice.exists()))
    trace.move(table.name, column.name, session.execute(select(table.c.id).where(column == gone)).scalars())
    return connection.execute(update(table).where(column == gone).values({column.name: kept})).rowcount


def _join_fields(session: Session, kept: Customer, gone: Customer, at: datetime, by: str, trace: Trace) -> None:
    """What the kept one lacks it takes from the other; a number, handle or address beside its own is a contact."""
    assert kept.id is not None and gone.id is not None
    more: list[tuple[ContactKind, str, str]] = []
    for kind, value, own in (
        (ContactKind.PHONE, gone.phone, kept.phone),
        (ContactKind.HANDLE, gone.handle, kept.handle),
    ):
        if value and own and value != own:
            more.append((kind, "", value))
    address, key = gone.address, gone.address_key
    gone.address_key = gone.address = None
    session.add(gone)
    session.flush()
    if key is not None and kept.address_key is None:
        kept.address, kept.address_key = address, key
    elif key is not None:
        more.append((ContactKind.ADDRESS, "", key))
    for name in FIELDS:
        if not getattr(kept, name):
            setattr(kept, name, getattr(gone, name))
    kept.attributes = join_attributes(kept.attributes or {}, gone.attributes or {})
    kept.updated_at = at
    session.add(kept)
    session.flush()
    theirs = session.execute(select(Contact).where(col(Contact.customer_id) == gone.id)).scalars().all()
    mine = {
        (one.kind, one.network, one.value)
        for one in session.execute(select(Contact).where(col(Contact.customer_id) == kept.id)).scalars()
    }
    for one in theirs:
        if (one.kind, one.network, one.value) in mine:
            trace.removed.setdefault("contact", []).append(tell_row(one.model_dump()))
            session.delete(one)
        else:
            one.customer_id = kept.id
            session.add(one)
            trace.move("contact", "customer_id", [one.id])
    session.flush()
    known = mine | {(one.kind, one.network, one.value) for one in theirs}
    trace.contacts = [
        [kind.value, network, value] for kind, network, value in more if (kind, network, value) not in known
    ]
    add_contacts(session, [(kept.id, one) for one in more], at=at, how="person", evidence="merged", by=by)


def join_attributes(mine: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of both: the kept one's win, lists are joined, and so are tags."""
    joined = {**other, **{name: value for name, value in mine.items() if value not in (None, "")}}
    for name in mine.keys() & other.keys():
        one, two = mine[name], other[name]
        if isinstance(one, list) and isinstance(two, list):
            joined[name] = [*one, *(member for member in two if member not in one)]
        elif name == "tags" and isinstance(one, str) and isinstance(two, str):
            members = [part.strip() for text in (one, two) for part in text.replace(";", ",").split(",")]
            joined[name] = ", ".join(dict.fromkeys(part for part in members if part))
    return joined


def _carry_block(session: Session, from_key: str, to_key: str, at: datetime, trace: Trace) -> int:
    """Block the kept address too, where the other is blocked for the person's sake."""
    block = find_suppression(session, from_key)
    if block is None or block.reason not in PERSONAL or (block.expires_at is not None and block.expires_at <= at):
        return 0
    evidence = f"merged with a customer whose address was blocked: {block.evidence}"
    before = told_block(session, to_key)
    blocked = suppress(
        session, address_key=to_key, reason=block.reason, at=at, evidence=evidence, expires_at=block.expires_at
    )
    if blocked:
        stands = told_block(session, to_key)
        trace.block = {"key": to_key, "before": before} | {name: stands[name] for name in ("reason", "evidence")}
    return int(blocked)
