"""What every mailbox gives: mails as bytes, where each one lay, and how far each folder has been read.

Law: a mark moves only past mails that were acknowledged, and acknowledging comes after the commit; so a crash reads
some mails again and misses none. Nothing in a mailbox is ever deleted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from ..settings import MailboxSettings


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a folder has been read: IMAP's UIDVALIDITY and UID; an mbox's first line and offset; a Maildir's time."""

    uidvalidity: int | None = None
    last_uid: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail as it lay in the mailbox. `cut`: it was larger than the limit, and `raw` is its beginning."""

    raw: bytes = field(repr=False)
    place: str
    folder: str
    received_at: datetime | None
    cut: bool
    handle: Any = field(default=None, repr=False, compare=False)


class Mailbox(ABC):
    """A mailbox that is being read. `marks` is by folder; keep them after each acknowledgement that you commit.

    Every method raises MailboxError, with a remedy, where the mailbox cannot be used.
    """

    def __init__(self, box: MailboxSettings, marks: Mapping[str, Mark], max_bytes: int) -> None:
        self.box, self.max_bytes = box, max_bytes
        self.marks: dict[str, Mark] = dict(marks)

    @abstractmethod
    def check(self) -> None:
        """Whether the mailbox can be read; nothing is fetched."""

    @abstractmethod
    def fetch(self) -> Iterator[Fetched]:
        """The mails behind the marks, oldest first, one in memory at a time where the mailbox allows it."""

    @abstractmethod
    def acknowledge(self, fetched: Fetched) -> None:
        """Mark a mail as read, here and in the mailbox; only after its bytes are committed."""

    def close(self) -> None:  # noqa: B027 - most mailboxes hold nothing open
        """Let go of the mailbox."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Waiting:
    """Mails that were handed out, in order, and not yet acknowledged: the mark stays before the first of them."""

    def __init__(self, start: int) -> None:
        self.mark = start
        self._positions: dict[int, int] = {}
        self._settled: set[int] = set()
        self._number = 0

    def hand_out(self, position: int) -> int:
        """Note that the mail which ends at `position` is out; returns the ticket to settle it by."""
        self._number += 1
        self._positions[self._number] = position
        return self._number

    def settle(self, ticket: int) -> int:
        """Note that a mail is done with; returns the mark, which is past it only when all before it are done."""
        if ticket in self._positions:
            self._settled.add(ticket)
        for first in list(self._positions):
            if first not in self._settled:
                break
            self._settled.remove(first)
            self.mark = max(self.mark, self._positions.pop(first))
        return self.mark
