"""Forgetting a person: mail stops, every word of and about them is emptied, the disk is washed, and it is looked for.

Law: the mails themselves stay, as rows without words, shown as erased: what was sent stays counted, and old links and
bounces still act. The address is blocked by its keyed hash, so that no file brings it back. What cannot be emptied from
here (mail servers, backups, words that a colleague wrote) is named, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session, col

from ..address import address_key, canonical_address
from ..cases.case import CLOSED
from ..errors import DatabaseError, InputError
from ..records import Case, CaseEvent, CaseState, Customer, Inbound, Suppression, SuppressionReason
from ..store.consents import find_suppression, suppress
from ..store.customers import person_at
from ..store.database import Database, rows_in_chunks
from ..store.erase import Mention, empty_messages, empty_rows, late_words, mentions, rub_out, said_by_others, stop_mail
from ..store.personal import BY_KEY, CHUNK, Own, own_of
from ..store.sign_ups import forget_address
from ..store.stops import erased_blocks
from ..store.strangers import forget_all_of
from ..store.wash import cut_wal, traces, vacuum_tables
from .casework import move_case
from .epoch import advance
from .erase_files import Named, backups_of, naming_files
from .erasures import ERASED, NOBODY, Entry, note, person_key
from .private_copy import drop_left_copies
from .prune import make_smaller
from .workspace import Workspace

LATE = timedelta(days=30)
"""How long after an erasure servers may still say something about a mail: then its words are emptied too."""
LEAST = 12
"""Octets of a phrase that is worth looking for: shorter ones stand in many people's mail."""
Report = Callable[[str, int], None]


@dataclass(frozen=True)
class Erasure:
    """What an erasure found, or would find, and did.

    `rows`: how many of each table were emptied. `named`: where a person must look, in words. `files`: what else in the
    workspace names the person. `backups` hold them still. `mailboxes`: where their mails lie on. `washed`: nothing is
    left in the database's files; `rewritten`: for that the whole file was written anew.
    """

    customer: int
    address: str
    rows: dict[str, int]
    named: tuple[str, ...] = ()
    files: tuple[Named, ...] = ()
    backups: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    washed: bool = True
    rewritten: bool = False


def look_before(workspace: Workspace, address: str) -> Erasure:
    """What erasing this person would do; nothing is changed. Raises InputError where there is no such person."""
    with workspace.database.read() as session:
        own = own_of(session, _customer(session, workspace, address))
    return _erasure(workspace, own, address)


def erase_customer(
    workspace: Workspace,
    address: str,
    *,
    by: str,
    files: bool = False,
    report: Report = lambda _what, _count: None,
) -> Erasure:
    """Erase the person with this address, or, as #17, with this number; one that was broken off goes on.

    `files`: take them out of files too. Raises InputError where there is no such person.
    """
    own, phrases = begin(workspace, lambda session: _customer(session, workspace, address), by)
    empty_rows(workspace.database, own, report)
    found = rub_out_all(workspace.database, own)
    washed, rewritten = wash(workspace, [own], phrases, report)
    return _erasure(workspace, own, address, found, clean=files, washed=washed, rewritten=rewritten)


def begin(
    workspace: Workspace, find: Callable[[Session], Customer], by: str, before: datetime | None = None
) -> tuple[Own, list[bytes]]:
    """Stop all mail and block the address; what is theirs, and some of their words to look for afterwards.

    `before`: they were erased then already, and a restore brought them back.
    """
    with workspace.database.write() as session:
        customer = find(session)
        own, now = own_of(session, customer), workspace.clock()
        if before is None:
            _note(session, workspace, customer, own, now)
        for key in sorted(own.address_keys):
            block_erased(session, key, before or now, by)
            forget_address(session, key, now)
            forget_all_of(session, key)
        own.rows["suppression"] = []
        for case_id in own.rows["case_file"]:
            case = session.get_one(Case, case_id)
            if case.state not in CLOSED:
                move_case(session, workspace, case, CaseEvent.DISMISS, at=now, by=by)
        stop_mail(session, own, now)
        phrases = _phrases(session, own)
        advance(session, workspace.root, needed=False)
    with workspace.database.read() as session:
        fresh = session.get_one(Customer, own.customer_id)
        again = own_of(session, fresh)
    again.rows.update({"suppression": [], **{name: own.rows[name] for name in BY_KEY}})
    return again, phrases


def _note(session: Session, workspace: Workspace, customer: Customer, own: Own, now: datetime) -> None:
    """Keep in the register that they are erased, before that is so; a register that begins now learns of all before."""
    erased = Entry(now, ERASED, person_key(workspace.keys, customer.public_id), tuple(sorted(own.address_keys)))
    note(workspace.root, workspace.keys, [*entries_of(erased_blocks(session)), erased])


def entries_of(blocks: Mapping[str, datetime]) -> list[Entry]:
    """What the blocks in a database say of erasures: less than the register, since they know addresses only."""
    return [Entry(at, ERASED, NOBODY, (key,)) for key, at in blocks.items()]


def block_erased(session: Session, key: str, at: datetime, by: str) -> None:
    """Block the address of somebody who was erased, by its key. The caller commits."""
    reason, words = SuppressionReason.ERASED, f"erased on {at:%Y-%m-%d} by {by}"
    suppress(session, address_key=key, reason=reason, at=at, evidence=words)
    evidence = update(Suppression).where(col(Suppression.address_key) == key).values(evidence=words)
    session.connection().execute(evidence)


