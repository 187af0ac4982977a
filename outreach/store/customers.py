"""Queries of customers and mailing lists.

Law: bulk reads go through Core in constant memory; a list or a person that is not there is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, null, select, update
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..address import KeyRing, address_key, canonical_address
from ..audience.segment import COLUMNS, EVERYONE, Segment
from ..errors import InputError
from ..records import Campaign, Contact, ContactKind, Customer, Delivery, MailingList, Subscription, SubscriptionState
from .database import rows_in_chunks
from .prepared import Among, Prepared, instant, value_of
from .segments import segment_filter

PAGE = 2_000


class PersonRow(NamedTuple):
    """What planning needs of one person on a list."""

    id: int
    address_key: str
    address: str | None
    zone: str | None
    country: str | None
    language: str | None
    version: int
    subscription_state: SubscriptionState | None


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer's columns, without the weight of a mapped object."""

    id: int
    public_id: str
    address: str | None
    address_key: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    handle: str | None
    language: str | None
    country: str | None
    zone: str | None
    version: int
    created_at: datetime
    erased_at: datetime | None
    attributes: dict[str, Any] = field(hash=False)

    def values(self) -> dict[str, Any]:
        """What a segment or a template may name: attributes and columns; a column wins over an attribute."""
        return self.attributes | {
            "email": self.address,
            **{name: getattr(self, name) for name in COLUMNS if name != "email"},
        }


_COLUMNS = tuple(getattr(Customer, column.name) for column in fields(CustomerRow))


def stream_people(
    session: Session,
    list_id: int | None,
    segment: Segment = EVERYONE,
    *,
    among: ColumnElement[bool] | None = None,
) -> Iterator[PersonRow]:
    """Everyone tied to the list, in any state, whom the segment takes, by rising id; `among`: and that takes them too.

    Without a list: every customer, with no subscription state. People without an address or erased are left out.
    Memory is constant: pages of 2,000 by key; the session's one snapshot makes them one answer.
    """
    after = 0
    while True:
        page = session.connection().execute(_people(list_id, segment, after, among)).all()
        for row in page:
            yield PersonRow(*row)
        if len(page) < PAGE:
            return
        after = page[-1].id


def _people(list_id: int | None, segment: Segment, after: int, among: ColumnElement[bool] | None = None) -> Select[Any]:
    columns = [getattr(Customer, name) for name in PersonRow._fields[:-1]]
    if list_id is None:
        query = select(*columns, null())
    else:
        tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
        query = select(*columns, col(Subscription.state)).join(Subscription, tie)
    query = query.where(col(Customer.address_key).is_not(None), col(Customer.erased_at).is_(None))
    if among is not None:
        query = query.where(among)
    return query.where(segment_filter(segment), col(Customer.id) > after).order_by(col(Customer.id)).limit(PAGE)


def load_customers(session: Session, ids: Sequence[int]) -> dict[int, CustomerRow]:
    """These customers by id; an id that does not exist is left out."""
    found: dict[int, CustomerRow] = {}
    for part in rows_in_chunks(list(ids), PAGE):
        for row in _CUSTOMERS.rows(session, ids=part):
            rest = instant(row[12]), instant(row[13]), value_of(row[14])
            found[row[0]] = CustomerRow(*row[:12], *rest)  # type: ignore[call-arg]
    return found


