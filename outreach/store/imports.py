"""Writing the people of a file in chunks: what each chunk would change, then changing just that.

Law: the dry run and the real run ask the same `plan_chunk`; a chunk is one transaction, so a killed import runs again
from the start and finds its people unchanged. A suppressed address is left alone, whether known or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from ..audience.intake import Person
from ..audience.merge import Ways, changed_fields, next_state
from ..audience.plain_rows import KEY, PlainRow, first_states, person_of, plain_row
from ..records import (
    Changed,
    Consent,
    ConsentAct,
    Customer,
    ImportChange,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from .belongings import insert_belongings
from .blocks_before import told_block
from .bulk import insert_rows, next_ids
from .consents import asks_twice, suppress, suppressed_keys, unsubscribe
from .contacts import Known as KnownContact
from .contacts import add_contacts, contacts_by_customer
from .customers import PAGE, bump_versions
from .database import rows_in_chunks
from .group_intake import Joining, name_alike, plan_joining, settle_names, write_joining
from .known import OF_PERSON, PERSON, Known, Taken, found_as_told, keys_known, known_by_key, known_by_reach
from .newcomers import insert_newcomers, insert_proofs, insert_ties, tie_newcomers
from .returning import stop_newcomers
from .seen import Seen

KeyedPerson = tuple[str, Person]
"""A person under their address key, or under a mark of their own where they have no address."""


@dataclass(frozen=True)
class Into:
    """Where a file's people go. `list_id` None: the list does not exist yet. `file` stands in each proof.

    `names`: the file's fields and attributes, where the ways ask which of them a row leaves empty.
    """

    list_id: int | None
    now: datetime
    file: str
    import_id: int = 0
    ways: Ways = field(default_factory=Ways)
    seen: Seen = field(default_factory=Seen)
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Tie:
    """A subscription's new state for a known person: `known` None makes it."""

    key: str
    customer_id: int
    known: SubscriptionState | None
    state: SubscriptionState
    person: Person


@dataclass(slots=True)
class Chunk:
    """What some rows of a file would change. `newcomers` are all whom they make, `states` those of their subscriptions;
    `created` the persons among them.
    """

    newcomers: list[PlainRow] = field(default_factory=list)
    states: list[SubscriptionState | None] = field(default_factory=list)
    created: list[KeyedPerson] = field(default_factory=list)
    updated: list[tuple[Known, dict[str, Any], Person]] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    consents: list[tuple[int, Person]] = field(default_factory=list)
    contacts: list[tuple[int, Person, list[KnownContact]]] = field(default_factory=list)
    blocks: list[tuple[str, Person]] = field(default_factory=list)
    suppressed: list[Person] = field(default_factory=list)
    repeated: list[KeyedPerson] = field(default_factory=list)
    groups: list[Joining] = field(default_factory=list)
    changed: int = 0
    unchanged: int = 0
    ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class SortedOut:
    """People of a file by what is to be asked of them: those who are new and plain, those (by id) of whom their row
    tells nothing new, and all others; `blocked` by key.
    """

    newcomers: list[PlainRow]
    same: list[tuple[PlainRow, int]]
    closely: list[Taken]
    blocked: set[str]


def sort_out(session: Session, into: Into, people: Sequence[Taken]) -> SortedOut:
    """Look these people up (no key twice)."""
    keys = [one[KEY] for one in people if len(one) > OF_PERSON or one[PERSON].address]
    blocked = {
        key
        for key, reason in suppressed_keys(session, keys, into.now).items()
        if reason is not SuppressionReason.BOUNCES  # it rests for a while: still a customer like any other
    }
    settled = keys_known(session, keys) | blocked
    plain = [one for one in people if len(one) > OF_PERSON]
    if not settled:
        return SortedOut(plain, [], [one for one in people if len(one) == OF_PERSON], blocked)
    known = settled - blocked
    rows = [one for one in plain if one[KEY] in known]
    # only merged, a row is easily judged
    same = found_as_told(session, into.list_id, rows) if rows and into.ways.plain else {}
    return SortedOut(
        [one for one in plain if one[KEY] not in settled],
        [(one, same[one[KEY]]) for one in rows if one[KEY] in same],
        [one for one in people if len(one) == OF_PERSON or (one[KEY] in settled and one[KEY] not in same)],
        blocked,
    )


