"""The transactions of an import, one after the other, each with as many rows as its neighbours have patience for.

Law: no turn is held longer than I12 allows, as far as the disk and the machine let it; between two turns somebody else
finds a gap. What the log holds is carried over in turns of their own, before SQLite would do so at the end of a commit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from ..store.database import Much
from .stride import Stride

SMALLEST_CHUNK, CHUNK = 600, 8_000
"""Rows per transaction: a slow machine takes fewer, so that no other writer waits long."""
PAGES = 250, 2_000
"""Pages of the log that are carried over at once, at least and at most."""
FEWEST = 0.05
"""Pages of the log that a row makes at least."""
BREATH = 0.005
"""Seconds that are left to others: who waits for the next looks every two milliseconds, and would never find a gap."""
AT_A_STRETCH = 0.12
"""Seconds for which transactions may follow each other without a gap: short ones together, as one might last."""


class Turns:
    """Begins the write transactions of an import."""

    def __init__(self, much: Much) -> None:
        self.much = much
        self._pages, self._since, self._waiting, self._pages_each = Stride(*PAGES), 0, 0, 0.125
        self._held = 0.0

    @staticmethod
    def stride() -> Stride:
        """How many rows the next transaction of a kind may have."""
        return Stride(SMALLEST_CHUNK, CHUNK)

    @contextmanager
    def turn(self, stride: Stride | None = None, rows: int = 0) -> Iterator[Session]:
        """A transaction of so many `rows`; how long it takes tells how many the next of its kind has."""
        with self.much() as session:
            began = time.monotonic()
            yield session
            said = time.monotonic()
        if stride is not None:
            stride.note(rows, said - began, time.monotonic() - said)
        self._leave_gap(time.monotonic() - began)
        self._since += rows
        if self._waiting + self._since * self._pages_each >= self._pages.rows:
            self.carry_over()

    def carry_over(self) -> None:
        """Write back into the file what the log holds."""
        carried = self.much.carry_over()
        self._pages.note(carried.done, carried.seconds, 0.0)
        if self._since:  # a log that began anew meanwhile tells of its last rows only
            self._pages_each = max(FEWEST, self._pages_each / 2, carried.logged / self._since)
        self._since, self._waiting = 0, carried.waiting
        self._leave_gap(carried.seconds)

    def _leave_gap(self, took: float) -> None:
        """Let others write, before another turn like this one would have them wait for too long."""
        self._held += took
        if self._held + took > AT_A_STRETCH:
            time.sleep(BREATH)
            self._held = 0.0
