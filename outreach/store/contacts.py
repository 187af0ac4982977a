"""Kept: the handles, numbers and further addresses by which customers are known.

Law: the handle and number on a customer's own row count beside those kept here; where several customers fit, all of
them are given, and whoever asks must not choose. The caller commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..contacts import phone_end, same_number
from ..records import Contact, ContactKind, Customer
from .bulk import insert_rows
from .database import rows_in_chunks
from .prepared import Prepared

PAGE = 2_000
MOST = 20
"""More customers than this with one number or name are not looked at."""
Known = tuple[ContactKind, str, str]
"""Kind, network and value of a contact."""
Found = tuple[int, str | None]
"""A customer's id and address key."""


def customers_by_handle(session: Session, network: str, handle: str) -> list[Found]:
    """The customers with this handle on this network; else those whose handle is of a network that nobody knows."""
    kept = select(col(Customer.id), col(Customer.address_key), col(Contact.network)).join(
        Contact, col(Contact.customer_id) == col(Customer.id)
    )
    kept = kept.where(
        col(Contact.kind) == ContactKind.HANDLE, col(Contact.value) == handle, col(Customer.erased_at).is_(None)
    )
    rows = session.execute(kept.limit(MOST)).all()
    if network and (sure := _distinct((row[0], row[1]) for row in rows if row[2] == network)):
        return sure
    elsewhere = {row[0] for row in rows}
    found = [(row[0], row[1]) for row in rows if not network or not row[2]]
    own = select(col(Customer.id), col(Customer.address_key)).where(
        col(Customer.handle) == handle, col(Customer.erased_at).is_(None)
    )
    found += [(row[0], row[1]) for row in session.execute(own.limit(MOST)) if row[0] not in elsewhere]
    return _distinct(found)


def customers_by_phone(session: Session, number: str) -> list[Found]:
    """The customers with this number, however it is written; an exact one is surer than one that ends alike."""
    end = phone_end(number)
    same = col(Customer.phone) == number
    own = select(col(Customer.id), col(Customer.address_key), col(Customer.phone)).where(
        col(Customer.erased_at).is_(None), or_(same, col(Customer.phone_end) == end) if end else same
    )
    kept = select(col(Customer.id), col(Customer.address_key), col(Contact.value)).join(
        Contact, col(Contact.customer_id) == col(Customer.id)
    )
    kept = kept.where(col(Contact.kind) == ContactKind.PHONE, col(Customer.erased_at).is_(None))
    kept = kept.where(col(Contact.ending) == end if end else col(Contact.value) == number)
    rows = [*session.execute(own.limit(MOST)), *session.execute(kept.limit(MOST))]
    exact = _distinct((row[0], row[1]) for row in rows if row[2] == number)
    return exact or _distinct((row[0], row[1]) for row in rows if same_number(row[2], number))


def customers_by_address(session: Session, address_key: str) -> list[Found]:
    """The customer with this address; else those for whom a person said that it is theirs too."""
    own = select(col(Customer.id), col(Customer.address_key)).where(
        col(Customer.address_key) == address_key, col(Customer.erased_at).is_(None)
    )
    found = [(row[0], row[1]) for row in session.execute(own.limit(2))]
    if found:
        return found
    kept = (
        select(col(Customer.id), col(Customer.address_key))
        .join(Contact, col(Contact.customer_id) == col(Customer.id))
        .where(
            col(Contact.kind) == ContactKind.ADDRESS,
            col(Contact.value) == address_key,
            col(Customer.erased_at).is_(None),
        )
    )
    return _distinct((row[0], row[1]) for row in session.execute(kept.limit(MOST)))


def keys_besides(session: Session, customer_id: int) -> list[str]:
    """The keys of the addresses by which a customer is known beside their own."""
    return [row[0] for row in _KEYS_BESIDES.rows(session, customer=customer_id)]


_KEYS_BESIDES = Prepared(
    select(col(Contact.value)).where(
        col(Contact.customer_id) == bindparam("customer"), col(Contact.kind) == ContactKind.ADDRESS
    )
)