def plan_chunk(session: Session, into: Into, people: Sequence[Taken]) -> Chunk:
    """What these people (no key twice) would change."""
    chunk = Chunk()
    people = name_alike(settle_names(session, people))
    found = sort_out(session, into, people)
    chunk.newcomers = found.newcomers
    for row, customer_id in found.same:
        if into.seen.before(customer_id):
            chunk.repeated.append((row[KEY], person_of(row)))
        else:
            chunk.unchanged += 1
    twice = asks_twice(session, into.list_id)
    if found.closely:
        persons = [(one[KEY], _person(into, one)) for one in found.closely]
        _plan_closely(session, into, chunk, persons, found.blocked, twice=twice)
    if chunk.created:
        order = {one[KEY]: place for place, one in enumerate(people)}
        made = [plain_row(key, person) for key, person in chunk.created]
        chunk.newcomers = sorted([*chunk.newcomers, *made], key=lambda one: order[one[KEY]])
    chunk.states = first_states(chunk.newcomers, asks_twice=twice)
    return chunk


def _person(into: Into, one: Taken) -> Person:
    if len(one) > OF_PERSON:
        return person_of(one, into.names)
    person: Person = one[PERSON]
    return person


def _plan_closely(
    session: Session, into: Into, chunk: Chunk, people: Sequence[KeyedPerson], blocked: set[str], *, twice: bool
) -> None:
    """Plan people of whom more is to be asked."""
    known = known_by_key(session, into.list_id, [key for key, person in people if person.address])
    known |= known_by_reach(session, into.list_id, [(key, person) for key, person in people if not person.address])
    proved = _proved(session, into.list_id, [known[key].id for key, one in people if key in known and one.consent_at])
    contacts = contacts_by_customer(session, [known[key].id for key, one in people if key in known and one.contacts])
    there = ((person, known[key]) for key, person in people if key in known and key not in blocked)
    joining = plan_joining(session, there, into.ways)
    for key, person in people:
        if key in known and into.seen.before(known[key].id, tied=person.tied):
            chunk.repeated.append((key, person))
            continue
        if key in blocked:
            chunk.suppressed.append(person)
        elif key not in known:
            chunk.created.append((key, person))
        else:
            of = contacts.get(known[key].id, set())
            moves = joining.get(known[key].id, [])
            _plan_known(chunk, key, person, known[key], proved, of, into.ways, asks_twice=twice, moves=bool(moves))
            chunk.groups += moves
        if person.block is not None and person.address and key not in blocked:
            chunk.blocks.append((key, person))


def _plan_known(
    chunk: Chunk,
    key: str,
    person: Person,
    known: Known,
    proved: set[tuple[int, datetime]],
    contacts: set[KnownContact],
    ways: Ways,
    *,
    asks_twice: bool,
    moves: bool,
) -> None:
    changed = changed_fields(person, known, ways)
    if lacking := [one for one in person.contacts if one not in contacts]:
        chunk.contacts.append((known.id, person, lacking))
    state = next_state(person, known.state, asks_twice=asks_twice)
    new_proof = (
        state is None
        and known.state is SubscriptionState.SUBSCRIBED
        and person.consent_at is not None
        and (known.id, person.consent_at) not in proved
    )
    if changed:
        chunk.updated.append((known, changed, person))
    if state is not None:
        chunk.ties.append(Tie(key, known.id, known.state, state, person))
    if new_proof:
        chunk.consents.append((known.id, person))
    told = (chunk.contacts and chunk.contacts[-1][1] is person) or (person.block is not None and person.address)
    if changed or state is not None or new_proof or told or moves:
        chunk.changed += 1
    else:
        chunk.unchanged += 1


def write_chunk(session: Session, into: Into, chunk: Chunk) -> None:
    """Change what the chunk says; `chunk.ids` are then those of the customers it made, in order."""
    assert into.list_id is not None
    chunk.ids = next_ids(session, Customer, len(chunk.newcomers))
    insert_newcomers(session, chunk.ids, chunk.newcomers, into.now)
    tie_newcomers(session, into.list_id, chunk.ids, chunk.newcomers, chunk.states, into.now, into.file)
    insert_belongings(session, chunk.ids, chunk.newcomers, into.now, into.file)
    stop_newcomers(session, zip(map(itemgetter(KEY), chunk.newcomers), chunk.ids, strict=True), into.now)
    ids: dict[str, int] = {}
    if chunk.created:
        ids = {row[KEY]: one for row, one in zip(chunk.newcomers, chunk.ids, strict=True)}
    changes = _update(session, chunk.updated, into)
    new: list[tuple[int, SubscriptionState]] = []
    acts = [(one, person, False) for one, person in chunk.consents]
    stopped: list[int] = []
    for tie in chunk.ties:
        customer_id = tie.customer_id
        if tie.known is None:
            new.append((customer_id, tie.state))
        else:
            _move(session, into.list_id, customer_id, tie.state, into.now)
            if tie.state is SubscriptionState.UNSUBSCRIBED:
                stopped.append(customer_id)
        changes.append(_change(into, customer_id, Changed.TIE, {"state": tie.known}, {"state": tie.state}))
        if tie.state is not SubscriptionState.PENDING:
            acts.append((customer_id, tie.person, tie.state is SubscriptionState.UNSUBSCRIBED))
    insert_ties(session, into.list_id, new, into.now)
    insert_proofs(session, into.list_id, acts, into.now, into.file)
    contacts = [(customer_id, contact) for customer_id, _, lacking in chunk.contacts for contact in lacking]
    add_contacts(session, contacts, at=into.now, how="import", evidence=into.file)
    for customer_id, _, lacking in chunk.contacts:
        changes.append(_change(into, customer_id, Changed.CONTACT, {}, {"contacts": [list(one) for one in lacking]}))
    changes += _block(session, into, chunk, ids)
    for moved in write_joining(session, chunk.groups, into.now, into.file):
        changes.append({"import_id": into.import_id, **moved})
    insert_rows(session, ImportChange, changes)
    bump_versions(session, stopped, into.now)


