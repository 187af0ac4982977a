"""Reading many messages at once: child processes understand them, this one writes, in the order in which they came.

Law: only this process writes, and a message's case sees all that came before it. What a child was asked and did not
answer (it died, is stopped, or was defeated) is read here, as where there is one core or a handful of messages: there
no process is started.
"""

from __future__ import annotations

import gc
import pickle
import queue
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from types import TracebackType

from ..store.database import rows_in_chunks
from .children import Child, Heard
from .kin import RUBBISH, cores
from .pipe import VERSION, Message
from .read import TOGETHER, Outcome, Reader
from .understand import Reading
from .workspace import Workspace

ENOUGH = 400
"""From so many messages on, a process pays that takes a second to start."""
MOST_PROCESSES = 4
"""One process writes: it keeps no more than three others busy."""
AHEAD, WINDOW = 2, 8
"""Batches that a child has at most, and those that are understood before the first of them is written."""
PATIENCE = 30.0
"""Seconds after which a child that does not answer is given up."""


@dataclass
class _Batch:
    """Some messages. `child`: who was asked. `readings`: None while nobody has answered; `alone`: nobody will."""

    number: int
    ids: list[int]
    child: Child | None = None
    readings: Mapping[int, Reading] | None = None
    alone: bool = False


class ReadingRoom:
    """Reads what it is offered, as a context. `told` hears of each message; `last` is the newest that was offered."""

    def __init__(self, workspace: Workspace, told: Callable[[Outcome], None]) -> None:
        self.workspace = workspace
        self.reader = Reader(workspace)
        self._told = told
        self._batches: deque[_Batch] = deque()
        self._children: list[Child] = []
        self._heard: Heard = queue.SimpleQueue()
        self._offered = self._numbers = 0
        self.last = 0
        self._many = False
        self._rubbish = gc.get_threshold()
        self._held = ExitStack()

    def __enter__(self) -> ReadingRoom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.end()
        gc.set_threshold(*self._rubbish)
        self._held.close()

    def offer(self, ids: Sequence[int]) -> None:
        """Take these stored messages in hand, behind all that was offered before. None may be offered twice."""
        for some in rows_in_chunks(list(ids), TOGETHER):
            self._numbers += 1
            self._batches.append(_Batch(self._numbers, some))
        self._offered += len(ids)
        self.last = max(self.last, *ids) if ids else self.last
        if not self._many and self._offered >= ENOUGH:
            self._many = True
            self.reader.begin = self._held.enter_context(self.workspace.database.write_much())
            self._start()
        self._give()

    def go_on(self) -> None:
        """Write what children have understood by now, without waiting for them."""
        self._hear_all()
        while self._batches and self._batches[0].readings is not None:
            self._write(self._batches.popleft())

    def finish(self) -> None:
        """Read all that was offered."""
        while self._batches:
            self.go_on()
            head = self._batches[0] if self._batches else None
            if head is None or head.readings is not None:
                continue
            if head.child is None:
                self._read_here(self._batches.popleft())
            elif (ahead := next(filter(_is_free, islice(self._batches, WINDOW)), None)) is not None:
                self._understand_here(ahead)
            else:
                self._wait(head.child)

    def _start(self) -> None:
        wanted = self.workspace.settings.replies.processes or min(cores(), MOST_PROCESSES)
        self._children = [self._child() for _ in range(wanted - 1)]
        if self._children:
            gc.set_threshold(*RUBBISH)

    def _child(self) -> Child:
        known = pickle.dumps((self.workspace.settings, self.workspace.keys))
        begin = ("begin", VERSION, str(self.workspace.root), known)
        child = Child("outreach.work.reading_child", begin, self._heard)
        child.listen()
        return child

    def _give(self) -> None:
        """Ask children about what nobody has in hand, the foremost first."""
        for child in self._children:
            for batch in islice(self._batches, WINDOW):
                if not child.ready or child.asked >= AHEAD:
                    break
                if _is_free(batch):
                    batch.child = child
                    child.ask(("understand", batch.number, batch.ids))

    def _hear_all(self) -> None:
        while not self._heard.empty():
            self._hear(*self._heard.get())
        self._give()

    def _wait(self, child: Child) -> None:
        """For the child that has the foremost batch in hand."""
        try:
            self._hear(*self._heard.get(timeout=PATIENCE))
        except queue.Empty:
            child.kill()
            self._lose(child)

    def _hear(self, child: Child, message: Message | None) -> None:
        match message:
            case ("ready", version) if version == VERSION:
                child.ready = True
            case ("understood", number, data):
                child.asked -= 1
                batch = next((one for one in self._batches if one.number == number and one.child is child), None)
                if batch is not None and data is not None:
                    batch.readings = pickle.loads(data)  # noqa: S301  from the child that we started
                elif batch is not None:
                    batch.child, batch.alone = None, True
            case _:
                child.kill()
                self._lose(child)

    def _lose(self, child: Child) -> None:
        """What this child had in hand is anybody's again."""
        self._children = [one for one in self._children if one is not child]
        for batch in self._batches:
            if batch.child is child and batch.readings is None:
                batch.child = None

    def _write(self, batch: _Batch) -> None:
        assert batch.readings is not None
        for outcome in self.reader.write_together(batch.ids, batch.readings):
            self._told(outcome)
        self._give()

    def _read_here(self, batch: _Batch) -> None:
        for outcome in self.reader.read_together(batch.ids):
            self._told(outcome)

    def _understand_here(self, batch: _Batch) -> None:
        """Ahead of its turn, while children are at what comes before it."""
        try:
            batch.readings = self.reader.understanding.of(batch.ids)
        except Exception:  # one of them defeats a reader: when its turn comes it is seen which
            batch.alone = True


def _is_free(batch: _Batch) -> bool:
    """Whether nobody has it in hand, and anybody may."""
    return batch.child is None and batch.readings is None and not batch.alone