def keys_now(session: Session, address_key: str) -> set[str]:
    """The addresses of those who are known by this one beside their own."""
    return {row[0] for row in _KEYS_NOW.rows(session, key=address_key)}


_KEYS_NOW = Prepared(
    select(col(Customer.address_key))
    .join(Contact, col(Contact.customer_id) == col(Customer.id))
    .where(
        col(Contact.kind) == ContactKind.ADDRESS,
        col(Contact.value) == bindparam("key"),
        col(Customer.erased_at).is_(None),
        col(Customer.address_key).is_not(None),
    )
)


def ids_by_earlier_key(session: Session, address_keys: Sequence[str]) -> dict[str, int]:
    """The customers who are known by these addresses beside their own, where one alone is."""
    found: dict[str, set[int]] = defaultdict(set)
    query = select(col(Contact.value), col(Contact.customer_id)).join(
        Customer, col(Customer.id) == col(Contact.customer_id)
    )
    theirs = query.where(col(Contact.kind) == ContactKind.ADDRESS, col(Customer.erased_at).is_(None))
    for part in rows_in_chunks(list(address_keys), PAGE):
        for key, customer_id in session.execute(theirs.where(col(Contact.value).in_(part))):
            found[key].add(customer_id)
    return {key: several.pop() for key, several in found.items() if len(several) == 1}


def customers_by_name(session: Session, words: str, limit: int = MOST) -> list[Customer]:
    """Customers whose first and last name, or the beginning of whose address, hold all of these words."""
    query = orm_select(Customer).where(col(Customer.erased_at).is_(None))
    whole = func.lower(func.coalesce(col(Customer.first_name), "") + " " + func.coalesce(col(Customer.last_name), ""))
    for word in words.lower().split()[:5]:
        begins = func.lower(col(Customer.address)).startswith(word, autoescape=True)
        query = query.where(or_(whole.contains(word, autoescape=True), begins))
    return list(session.exec(query.order_by(col(Customer.id)).limit(limit)))


def contacts_of(session: Session, customer_id: int) -> list[Contact]:
    """All that is kept here of one customer, oldest first."""
    query = orm_select(Contact).where(Contact.customer_id == customer_id)
    return list(session.exec(query.order_by(col(Contact.id))))


def contacts_by_customer(session: Session, customer_ids: Sequence[int]) -> dict[int, set[Known]]:
    """What is known of each of these customers already."""
    found: dict[int, set[Known]] = defaultdict(set)
    query = select(col(Contact.customer_id), col(Contact.kind), col(Contact.network), col(Contact.value))
    for part in rows_in_chunks(list(customer_ids), PAGE):
        for customer_id, kind, network, value in session.execute(query.where(col(Contact.customer_id).in_(part))):
            found[customer_id].add((ContactKind(kind), network, value))
    return found


def add_contacts(
    session: Session, added: Iterable[tuple[int, Known]], *, at: datetime, how: str, evidence: str = "", by: str = ""
) -> None:
    """Keep that these customers are known by these; one that is kept already stays as it is."""
    rows: list[dict[str, Any]] = [
        {
            "customer_id": customer_id,
            "kind": kind,
            "network": network,
            "value": value,
            "ending": phone_end(value) if kind is ContactKind.PHONE else "",
            "added_at": at,
            "how": how,
            "evidence": evidence,
            "by": by,
        }
        for customer_id, (kind, network, value) in added
    ]
    insert_rows(session, Contact, rows, keep_existing=True)


def drop_contact(session: Session, customer_id: int, contact: Known, *, how: str | None = None) -> bool:
    """Let go of one; with `how` only where it was kept in that way. Whether there was any."""
    kind, network, value = contact
    wanted = and_(
        col(Contact.customer_id) == customer_id,
        col(Contact.kind) == kind,
        col(Contact.network) == network,
        col(Contact.value) == value,
    )
    if how is not None:
        wanted = and_(wanted, col(Contact.how) == how)
    result: Any = session.execute(delete(Contact).where(wanted))
    return bool(result.rowcount)


def _distinct(found: Iterable[Found]) -> list[Found]:
    return list(dict.fromkeys(found))
