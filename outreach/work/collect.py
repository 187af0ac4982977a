"""Taking in what came back: fetched, stored and committed, then acknowledged, then read.

Law: a message is acknowledged in its mailbox only after its raw bytes are committed (RELIABILITY); what was stored is
read even if we crash in between, since its state says so; the same content twice is kept once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import DatabaseError, MailboxError, OutreachError
from ..records import Channel, InboundState
from ..settings import MailboxSettings
from ..store.marks import keep_marks, marks_of
from ..store.replies import insert_inbound, unread_ids
from ..store.wash import cut_wal
from ..wire.mailbox import Fetched, Mailbox, Mark, open_mailbox
from .bounces import watch_bounces
from .dropped import Dropped, take_dropped, watched_folder
from .own_mail import answers_a_case
from .read import Outcome
from .reading_room import ReadingRoom
from .take import inbound_values
from .workspace import Workspace

BATCH = 25
BATCH_BYTES = 4_000_000
"""One commit takes at most so much: it must stay short (I12)."""
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Trouble:
    """A mailbox that could not be read, and what to do about it."""

    mailbox: str
    message: str
    remedy: str


@dataclass
class CollectCounts:
    """What a round brought. `known`: fetched, and here already. `kinds` counts what was read by kind or category.

    `files`: those of the watched folder that were taken in or refused.
    """

    fetched: int = 0
    stored: int = 0
    known: int = 0
    read: int = 0
    unreadable: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    files: list[Dropped] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def collect(workspace: Workspace) -> CollectCounts:
    """Fetch and read everything. Raises MailboxError when the rest is done and some mailbox could not be read."""
    counts = collect_all(workspace)
    if counts.troubles:
        words = "; ".join(trouble.message for trouble in counts.troubles)
        raise MailboxError(words, remedy=" ".join(dict.fromkeys(one.remedy for one in counts.troubles if one.remedy)))
    return counts


def collect_all(workspace: Workspace, progress: Progress | None = None) -> CollectCounts:
    """Fetch and read everything; a mailbox that fails is told in `troubles`, and the others are read."""
    counts = CollectCounts()
    with _reading(workspace, counts, progress) as room:
        _offer_unread(workspace, room, 0)
        for box in workspace.settings.replies.mailboxes:
            try:
                _fetch(workspace, box, counts, progress, room)
            except DatabaseError:
                raise
            except OutreachError as wrong:
                counts.troubles.append(Trouble(box.name, wrong.message, wrong.remedy))
                with workspace.database.write() as session:
                    keep_marks(session, box.name, {}, at=workspace.clock(), error=wrong.message)
        collect_files(workspace, counts)
        _read_all(workspace, room)
    watch_bounces(workspace)
    return counts


def collect_files(workspace: Workspace, counts: CollectCounts) -> list[Dropped]:
    """Take in what was dropped into the watched folder; a file that cannot be used is told in `troubles`, once.

    All that lie there, those that wait too.
    """
    folder = watched_folder(workspace)
    if folder is None:
        return []
    try:
        dropped = take_dropped(workspace, folder)
    except DatabaseError:
        raise
    except OutreachError as wrong:
        counts.troubles.append(Trouble(str(folder), wrong.message, wrong.remedy))
        return []
    for one in dropped:
        if one.counts is not None:
            counts.stored += one.counts.stored
            counts.known += one.counts.known
        elif one.reason:
            where = f"it lies in {folder.name}/{one.where} now"
            words = f"{one.file} in {folder.name}/ cannot be used: {one.reason}; {where}"
            counts.troubles.append(Trouble(str(folder), words, one.remedy))
    counts.files += [one for one in dropped if not one.waits]
    return dropped


def read_stored(workspace: Workspace, counts: CollectCounts | None = None, progress: Progress | None = None) -> int:
    """Read every inbound that is stored and unread; how many there were."""
    counts = counts if counts is not None else CollectCounts()
    before = counts.read + counts.unreadable
    with _reading(workspace, counts, progress) as room:
        _read_all(workspace, room)
    return counts.read + counts.unreadable - before


def _reading(workspace: Workspace, counts: CollectCounts, progress: Progress | None) -> ReadingRoom:
    def told(outcome: Outcome) -> None:
        if outcome.state is InboundState.UNREADABLE:
            counts.unreadable += 1
        else:
            counts.read += 1
        counts.kinds[outcome.kind] = counts.kinds.get(outcome.kind, 0) + 1
        if progress is not None:
            progress("read", 1)

    return ReadingRoom(workspace, told)


def _offer_unread(workspace: Workspace, room: ReadingRoom, after: int) -> bool:
    """Have the room read what is stored and unread behind this one; whether there was anything."""
    found = False
    while True:
        with workspace.database.read() as session:
            ids = unread_ids(session, after=after)
        if not ids:
            return found
        room.offer(ids)
        found, after = True, ids[-1]


def _read_all(workspace: Workspace, room: ReadingRoom) -> None:
    """Read whatever is stored and unread, and what came meanwhile."""
    _offer_unread(workspace, room, room.last)
    room.finish()
    while _offer_unread(workspace, room, 0):
        room.finish()
    if room.reader.forgot:
        cut_wal(workspace.database)


def _fetch(
    workspace: Workspace, box: MailboxSettings, counts: CollectCounts, progress: Progress | None, room: ReadingRoom
) -> None:
    with workspace.database.read() as session:
        marks = {folder: Mark(*kept) for folder, kept in marks_of(session, box.name).items()}
    limit = workspace.settings.replies.max_bytes
    with open_mailbox(box, workspace.root, marks, max_bytes=limit) as mailbox:
        batch: list[Fetched] = []
        for fetched in mailbox.fetch():
            if box.sent and not answers_a_case(workspace, fetched.raw):
                mailbox.acknowledge(fetched)
                continue
            batch.append(fetched)
            if len(batch) >= BATCH or sum(len(one.raw) for one in batch) >= BATCH_BYTES:
                room.offer(_keep(workspace, box, mailbox, batch, counts, progress))
                room.go_on()
                batch = []
        room.offer(_keep(workspace, box, mailbox, batch, counts, progress))


def _keep(
    workspace: Workspace,
    box: MailboxSettings,
    mailbox: Mailbox,
    batch: list[Fetched],
    counts: CollectCounts,
    progress: Progress | None,
) -> list[int]:
    """Commit a batch, then acknowledge it, then write down how far the mailbox was read. The ids of what is new."""
    values = [
        inbound_values(workspace, one.raw, Channel.EMAIL, box.name, one.place, one.received_at, cut=one.cut)
        for one in batch
    ]
    new: list[int] = []
    if values:
        with workspace.database.write() as session:
            new = [number for one in values if (number := insert_inbound(session, one)) is not None]
        counts.fetched += len(values)
        counts.stored += len(new)
        counts.known += len(values) - len(new)
    for one in batch:
        mailbox.acknowledge(one)
        if progress is not None:
            progress("fetched", 1)
    with workspace.database.write() as session:
        reached = {folder: (mark.uidvalidity, mark.last_uid) for folder, mark in mailbox.marks.items()}
        keep_marks(session, box.name, reached, at=workspace.clock())
    return new
