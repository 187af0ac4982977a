"""Customers who may be one person: found with reasons, shown, and made one by a person's word alone.

Law: nothing here merges by itself. Who is looked at keeps within a few octets a customer, however many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..audience.duplicates import main_address, mended, reasons
from ..errors import InputError, UsageError
from ..records import Customer, Delivery, Inbound
from ..store.consents import subscriptions_of
from ..store.customers import find_customer
from ..store.merge import STRICTNESS, merge_customers
from .epoch import advance
from .workspace import Workspace

PAGE = 5_000
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Twin:
    """One of several customers who may be one person. `last_reply` is its instant, or None."""

    customer_id: int
    address: str
    name: str
    mails: int
    last_reply: Any = None


@dataclass(frozen=True)
class Twins:
    """Customers who may be one person, the one to keep first, and why."""

    people: tuple[Twin, ...]
    reasons: tuple[str, ...]


def find_duplicates(workspace: Workspace, *, limit: int = 50, progress: Progress = lambda _count: None) -> list[Twins]:
    """Groups of customers whose addresses may be one person's, at most `limit`."""
    with workspace.database.read() as session:
        seen: set[bytes] = set()
        twice: set[bytes] = set()
        for count, (_, address) in enumerate(_addresses(session), 1):
            mark = _mark(address)
            (twice if mark in seen else seen).add(mark)
            if count % PAGE == 0:
                progress(count)
        seen.clear()
        groups: dict[bytes, list[int]] = {}
        if twice:
            for customer_id, address in _addresses(session):
                if (mark := _mark(address)) in twice and (mark in groups or len(groups) < limit):
                    groups.setdefault(mark, []).append(customer_id)
        return [_twins(session, ids) for ids in groups.values()]


def _addresses(session: Session) -> Iterator[tuple[int, str]]:
    after = 0
    query = select(col(Customer.id), col(Customer.address)).where(
        col(Customer.address).is_not(None), col(Customer.erased_at).is_(None)
    )
    while True:
        page = query.where(col(Customer.id) > after).order_by(col(Customer.id)).limit(PAGE)
        rows: Any = session.connection().execute(page).all()
        yield from ((row[0], row[1]) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def _mark(address: str) -> bytes:
    return hashlib.blake2b(main_address(address).encode(), digest_size=8).digest()


def _twins(session: Session, ids: list[int]) -> Twins:
    people = []
    for number in ids[:20]:
        customer = session.get_one(Customer, number)
        mails = session.execute(select(func.count()).where(col(Delivery.customer_id) == number)).scalar_one()
        reply = session.execute(select(func.max(col(Inbound.received_at))).where(col(Inbound.customer_id) == number))
        name = " ".join(filter(None, (customer.first_name, customer.last_name)))
        people.append(Twin(number, customer.address or "", name, mails, reply.scalar()))
    people.sort(key=_worth_keeping)
    first = people[0].address
    why = dict.fromkeys(reason for one in people[1:] for reason in reasons(first, one.address))
    return Twins(tuple(people), tuple(why))


def _worth_keeping(one: Twin) -> tuple[Any, ...]:
    """An address without a slip or tag before others, then whoever wrote last, then the one known longest."""
    domain = one.address.rpartition("@")[2]
    wrote = 0.0 if one.last_reply is None else -one.last_reply.timestamp()
    return (mended(domain) != domain, "+" in one.address, wrote, one.customer_id)


@dataclass(frozen=True)
class Merging:
    """What merging would do, or did. `words`: in sentences; `moved`: how many rows of each kind."""

    kept: str
    gone: str
    words: tuple[str, ...]
    moved: dict[str, int] = field(default_factory=dict)


def look_at_merging(workspace: Workspace, keep: str, other: str) -> Merging:
    """What would become of two customers. Raises InputError for an unknown address, UsageError where both are one."""
    with workspace.database.read() as session:
        kept, gone = _both(session, workspace, keep, other)
        return Merging(kept.address or keep, gone.address or other, tuple(_words(session, kept, gone)))


def merge(workspace: Workspace, keep: str, other: str, *, by: str) -> Merging:
    """Make two customers one, the stricter of their wishes kept. Raises as `look_at_merging`; NeedsPerson while a mail
    to the other is on its way.
    """
    with workspace.database.write() as session:
        kept, gone = _both(session, workspace, keep, other)
        words, addresses = tuple(_words(session, kept, gone)), (kept.address or keep, gone.address or other)
        record = merge_customers(session, kept, gone, at=workspace.clock(), by=by)
        moved = {name: count for name, count in record.moved.items() if count}
        advance(session, workspace.root, needed=False)
    return Merging(*addresses, words, moved)


def _both(session: Session, workspace: Workspace, keep: str, other: str) -> tuple[Customer, Customer]:
    found = []
    for address in (keep, other):
        customer = find_customer(session, workspace.keys, address)
        if customer is None or customer.erased_at is not None:
            raise InputError(f"no customer has the address {address}", remedy="Look with: outreach customers list")
        found.append(customer)
    if found[0].id == found[1].id:
        raise UsageError(f"{keep} and {other} are one customer already", remedy="There is nothing to merge.")
    return found[0], found[1]


def _words(session: Session, kept: Customer, gone: Customer) -> Iterator[str]:
    yield f"{kept.address} is kept; {gone.address} is known from then on as another address of theirs."
    mine = {tie.list_id: tie.state for tie in subscriptions_of(session, kept.id or 0)}
    for tie in subscriptions_of(session, gone.id or 0):
        own = mine.get(tie.list_id)
        if own is not None and STRICTNESS[tie.state] > STRICTNESS[own]:
            yield f"One of them is {tie.state} on a list where the other is {own}: {tie.state} it stays."
    for name in ("first_name", "last_name", "language", "country"):
        one, two = getattr(kept, name), getattr(gone, name)
        if one and two and one != two:
            yield f"{name.replace('_', ' ')}: {one} stays, {two} is only in the record."
    lost = [name for name, value in (gone.attributes or {}).items()
            if name in (kept.attributes or {}) and (kept.attributes or {})[name] not in (value, None, "")]  # fmt: skip
    if lost:
        yield f"Of both, {', '.join(sorted(lost))}: the kept one's stays (lists and tags are joined)."