def _block(session: Session, into: Into, chunk: Chunk, ids: dict[str, int]) -> list[dict[str, Any]]:
    """Block the addresses that the file says must not be written to."""
    if not chunk.blocks:
        return []
    known = {tie.key: tie.customer_id for tie in chunk.ties}
    left = [key for key, _ in chunk.blocks if key not in ids and key not in known]
    known |= {key: one.id for key, one in known_by_key(session, None, left).items()}
    changes: list[dict[str, Any]] = []
    for key, person in chunk.blocks:
        assert person.block is not None
        evidence, before = f"{into.file}:{person.row}", told_block(session, key)
        if suppress(session, address_key=key, reason=person.block, at=into.now, evidence=evidence):
            whose = ids.get(key) or known.get(key) or 0
            stands = told_block(session, key)
            after = {"key": key, "reason": stands["reason"], "evidence": stands["evidence"]}
            changes.append(_change(into, whose, Changed.BLOCK, before, after))
    return changes


def stop_people(session: Session, into: Into, people: Sequence[KeyedPerson]) -> int:
    """Carry out what later rows of the file say of people whom an earlier row brought: how many left by it."""
    known = known_by_key(session, into.list_id, [key for key, _ in people])
    chunk, left = Chunk(), 0
    changes: list[dict[str, Any]] = []
    for key, person in people:
        if person.block is not None:
            chunk.blocks.append((key, person))
        one = known.get(key)
        if one is None or person.status is not SubscriptionState.UNSUBSCRIBED:
            continue
        way = {"how": "import", "evidence": f"{into.file}:{person.row}"}
        if unsubscribe(session, customer_id=one.id, list_id=into.list_id, at=into.now, **way):
            left += 1
            if not into.seen.made_here(one.id):
                after = {"state": SubscriptionState.UNSUBSCRIBED}
                changes.append(_change(into, one.id, Changed.TIE, {"state": one.state}, after))
    changes += _block(session, into, chunk, {key: one.id for key, one in known.items()})
    insert_rows(session, ImportChange, changes)
    return left


def _change(
    into: Into, customer_id: int, what: Changed, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    return {
        "import_id": into.import_id,
        "customer_id": customer_id,
        "what": what,
        "before": before,
        "after": after,
    }


def _proved(session: Session, list_id: int | None, customer_ids: list[int]) -> set[tuple[int, datetime]]:
    """The consents that are known already, by customer and instant: a file read twice proves nothing new."""
    found: set[tuple[int, datetime]] = set()
    query = select(col(Consent.customer_id), col(Consent.at)).where(
        col(Consent.list_id) == list_id, col(Consent.act) == ConsentAct.GIVEN
    )
    for part in rows_in_chunks(customer_ids, PAGE):
        rows: Any = session.connection().execute(query.where(col(Consent.customer_id).in_(part)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _update(session: Session, updated: list[tuple[Known, dict[str, Any], Person]], into: Into) -> list[dict[str, Any]]:
    """One statement per set of changed columns; language and zone stop no mail, so the version stays."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    changes: list[dict[str, Any]] = []
    for known, changed, _ in updated:
        names = tuple(sorted(changed))
        alike.setdefault(names, []).append({"b_id": known.id, **{f"b_{name}": changed[name] for name in names}})
        before = {name: getattr(known, name) for name in names if name != "phone_end"}
        changes.append(_change(into, known.id, Changed.FIELDS, before, {name: changed[name] for name in before}))
    for names, rows in alike.items():
        table: Any = Customer.__table__  # type: ignore[attr-defined]
        values = {name: bindparam(f"b_{name}", type_=table.c[name].type) for name in names}
        statement = update(table).where(table.c.id == bindparam("b_id")).values(updated_at=into.now, **values)
        session.connection().execute(statement, rows)
    return changes


def _move(session: Session, list_id: int, customer_id: int, state: SubscriptionState, now: datetime) -> None:
    session.connection().execute(
        update(Subscription)
        .where(col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer_id)
        .values(state=state, changed_at=now)
    )
