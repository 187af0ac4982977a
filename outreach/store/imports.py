"""Writing the people of a file in chunks: what each chunk would change, then changing just that.

Law: the dry run and the real run ask the same `plan_chunk`; a chunk is one transaction, so a killed import runs again
from the start and finds its people unchanged. A suppressed address is left alone, whether known or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from ..address import new_public_id
from ..audience.intake import Person, changed_fields, new_fields, next_state
from ..records import (
    Consent,
    ConsentAct,
    Customer,
    CustomerImport,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from .bulk import insert_rows
from .consents import suppressed_keys
from .contacts import Known as KnownContact
from .contacts import add_contacts, contacts_by_customer
from .customers import PAGE, bump_versions, customer_ids_by_key
from .database import rows_in_chunks

KeyedPerson = tuple[str, Person]


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of a person in the file, as far as an import may change it."""

    id: int
    first_name: str | None
    last_name: str | None
    phone: str | None
    handle: str | None
    language: str | None
    country: str | None
    zone: str | None
    attributes: dict[str, Any]
    state: SubscriptionState | None


@dataclass(frozen=True, slots=True)
class Tie:
    """A subscription's new state for a person: `known` None makes it, `customer_id` None means a new customer."""

    key: str
    customer_id: int | None
    known: SubscriptionState | None
    state: SubscriptionState
    person: Person


@dataclass(slots=True)
class Chunk:
    """What some rows of a file would change."""

    created: list[KeyedPerson] = field(default_factory=list)
    updated: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    consents: list[tuple[int, Person]] = field(default_factory=list)
    contacts: list[tuple[int, Person]] = field(default_factory=list)
    suppressed: list[Person] = field(default_factory=list)
    changed: int = 0
    unchanged: int = 0


def plan_chunk(session: Session, list_id: int | None, people: Sequence[KeyedPerson], now: datetime) -> Chunk:
    """What these people (no key twice) would change. `list_id` None: the list does not exist yet."""
    chunk = Chunk()
    keys = [key for key, _ in people]
    blocked = {
        key
        for key, reason in suppressed_keys(session, keys, now).items()
        if reason is not SuppressionReason.BOUNCES  # it rests for a while: still a customer like any other
    }
    known = _known(session, list_id, keys)
    proved = _proved(session, list_id, [known[key].id for key, one in people if key in known and one.consent_at])
    contacts = contacts_by_customer(session, [known[key].id for key, one in people if key in known and one.contacts])
    for key, person in people:
        if key in blocked:
            chunk.suppressed.append(person)
        elif key not in known:
            chunk.created.append((key, person))
            chunk.ties.append(Tie(key, None, None, next_state(person, None) or SubscriptionState.SUBSCRIBED, person))
        else:
            _plan_known(chunk, key, person, known[key], proved, contacts.get(known[key].id, set()))
    return chunk


def _plan_known(
    chunk: Chunk,
    key: str,
    person: Person,
    known: Known,
    proved: set[tuple[int, datetime]],
    contacts: set[KnownContact],
) -> None:
    changed = changed_fields(person, known)
    if person.contacts and not contacts.issuperset(person.contacts):
        chunk.contacts.append((known.id, person))
    state = next_state(person, known.state)
    new_proof = (
        state is None
        and known.state is SubscriptionState.SUBSCRIBED
        and person.consent_at is not None
        and (known.id, person.consent_at) not in proved
    )
    if changed:
        chunk.updated.append((known.id, changed))
    if state is not None:
        chunk.ties.append(Tie(key, known.id, known.state, state, person))
    if new_proof:
        chunk.consents.append((known.id, person))
    if changed or state is not None or new_proof or (chunk.contacts and chunk.contacts[-1][1] is person):
        chunk.changed += 1
    else:
        chunk.unchanged += 1


