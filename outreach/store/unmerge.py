"""A merging taken back: two people again, as they were, as far as nothing newer contradicts.

Law: what anybody did since is kept and told. Who left a list, was blocked or asked for less mail since stays so, and so
do both where it cannot be known whose word it was. What came since stays with the one who was kept, unless it came from
the other's address. The caller commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, SQLModel, col

from ..errors import NeedsPerson, UsageError
from ..records import (
    Case,
    Consent,
    ConsentAct,
    ContactKind,
    Customer,
    CustomerImport,
    CustomerMerge,
    Delivery,
    Enrolment,
    ImportState,
    Inbound,
    MailingList,
    Seat,
    Subscription,
    SubscriptionState,
    Wish,
)
from .blocks_before import take_block_back
from .contacts import drop_contact
from .database import rows_in_chunks
from .groups import judge_again
from .merge import FIELDS, IN_THE_AIR
from .told_rows import put_row, read_row, tell_row

CHUNK = 400
_WORDS = {"delivery": "mail", "inbound": "reply", "case_file": "case"}


@dataclass
class Parted:
    """What taking a merging back did. `back`: how many rows of each kind are the other's again; `words`: what could not
    be parted, or was not put back because of something newer, in sentences.
    """

    kept: str
    gone: str
    customer_id: int
    back: dict[str, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


def unmerge(session: Session, record: CustomerMerge, *, at: datetime, by: str) -> Parted:
    """Make two of one again. Raises UsageError where that cannot be, NeedsPerson while a mail is on its way."""
    trace, gone = record.before["trace"], record.before["gone"]
    kept = session.get_one(Customer, record.customer_id)
    _check(session, record, kept)
    _forget_added(session, kept, trace)
    done = Parted(kept.address or f"#{kept.id}", gone["address"] or f"#{gone['id']}", 0)
    done.words += put_fields_back(session, kept, record, at)
    values = read_row(_table("customer"), gone)
    values |= {"version": values["version"] + 1, "updated_at": at}
    number = put_row(session, _table("customer"), values)
    if number is None:
        raise UsageError(f"{done.gone} cannot be made anew", remedy="Look with: outreach customers list")
    done.customer_id = number
    for row in trace["removed"].get("customer_group", ()):
        put_row(session, _table("customer_group"), read_row(_table("customer_group"), row))
    _move_back(session, kept, number, trace, done)
    _put_ties_back(session, kept, number, record, done, at, by)
    _put_wish_back(session, kept, number, trace, done)
    _put_seats_back(session, trace)
    _put_ways_back(session, trace)
    _put_rest_back(session, number, trace, done)
    _unblock(session, trace["block"], at, done)
    _tell_newer(session, kept, number, record, done)
    record.undone_at, record.undone_by, record.gone_id = at, by, number
    record.before = {}
    session.add(record)
    session.flush()
    session.expire_all()
    judge_again(session, [record.customer_id, number], at)
    return done


def _check(session: Session, record: CustomerMerge, kept: Customer) -> None:
    assert kept.id is not None
    gone = record.before["gone"]
    later = select(col(CustomerMerge.id)).where(
        col(CustomerMerge.customer_id) == kept.id,
        col(CustomerMerge.id) > record.id,
        col(CustomerMerge.undone_at).is_(None),
    )
    newer = session.execute(later.order_by(col(CustomerMerge.id).desc())).scalars().first()
    if newer is not None:
        raise UsageError(
            f"merge {newer} came after it, with the same person",
            remedy=f"First: outreach customers merge --undo {newer}",
        )
    key = gone["address_key"]
    if key is not None:
        taken = session.execute(select(col(Customer.id)).where(col(Customer.address_key) == key)).scalar()
        if taken not in (None, kept.id):
            raise UsageError(
                f"customer #{taken} has {gone['address']} by now", remedy="Change or erase that one first."
            )
        if taken == kept.id and record.before["kept"]["address_key"] == key:
            raise UsageError(f"{gone['address']} is the kept one's own address", remedy="There is nothing to part.")
    flying = select(col(Delivery.id)).where(col(Delivery.customer_id) == kept.id, col(Delivery.state).in_(IN_THE_AIR))
    if session.execute(flying.limit(1)).first() is not None:
        raise NeedsPerson("a mail to one of them is on its way", remedy="Try again in a minute.")


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name]


def _forget_added(session: Session, kept: Customer, trace: Mapping[str, Any]) -> None:
    for kind, network, value in trace["contacts"]:
        drop_contact(session, kept.id or 0, (ContactKind(kind), network, value), how="person")
    session.flush()


def put_fields_back(session: Session, kept: Customer, record: CustomerMerge, at: datetime) -> list[str]:
    """What the kept one took of the other goes, where it still is so; what stays, in words."""
    before, after = record.before["kept"], record.before["after"]
    stays = []
    if kept.address_key == after["address_key"] != before["address_key"]:
        kept.address, kept.address_key = before["address"], before["address_key"]
    for name in FIELDS:
        if before[name] == after[name]:
            continue
        if getattr(kept, name) == after[name]:
            setattr(kept, name, before[name])
        elif name != "phone_end":
            stays.append(name.replace("_", " "))
    had, made, now = before["attributes"] or {}, after["attributes"] or {}, dict(kept.attributes or {})
    for name in sorted({*had, *made}):
        if (name in had) == (name in made) and had.get(name) == made.get(name):
            continue
        if now.get(name) != made.get(name):
            stays.append(name)
        elif name in had:
            now[name] = had[name]
        else:
            now.pop(name, None)
    kept.attributes, kept.updated_at = now, at
    session.add(kept)
    session.flush()
    return [f"Changed since, so it stays with {kept.address or 'the kept one'}: {', '.join(stays)}."] if stays else []


def _move_back(session: Session, kept: Customer, number: int, trace: Mapping[str, Any], done: Parted) -> None:
    for place, ids in trace["moved"].items():
        name, _, column = place.partition(".")
        if name not in SQLModel.metadata.tables or not ids:
            continue
        table, count = _table(name), 0
        for part in rows_in_chunks(list(ids), CHUNK):
            lead = update(table).where(table.c.id.in_(part), table.c[column] == kept.id)
            count += session.connection().execute(lead.values({column: number})).rowcount
        if count:
            done.back[name] = done.back.get(name, 0) + count
        if len(ids) > count and name not in ("subscription", "wish"):
            done.words.append(f"{len(ids) - count} of {name.replace('_', ' ')} are gone, or somebody else's by now.")


def _put_ties_back(
    session: Session, kept: Customer, number: int, record: CustomerMerge, done: Parted, at: datetime, by: str
) -> None:
    """Each one's own subscriptions again; whoever left a list since, by whichever address, both stay away from it."""
    trace, names = record.before["trace"], _list_names(session)
    left = _left_since(session, kept.id or 0, number, record.at)
    for row in trace["removed"].get("subscription", ()):
        values = read_row(_table("subscription"), row) | {"customer_id": number}
        if _taken_back(session, values["changed_at"], names.get(values["list_id"], "")):
            done.words.append(
                f"The file that subscribed {done.gone} to {names[values['list_id']]} was taken back since."
            )
        elif put_row(session, _table("subscription"), values) is not None:
            done.back["subscription"] = done.back.get("subscription", 0) + 1
    for was, became in trace["changed"].get("subscription", ()):
        tie = session.get(Subscription, was["id"])
        if tie is None or tell_row(tie.model_dump()) != became or {tie.list_id, None} & left:
            continue
        old = read_row(_table("subscription"), was)
        tie.state, tie.changed_at, tie.until = SubscriptionState(was["state"]), old["changed_at"], old["until"]
        session.add(tie)
        if was["state"] == SubscriptionState.SUBSCRIBED:
            words = f"merge {record.id} was taken back"
            act: dict[str, Any] = {"act": ConsentAct.RESTORED, "at": at, "how": "undo", "evidence": words, "by": by}
            session.add(Consent(customer_id=kept.id or 0, list_id=tie.list_id, **act))
    session.flush()
    for tie in _ties(session, (kept.id or 0, number)):
        if {tie.list_id, None} & left and tie.state is not SubscriptionState.UNSUBSCRIBED:
            tie.state, tie.changed_at = SubscriptionState.UNSUBSCRIBED, at
            session.add(tie)
    for one in sorted(left, key=str):
        where = names.get(one, "a list") if one is not None else "all lists"
        done.words.append(f"{where} was left since the merge, and nobody can know by whom: both stay away from it.")
    session.flush()


