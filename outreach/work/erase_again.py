"""After a restore: whoever had been erased since the backup is erased again, before anything can be sent.

Law: it goes by the register, never by the backup's date. A customer is erased again when the register names their row,
whatever the clock said, or their address and the row is older than that erasure: who came back by their own wish since
has a newer row, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..address import KeyMaker, canonical_address
from ..errors import InputError
from ..records import Customer, Inbound
from ..store.customers import customer_ids_by_key
from ..store.erase import empty_rows
from ..store.personal import Own, own_of_stranger
from ..store.sign_ups import forget_address
from ..store.stops import erased_blocks
from .erase import Report, begin, block_erased, entries_of, rub_out_all, wash, where_named
from .erase_files import Named, naming_files
from .erasures import REGISTER, Register, note, person_key, read_register
from .workspace import Workspace

BY = "the register of erasures, after a restore"


@dataclass(frozen=True)
class ErasedAgain:
    """How many people were erased again, strangers' addresses among them, and how many addresses blocked again.

    `named`, `files`, `washed`: as in an `Erasure`.
    """

    people: int = 0
    blocked: int = 0
    named: tuple[str, ...] = ()
    files: tuple[Named, ...] = ()
    washed: bool = True

    @property
    def complete(self) -> bool:
        """Whether nothing is left for a person to see to."""
        return self.washed and not self.named and not self.files


def erase_again(workspace: Workspace, report: Report = lambda _what, _count: None) -> ErasedAgain:
    """Erase whom the register names and this database still knows, and block their addresses."""
    register = read_register(workspace.root / REGISTER, workspace.keys)
    if not register.entries:
        return ErasedAgain()
    with workspace.database.read() as session:
        blocks = erased_blocks(session)
        customers = _customers(session, workspace, register)
    note(workspace.root, workspace.keys, entries_of(blocks))
    missing = {key: at for key, at in register.blocked().items() if key not in blocks}
    with workspace.database.write() as session:
        for key, at in sorted(missing.items()):
            block_erased(session, key, at, BY)
            forget_address(session, key, at)
    owns, phrases = list[Own](), list[bytes]()
    for number, at in customers.items():
        own, said = begin(workspace, _by_number(number), BY, at)
        owns.append(own)
        phrases += said
        empty_rows(workspace.database, own, report)
    with workspace.database.read() as session:
        strangers = list(_strangers(session, workspace, register))
    for own in strangers:
        owns.append(own)
        phrases += [needle.encode() for needle in own.needles]
        empty_rows(workspace.database, own, report)
    named = tuple(word for own in owns for word in where_named(rub_out_all(workspace.database, own)))
    washed = wash(workspace, owns, phrases, report)[0] if owns else True
    files = naming_files(workspace, sorted({needle for own in owns for needle in own.needles}), clean=False)
    return ErasedAgain(len(owns), len(missing), named, files, washed)


def _by_number(number: int) -> Callable[[Session], Customer]:
    return lambda session: session.get_one(Customer, number)


def _customers(session: Session, workspace: Workspace, register: Register) -> dict[int, datetime]:
    """The customers to be erased again, by number, and when they were."""
    erased, lifted = register.erased_at(), register.lifted_at()
    found: dict[int, datetime] = {}
    numbers = customer_ids_by_key(session, list(erased))
    for key, number in numbers.items():
        since = session.get_one(Customer, number).created_at
        if since <= erased[key] and (key not in lifted or since < lifted[key]):
            found[number] = erased[key]
    named = register.persons()
    persons = {entry.person: entry.at for entry in register.entries if entry.person in named}
    query = select(col(Customer.id), col(Customer.public_id))
    for number, public_id in session.execute(query).yield_per(10_000) if persons else ():
        at = persons.get(person_key(workspace.keys, public_id))
        if at is not None:
            found.setdefault(number, at)
    return found


def _strangers(session: Session, workspace: Workspace, register: Register) -> Iterator[Own]:
    """Erased people who are no customers in this database, and of whom it holds messages."""
    erased, maker = register.erased_at(), KeyMaker(workspace.keys)
    first = func.min(col(Inbound.stored_at))
    query = select(col(Inbound.sender), first).where(col(Inbound.customer_id).is_(None), col(Inbound.sender) != "")
    for sender, stored_at in session.execute(query.group_by(col(Inbound.sender))).all():
        with suppress(InputError):
            key = maker.key(canonical_address(sender))
            if key in erased and stored_at <= erased[key]:
                yield own_of_stranger(session, sender, key)


def told(done: ErasedAgain) -> Sequence[str]:
    """What was done, in words; nothing where there was nothing to do."""
    if not done.people and not done.blocked:
        return ()
    people = f"{done.people:,} {'person' if done.people == 1 else 'people'}"
    lines = [f"{people} erased since that backup {'was' if done.people == 1 else 'were'} erased again."]
    if done.blocked:
        lines.append(f"Blocked again, as addresses of erased people: {done.blocked:,}.")
    lines += [f"still named: {words}: a person wrote it; please mend it" for words in done.named]
    lines += [f"is in the file {one.file}: please see to it" for one in done.files]
    if not done.washed:
        lines.append("Old pages of the database file may still hold their words: use `outreach prune --vacuum`.")
    return lines