def load_readers(session: Session, ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """What letters read of these customers, by id: address, names, language, country, zone, and their attributes as
    the database keeps them (JSON's own text on SQLite), for `work.jobs.read_person`."""
    found: dict[int, tuple[Any, ...]] = {}
    for part in rows_in_chunks(list(ids), PAGE):
        found.update((row[0], tuple(row[1:])) for row in _READERS.rows(session, ids=part))
    return found


_READERS = Prepared(
    select(
        col(Customer.id),
        col(Customer.address),
        col(Customer.first_name),
        col(Customer.last_name),
        col(Customer.language),
        col(Customer.country),
        col(Customer.zone),
        col(Customer.attributes),
    ).where(Among(col(Customer.id), "ids"))
)


_CUSTOMERS = Prepared(select(*_COLUMNS).where(Among(col(Customer.id), "ids")))


def customer_ids_by_key(session: Session, address_keys: Sequence[str]) -> dict[str, int]:
    """The ids of the customers with these address keys."""
    found: dict[str, int] = {}
    for part in rows_in_chunks(list(address_keys), PAGE):
        query = select(col(Customer.address_key), col(Customer.id)).where(col(Customer.address_key).in_(part))
        rows: Iterable[Any] = session.connection().execute(query)
        found.update((key, customer_id) for key, customer_id in rows)
    return found


def find_customer(session: Session, keys: KeyRing, address: str) -> Customer | None:
    """The customer with this address in whatever spelling, also one who has another now and this one besides.

    None where there is none, or it is no address.
    """
    try:
        canonical = canonical_address(address)
    except InputError:
        return None
    key = address_key(keys, canonical)
    found = session.exec(orm_select(Customer).where(Customer.address_key == key)).first()
    if found is not None:
        return found
    merged = orm_select(Customer).join(Contact, col(Contact.customer_id) == col(Customer.id))
    theirs = col(Contact.kind) == ContactKind.ADDRESS, col(Contact.value) == key, col(Customer.erased_at).is_(None)
    several = session.exec(merged.where(*theirs).limit(2)).all()
    return several[0] if len(several) == 1 else None


def person_at(session: Session, keys: KeyRing, who: str) -> Customer | None:
    """The customer with this address, or, as #17, with this number: people without an address have only that.

    By number also one who was erased, so that an erasure that was broken off can go on.
    """
    if who[:1] == "#" and who[1:].isdecimal() and len(who) < 20:
        return session.get(Customer, int(who[1:]))
    return find_customer(session, keys, who)


def was_erased(session: Session, customer_id: int | None) -> bool:
    """Whether this customer asked to be forgotten: their row is an empty one."""
    return customer_id is not None and bool(_ERASED.rows(session, id=customer_id))


_ERASED = Prepared(
    select(col(Customer.id)).where(col(Customer.id) == bindparam("id"), col(Customer.erased_at).is_not(None))
)


def list_customers(
    session: Session, *, list_id: int | None = None, segment: Segment = EVERYONE, limit: int = 50, after: int = 0
) -> list[tuple[CustomerRow, SubscriptionState | None]]:
    """Customers by rising id from behind `after`, with their state on the list where one is named."""
    query = select(*_COLUMNS, col(Subscription.state) if list_id is not None else null())
    if list_id is not None:
        query = query.join(Subscription, col(Subscription.customer_id) == col(Customer.id))
        query = query.where(col(Subscription.list_id) == list_id)
    query = query.where(segment_filter(segment), col(Customer.id) > after, col(Customer.erased_at).is_(None))
    rows = session.connection().execute(query.order_by(col(Customer.id)).limit(limit))
    return [(CustomerRow(*row[:-1]), row[-1]) for row in rows]


def list_id_of(session: Session, name: str) -> int | None:
    """The id of the mailing list called `name`."""
    return session.exec(orm_select(MailingList.id).where(MailingList.name == name)).first()


def ensure_list(session: Session, name: str, now: datetime) -> int:
    """The id of the mailing list called `name`, which is made where there is none."""
    found = list_id_of(session, name)
    if found is None:
        made = MailingList(name=name, title=name, created_at=now)
        session.add(made)
        session.flush()
        found = made.id
    assert found is not None
    return found


def list_names(session: Session) -> list[str]:
    """The names of all mailing lists, sorted."""
    return sorted(session.exec(orm_select(MailingList.name)))


def all_lists(session: Session) -> list[tuple[MailingList, dict[str, int]]]:
    """Every mailing list by name, with its people counted by the state of their subscription."""
    counts: dict[int, dict[str, int]] = {}
    grouped = select(col(Subscription.list_id), col(Subscription.state), func.count())
    for number, state, count in session.execute(grouped.group_by(col(Subscription.list_id), col(Subscription.state))):
        counts.setdefault(number, {})[state.value] = count
    rows = session.exec(orm_select(MailingList).order_by(col(MailingList.name)))
    return [(row, counts.get(row.id or 0, {})) for row in rows]


def bump_versions(session: Session, customer_ids: Sequence[int], now: datetime) -> None:
    """Make every claim on these customers' mail judge again (RELIABILITY I8): something may stop mail to them."""
    for part in rows_in_chunks(list(customer_ids), PAGE):
        _BUMP.changed(session, ids=part, now=now)


_BUMP = Prepared(
    update(Customer)
    .where(Among(col(Customer.id), "ids"))
    .values(version=col(Customer.version) + 1, updated_at=bindparam("now"))
)


def count_states(session: Session, list_id: int, segment: Segment = EVERYONE) -> dict[SubscriptionState, int]:
    """How many people of a list the segment takes, by the state of their subscription."""
    query = (
        select(col(Subscription.state), func.count())
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .where(col(Subscription.list_id) == list_id, col(Customer.address_key).is_not(None), segment_filter(segment))
        .group_by(col(Subscription.state))
    )
    rows: Iterable[Any] = session.connection().execute(query)
    return {row[0]: row[1] for row in rows}


def takes_nobody(session: Session, list_id: int, segment: Segment) -> bool:
    """Whether the segment takes none of those who are subscribed to the list."""
    query = (
        select(col(Customer.id))
        .join(Subscription, col(Customer.id) == col(Subscription.customer_id))
        .where(col(Subscription.list_id) == list_id, col(Subscription.state) == SubscriptionState.SUBSCRIBED)
        .where(col(Customer.address_key).is_not(None), segment_filter(segment))
    )
    return session.connection().execute(query.limit(1)).first() is None


def recent_deliveries(session: Session, customer_id: int, limit: int = 10) -> list[tuple[Delivery, str]]:
    """The newest mails planned for a person, newest first, each with its campaign's name."""
    query = (
        orm_select(Delivery, Campaign.name)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(Delivery.customer_id == customer_id)
        .order_by(col(Delivery.due_at).desc(), col(Delivery.id).desc())
    )
    return list(session.exec(query.limit(limit)))