def _phrases(session: Session, own: Own) -> list[bytes]:
    """Their address and numbers, and pieces out of the middle of what they wrote."""
    found = [needle.encode() for needle in own.needles]
    for part in rows_in_chunks(own.rows["inbound"][-20:], CHUNK):
        for text, raw in session.execute(select(col(Inbound.text), col(Inbound.raw)).where(col(Inbound.id).in_(part))):
            for whole in ((text or "").encode(), bytes(raw or b"")):
                middle = len(whole) // 2
                found.append(whole[max(0, middle - 20) : middle + 20])
    return [one for one in found if len(one) >= LEAST]


def rub_out_all(database: Database, own: Own) -> list[Mention]:
    """Take their name out of what machines wrote elsewhere; where a person must look."""
    with database.read() as session:
        found = list(mentions(session, own.needles))
    told: list[Mention] = []
    for part in rows_in_chunks(found, CHUNK):
        with database.write() as session:
            told += rub_out(session, part, own.needles)
    return [one for one in told if not one.replaced]


def wash(workspace: Workspace, owns: Sequence[Own], phrases: Sequence[bytes], report: Report) -> tuple[bool, bool]:
    """Whether the files are clean by now, and whether the whole had to be written anew for it."""
    database = workspace.database
    report("washing", 1)
    drop_left_copies(workspace)
    vacuum_tables(database, sorted({name for own in owns for name, ids in own.rows.items() if ids}))
    cut = cut_wal(database)
    if cut and not _left(database, phrases):
        return True, False
    try:
        make_smaller(workspace)
    except DatabaseError:
        return False, False
    return not _left(database, phrases), True


def _left(database: Database, phrases: Sequence[bytes]) -> list[bytes]:
    """What of these stands in the files, though no row says it: other people write "it does not work", too."""
    found = traces(database, phrases)
    if not found:
        return []
    with database.read() as session:
        others = said_by_others(session, found)
    return [one for one in found if one not in others]


def _erasure(
    workspace: Workspace,
    own: Own,
    address: str,
    found: Sequence[Mention] | None = None,
    *,
    clean: bool = False,
    washed: bool = True,
    rewritten: bool = False,
) -> Erasure:
    if found is None:
        with workspace.database.read() as session:
            mine = {(table, number) for table, ids in own.rows.items() for number in ids}
            found = [one for one in mentions(session, own.needles) if (one.table, one.id) not in mine]
    named = where_named(found)
    files = naming_files(workspace, own.needles, clean=clean)
    boxes = tuple(
        box.name
        for box in workspace.settings.replies.mailboxes
        if not (
            clean and box.kind == "maildir" and (workspace.root / box.path).resolve().is_relative_to(workspace.root)
        )
    )
    backups = tuple(backups_of(workspace))
    return Erasure(own.customer_id, address, own.count(), named, files, backups, boxes, washed, rewritten)


def where_named(found: Sequence[Mention]) -> tuple[str, ...]:
    """Where a person must look, in words."""
    return tuple(dict.fromkeys(f"{WORDS.get(one.table, one.table)} {one.id} ({one.column})" for one in found))


WORDS = {
    "case_entry": "entry of another case",
    "case_file": "another case",
    "customer": "another customer",
    "inbound": "message of somebody else",
    "ready_answer": "ready answer",
    "tip": "tip",
}
"""How a table is called where the person is still named in it."""


def _customer(session: Session, workspace: Workspace, address: str) -> Customer:
    found = person_at(session, workspace.keys, address)
    if found is None:
        raise no_customer(session, workspace, address)
    return found


def no_customer(session: Session, workspace: Workspace, address: str) -> InputError:
    """What to say of an address that nobody has: perhaps its owner was erased."""
    if address.startswith("#"):
        return InputError(f"there is no customer {address}", remedy="Look with: outreach customers list --json")
    block = find_suppression(session, address_key(workspace.keys, canonical_address(address)))
    if block is not None and block.reason is SuppressionReason.ERASED:
        return InputError(f"{address} was erased on {block.at:%Y-%m-%d}: nothing is kept but the address's block")
    remedy = "Look with: outreach customers list --limit 100"
    return InputError(f"no customer has the address {address}", remedy=remedy)


def forget_message(session: Session, inbound: Inbound) -> None:
    """Keep nothing of a message from, or about, somebody who was erased, once it has acted. The caller commits."""
    session.flush()
    case_id = inbound.case_id
    empty_messages(session, [inbound.id or 0], [] if inbound.delivery_id is None else [inbound.delivery_id])
    session.expire(inbound)
    inbound.flagged = "from or about somebody who was erased: it has acted, and is not kept"
    if inbound.mailbox:
        inbound.flagged += f"; it lies in the mailbox {inbound.mailbox}, where a person can answer it"
    case = session.get(Case, case_id) if case_id is not None else None
    if case is not None and case.state is CaseState.NEW:
        case.summary = ""
        session.add(case)
    session.add(inbound)


def empty_late_words(workspace: Workspace) -> int:
    """What servers said of mails to people erased lately, after their erasure, is emptied; of how many mails."""
    with workspace.database.read() as session:
        late = late_words(session, workspace.clock() - LATE)
    for part in rows_in_chunks(late, CHUNK):
        with workspace.database.write() as session:
            empty_messages(session, [], part)
    if late:
        cut_wal(workspace.database)
    return len(late)