def write_chunk(session: Session, list_id: int, chunk: Chunk, now: datetime, file: str) -> None:
    """Change what the chunk says. `file` stands in each consent's evidence, before the row."""
    customers = [_customer(key, person, now) for key, person in chunk.created]
    insert_rows(session, Customer, customers, keep_existing=True)
    ids = customer_ids_by_key(session, [key for key, _ in chunk.created])
    _update(session, chunk.updated, now)
    new: list[dict[str, Any]] = []
    acts: list[dict[str, Any]] = [_act(one, list_id, person, None, now, file) for one, person in chunk.consents]
    stopped: list[int] = []
    for tie in chunk.ties:
        customer_id = tie.customer_id if tie.customer_id is not None else ids[tie.key]
        if tie.known is None:
            new.append({"list_id": list_id, "customer_id": customer_id, "state": tie.state, "changed_at": now})
        else:
            _move(session, list_id, customer_id, tie.state, now)
            if tie.state is SubscriptionState.UNSUBSCRIBED:
                stopped.append(customer_id)
        if tie.state is not SubscriptionState.PENDING:
            acts.append(_act(customer_id, list_id, tie.person, tie.state, now, file))
    insert_rows(session, Subscription, new, keep_existing=True)
    insert_rows(session, Consent, acts)
    told = [*chunk.contacts, *((ids[key], person) for key, person in chunk.created if person.contacts)]
    contacts = [(customer_id, contact) for customer_id, person in told for contact in person.contacts]
    add_contacts(session, contacts, at=now, how="import", evidence=file)
    bump_versions(session, stopped, now)


def add_import(
    session: Session, *, file: str, list_name: str, at: datetime, counts: dict[str, int], rejects: str
) -> None:
    """Keep that this import was made."""
    session.add(CustomerImport(file=file, list_name=list_name, at=at, counts=counts, rejects=rejects))


def _known(session: Session, list_id: int | None, keys: list[str]) -> dict[str, Known]:
    names = ("id", "first_name", "last_name", "phone", "handle", "language", "country", "zone", "attributes")
    columns = [getattr(Customer, name) for name in names]
    tie = (col(Subscription.customer_id) == col(Customer.id)) & (col(Subscription.list_id) == list_id)
    query = select(col(Customer.address_key), *columns, col(Subscription.state)).outerjoin(Subscription, tie)
    found: dict[str, Known] = {}
    for part in rows_in_chunks(keys, PAGE):
        rows: Iterable[Any] = session.connection().execute(query.where(col(Customer.address_key).in_(part)))
        found.update((row[0], Known(*row[1:])) for row in rows)
    return found


def _proved(session: Session, list_id: int | None, customer_ids: list[int]) -> set[tuple[int, datetime]]:
    """The consents that are known already, by customer and instant: a file read twice proves nothing new."""
    found: set[tuple[int, datetime]] = set()
    query = select(col(Consent.customer_id), col(Consent.at)).where(
        col(Consent.list_id) == list_id, col(Consent.act) == ConsentAct.GIVEN
    )
    for part in rows_in_chunks(customer_ids, PAGE):
        rows: Iterable[Any] = session.connection().execute(query.where(col(Consent.customer_id).in_(part)))
        found.update((row[0], row[1]) for row in rows)
    return found


_BLANK = dict.fromkeys(("first_name", "last_name", "phone", "phone_end", "handle", "language", "country", "zone"))


def _customer(key: str, person: Person, now: datetime) -> dict[str, Any]:
    return {
        **_BLANK,
        **new_fields(person),
        "public_id": new_public_id(),
        "address": person.address,
        "address_key": key,
        "attributes": person.attributes,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _update(session: Session, updated: list[tuple[int, dict[str, Any]]], now: datetime) -> None:
    """One statement per set of changed columns; language and zone stop no mail, so the version stays."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for customer_id, changed in updated:
        names = tuple(sorted(changed))
        alike.setdefault(names, []).append({"b_id": customer_id, **{f"b_{name}": changed[name] for name in names}})
    for names, rows in alike.items():
        table: Any = Customer.__table__  # type: ignore[attr-defined]
        values = {name: bindparam(f"b_{name}", type_=table.c[name].type) for name in names}
        statement = update(table).where(table.c.id == bindparam("b_id")).values(updated_at=now, **values)
        session.connection().execute(statement, rows)


def _move(session: Session, list_id: int, customer_id: int, state: SubscriptionState, now: datetime) -> None:
    session.connection().execute(
        update(Subscription)
        .where(col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer_id)
        .values(state=state, changed_at=now)
    )


def _act(
    customer_id: int, list_id: int, person: Person, state: SubscriptionState | None, now: datetime, file: str
) -> dict[str, Any]:
    withdrawn = state is SubscriptionState.UNSUBSCRIBED
    return {
        "customer_id": customer_id,
        "list_id": list_id,
        "act": ConsentAct.WITHDRAWN if withdrawn else ConsentAct.GIVEN,
        "at": now if withdrawn else person.consent_at or now,
        "how": "import" if withdrawn else person.consent_how or "import",
        "words": person.consent_words,
        "evidence": f"{file}:{person.row}",
        "by": "",
    }