def _ties(session: Session, ids: tuple[int, int]) -> Iterator[Subscription]:
    yield from session.execute(select(Subscription).where(col(Subscription.customer_id).in_(ids))).scalars().all()


def _left_since(session: Session, kept: int, gone: int, since: datetime) -> set[int | None]:
    """The lists that one of them left since, by their own act; None: all of them."""
    acts = select(col(Consent.list_id)).where(
        col(Consent.customer_id).in_((kept, gone)),
        col(Consent.act) == ConsentAct.WITHDRAWN,
        col(Consent.at) >= since,
        col(Consent.evidence).not_like("merged with customer %"),
    )
    return set(session.execute(acts).scalars())


def _list_names(session: Session) -> dict[int, str]:
    return {row[0]: row[1] for row in session.execute(select(col(MailingList.id), col(MailingList.name)))}


def _taken_back(session: Session, at: datetime, list_name: str) -> bool:
    """Whether this was done by an import that was taken back since."""
    undone = select(col(CustomerImport.id)).where(
        col(CustomerImport.at) == at,
        col(CustomerImport.list_name) == list_name,
        col(CustomerImport.state) != ImportState.DONE,
        col(CustomerImport.state) != ImportState.RUNNING,
    )
    return session.execute(undone.limit(1)).first() is not None


