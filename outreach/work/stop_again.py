"""After a restore: whoever said stop since the backup is stopped again, before anything can be sent.

Law: it goes by the register. A stop that the database has itself, or after which the person said otherwise with proof,
is passed over. Of who is no customer in the backup it is kept by the keyed hash of their address, and holds as soon as
a file or the sign-up page makes them one: the list that they left and their pause, no more and no less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import KeyRing
from ..audience.stops import ALL, NOBODY, PAUSE, Stop
from ..records import Customer, StrangerStop, SuppressionReason, Wish
from ..store.consents import suppress, unsubscribe
from ..store.contacts import ids_by_earlier_key
from ..store.customers import customer_ids_by_key, ensure_list, list_id_of
from ..store.database import rows_in_chunks
from ..store.returning import EVIDENCE
from ..store.stops import acts_of, blocks_on, forget_noted, knows, lists_by_name, public_ids
from ..store.strangers import keep_stranger_stop, stranger_stops
from ..store.wishes import keep_wish, wish_of
from .erase_again import ErasedAgain, erase_again
from .erasures import person_key
from .pause import locked_row
from .stops import still_said
from .workspace import Workspace, accept_database

CHUNK = 200


@dataclass(frozen=True)
class StoppedAgain:
    """How many people were stopped again, `strangers` (addresses that are no customer's here) among them, and how many
    blocks, pauses and stops that was. `lists` were made for it: the backup did not have them.
    """

    people: int = 0
    strangers: int = 0
    stops: int = 0
    lists: tuple[str, ...] = ()


def accept_restored(workspace: Workspace) -> tuple[ErasedAgain, StoppedAgain]:
    """A person says that this database is the one to go on with: whoever was erased, or said stop, since it was copied
    is first erased and stopped again.
    """
    erased, stopped = erase_again(workspace), stop_again(workspace)
    accept_database(workspace)
    return erased, stopped


def stop_again(workspace: Workspace) -> StoppedAgain:
    """Carry out what the register says and this database does not know, a few hundred in each short transaction."""
    now = workspace.clock()
    said = still_said(workspace.root, workspace.keys, now)
    people, strangers, lists = set[str](), set[str](), list[str]()
    count = 0
    whose = _whose(workspace, said)
    for part in rows_in_chunks(said, CHUNK):
        with workspace.database.write() as session:
            for one in _unknown(session, workspace.keys, part, whose):
                number = whose.get(_who(one))
                if not _carry_out(session, one, number, now, lists):
                    continue
                count += 1
                people.add(_who(one) if number is None else str(number))
                if number is None:
                    strangers.add(_who(one))
            forget_noted(session)
    return StoppedAgain(len(people), len(strangers), count, tuple(lists))


def _who(one: Stop) -> str:
    return one.address if one.address != NOBODY else one.person


def _whose(workspace: Workspace, said: Sequence[Stop]) -> dict[str, int]:
    """The customers of whom the register speaks, by what it calls them: by their address, also one that they had before
    they were merged, else by their row.
    """
    with workspace.database.read() as session:
        keys = {one.address for one in said if one.address[:1] not in (NOBODY, "@")}
        found = customer_ids_by_key(session, sorted(keys))
        found |= ids_by_earlier_key(session, sorted(keys - found.keys()))
        left = {one.person: _who(one) for one in said if one.person != NOBODY and _who(one) not in found}
        query = select(col(Customer.id), col(Customer.public_id)).where(col(Customer.erased_at).is_(None))
        for number, public_id in session.execute(query).yield_per(10_000) if left else ():
            who = left.get(person_key(workspace.keys, public_id))
            if who is not None and number is not None:
                found[who] = number
    return found


def _carry_out(session: Session, one: Stop, number: int | None, now: datetime, lists: list[str]) -> bool:
    """Whether it had to be done."""
    evidence = f"{EVIDENCE}: said on {one.at:%Y-%m-%d}"
    customer = session.get(Customer, number) if number is not None else None
    if customer is not None and customer.erased_at is not None:
        return False
    name, reason = one.list_name, one.reason
    if customer is None and one.address != NOBODY and (name is not None or one.scope == PAUSE):
        list_id = None if name is None else _list(session, name, now, lists)
        return keep_stranger_stop(session, one.address, list_id, one.at, one.until)
    if one.scope == PAUSE:
        return customer is not None and _pause(session, number or 0, one, evidence)
    if customer is not None and (name is not None or one.scope == ALL):
        list_id = None if name is None else _list(session, name, now, lists)
        way = {"how": "person", "evidence": evidence}
        return unsubscribe(session, customer_id=number or 0, list_id=list_id, at=one.at, **way)
    if one.address == NOBODY:
        return False
    if one.address.startswith("@"):
        row = locked_row(session)
        row.version += 1  # as `work.block`: nobody knows yet whose mail it stops
        session.add(row)
    return suppress(
        session,
        address_key=one.address,
        reason=reason or SuppressionReason.UNSUBSCRIBED_ALL,
        at=one.at,
        evidence=evidence,
        expires_at=one.until,
    )


def _unknown(session: Session, keys: KeyRing, part: Sequence[Stop], whose: Mapping[str, int]) -> Iterator[Stop]:
    """Those that the database does not know, nor a later word with proof: nearly all are old, so they are looked up
    together.
    """
    numbers = {whose[who] for one in part if (who := _who(one)) in whose}
    acts, ids = acts_of(session, numbers), public_ids(session, numbers)
    addresses = {one.address for one in part}
    blocks, lists, strange = blocks_on(session, addresses), lists_by_name(session), stranger_stops(session, addresses)
    for one in part:
        number, name, block = whose.get(_who(one)), one.list_name, blocks.get(one.address)
        same = block is not None and block.reason is (one.reason or SuppressionReason.UNSUBSCRIBED_ALL)
        if number is not None and (name is not None or one.scope == ALL):
            list_id = None if name is None else lists.get(name)
            of_it = acts.get((number, list_id), []) if name is None or list_id is not None else []
            same_row = number in ids and one.person == person_key(keys, ids[number])
            known = knows(of_it, one.at, same_row=same_row) or (
                name is None and same and block is not None and block.at >= one.at
            )
        else:
            known = _kept(strange.get(one.address, ()), one, lists) or (
                one.scope != PAUSE and name is None and same and block is not None and block.expires_at is None
            )
        if not known:
            yield one


def _kept(strange: Iterable[StrangerStop], one: Stop, lists: Mapping[str, int]) -> bool:
    """Whether that is kept already of somebody who is no customer."""
    if one.scope == PAUSE:
        return any(kept.list_id is None and (kept.until or one.at) >= (one.until or one.at) for kept in strange)
    list_id = lists.get(one.list_name or "")
    return list_id is not None and any(kept.list_id == list_id for kept in strange)


def _list(session: Session, name: str, now: datetime, lists: list[str]) -> int:
    """The list of this name, made where the backup had none: whoever left it stays away when it is filled again."""
    found = list_id_of(session, name)
    if found is None:
        lists.append(name)
        found = ensure_list(session, name, now)
    return found


def _pause(session: Session, number: int, one: Stop, evidence: str) -> bool:
    wish = wish_of(session, number) or Wish(customer_id=number, changed_at=one.at, how="page")
    if wish.changed_at > one.at or (wish.paused_until or one.at) >= (one.until or one.at):
        return False
    keep_wish(
        session,
        number,
        paused_until=one.until,
        every_days=wish.every_days,
        no_topics=wish.no_topics,
        channel=wish.channel,
        at=one.at,
        how="page",
        evidence=evidence,
    )
    return True


def told_stops(done: StoppedAgain) -> Iterator[str]:
    """What was done, in words; nothing where there was nothing to do."""
    if done.people:
        people = f"{done.people:,} {'person' if done.people == 1 else 'people'}"
        yield f"{people} who said stop since that backup {'gets' if done.people == 1 else 'get'} no more of it again."
    if done.strangers:
        yield (
            f"Of these {done.strangers:,} {'is' if done.strangers == 1 else 'are'} no customer of the backup: what was "
            "said holds as soon as a file or the sign-up page brings them back."
        )
    if done.lists:
        yield f"Made again, since people had left them: the lists {', '.join(done.lists)}."