def _put_wish_back(session: Session, kept: Customer, number: int, trace: Mapping[str, Any], done: Parted) -> None:
    for was, became in trace["changed"].get("wish", ()):
        wish = session.get(Wish, was["id"])
        if wish is None or tell_row(wish.model_dump()) != became:
            done.words.append("How they want to be written to was changed since: that stays with the one who was kept.")
            continue
        for name, value in read_row(_table("wish"), was).items():
            setattr(wish, name, value)
        session.add(wish)
    for row in trace["removed"].get("wish", ()):
        values = read_row(_table("wish"), row) | {"customer_id": number}
        if put_row(session, _table("wish"), values) is not None:
            done.back["wish"] = done.back.get("wish", 0) + 1
    session.flush()


def _put_ways_back(session: Session, trace: Mapping[str, Any]) -> None:
    """What the kept one has had of a sequence, where nothing has come of it since."""
    for was, became in trace["changed"].get("enrolment", ()):
        way = session.get(Enrolment, was["id"])
        if way is not None and (way.done, way.state) == (became["done"], became["state"]):
            for name, value in (read_row(_table("enrolment"), was) | {"version": way.version + 1}).items():
                setattr(way, name, value)
            session.add(way)


def _put_seats_back(session: Session, trace: Mapping[str, Any]) -> None:
    """The kept one's own answers to seminars, where nobody has answered since."""
    for was, became in trace["changed"].get("seat", ()):
        seat = session.get(Seat, was["id"])
        if seat is not None and tell_row(seat.model_dump()) == became:
            for name, value in read_row(_table("seat"), was).items():
                setattr(seat, name, value)
            session.add(seat)


def _put_rest_back(session: Session, number: int, trace: Mapping[str, Any], done: Parted) -> None:
    """The other's rows that went because the kept one had the like."""
    for name, rows in trace["removed"].items():
        if name in ("subscription", "wish", "customer_group") or name not in SQLModel.metadata.tables:
            continue
        table = _table(name)
        if name == "import_change":
            rows = [row for row in rows if _still_stands(session, row["import_id"])]
        lead = [key.parent.name for key in table.foreign_keys if key.column.table.name == "customer"]
        for row in rows:
            values = read_row(table, row) | dict.fromkeys(lead, number)
            if put_row(session, table, values) is not None:
                done.back[name] = done.back.get(name, 0) + 1
            else:
                done.words.append(
                    f"One of {name.replace('_', ' ')} cannot be put back: the like of it is there by now."
                )


def _still_stands(session: Session, import_id: int) -> bool:
    found = session.get(CustomerImport, import_id)
    return found is not None and found.state not in (ImportState.UNDONE, ImportState.UNDOING)


def _unblock(session: Session, block: Mapping[str, Any], at: datetime, done: Parted) -> None:
    if not block:
        return
    before = block.get("before", {})
    if not take_block_back(session, block["key"], block["reason"], block["evidence"], before, at):
        done.words.append(f"{done.kept} stays blocked: somebody said why anew since.")


def _tell_newer(session: Session, kept: Customer, number: int, record: CustomerMerge, done: Parted) -> None:
    """What came since: from the other's address, or to it, is theirs; all else stays and is told."""
    gone, newest = record.before["gone"], record.before["trace"]["newest"]
    sender = (gone["address"] or "").lower()
    since = {
        table: (col(table.customer_id) == kept.id, col(table.id) > newest[str(table.__tablename__)])
        for table in (Delivery, Inbound, Case)
    }
    run = session.connection().execute
    if sender:
        theirs = func.lower(col(Inbound.sender)) == sender
        others = select(col(Inbound.id)).where(col(Inbound.case_id) == col(Case.id), ~theirs).correlate(Case)
        own = select(col(Inbound.id)).where(col(Inbound.case_id) == col(Case.id), theirs).correlate(Case)
        for table, which in (
            (Case, (own.exists(), ~others.exists())),
            (Inbound, (theirs,)),
            (Delivery, (col(Delivery.address_key) == gone["address_key"],)),
        ):
            count = run(update(table).where(*since[table], *which).values(customer_id=number)).rowcount
            name = str(table.__tablename__)
            done.back[name] = done.back.get(name, 0) + count
    for table, condition in since.items():
        count = session.execute(select(func.count()).select_from(table).where(*condition)).scalar_one()
        if count:
            word = _WORDS[str(table.__tablename__)]
            words = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
            said = f"1 {word} that came" if count == 1 else f"{count} {words} that came"
            done.words.append(f"{said} since the merge: with {done.kept}, since nothing says otherwise.")
    if cancelled := record.moved.get("cancelled"):
        mails = "1 mail" if cancelled == 1 else f"{cancelled} mails"
        done.words.append(f"Cancelled as sent twice, and so it stays: {mails}.")
    done.back = {name: count for name, count in done.back.items() if count}
