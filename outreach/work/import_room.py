"""An import of a long file by several processes: children judge and look up, this one refuses, counts and writes, and
does as they do while it would wait for them.

Law: what the rows of a file become does not depend on who judged them: pieces are taken in in their order, and one
that was cut at a wrong place is judged again with what follows it. Only this process writes to the database. Where a
child is lost while rows are dealt, nothing is written yet and the file is read again here; a pile that a child owes is
made ready here.
"""

from __future__ import annotations

import pickle
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..store.known import Taken
from .children import Child, Heard, may_fork
from .import_child import lend_hands
from .import_hand import Dealt, Hand, Ready, Task
from .kin import cores
from .piles import Place, Places, open_nameless, room_told
from .pipe import VERSION, Message
from .text_pieces import Body, file_told
from .workspace import Workspace

ENOUGH, ENOUGH_FORKED = 10_000_000, 3_000_000
"""Octets of a file from which on processes pay, each of which takes half a second to start, and where they are
forked."""
MOST_PROCESSES = 4
PIECE, LEAST_PIECE, MOST_PIECE = 1_500_000, 250_000, 16_000_000
"""Octets of the file that are judged at once, at most and of a short file, and of a piece in which no line ends."""
SHARES = 16
"""Into how many pieces a short file falls at least, so that all cores have done theirs at about the same time."""
AHEAD, WINDOW = 2, 6
"""Pieces or piles that a child has in hand, and those that are in hand altogether before the first is taken in."""
PATIENCE = 60.0
"""Seconds after which a child that does not answer is given up."""


class Lost(Exception):
    """Rows that were dealt are lost, or the file cannot be read in pieces: it is to be read again here. `keys`: of its
    JSON lines all that there are, where they were not known; with them it can be read in pieces."""

    def __init__(self, words: str, keys: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.keys = keys


@dataclass
class _Piece:
    """Some work. `answer`: None while nobody has answered; `child`: who was asked, None where it is done here."""

    number: int
    message: Message
    child: Child | None = None
    answer: Any = None


class ImportRoom:
    """Several processes at one file. A context: at its end nobody is left behind."""

    def __init__(self, workspace: Workspace, task: Task, body: Body) -> None:
        self._workspace, self._task, self._body = workspace, task, body
        self._heard: Heard = queue.SimpleQueue()
        self._children: list[Child] = []
        self._owns: dict[Child, int] = {}
        self._numbers = 0
        self._held = ExitStack()
        self._places: Places
        self._here: Hand

    def __enter__(self) -> ImportRoom:
        wanted = min(cores(), MOST_PROCESSES) - 1
        with ExitStack() as held:
            held.callback(self._end)
            files = [held.enter_context(open_nameless(self._workspace.root)).fileno() for _ in range(wanted + 1)]
            if self._body.spool is not None:
                files.append(self._body.spool.fileno())
            workspace = self._workspace
            self._places = Places(self._task.count, held.enter_context(open_nameless(workspace.root)).fileno())
            self._here = Hand(self._task, workspace.keys, workspace.database, files, wanted)
            fork = None
            if may_fork():
                workspace.database.close()  # nobody else goes on with a connection of ours; it opens anew
                fork = lend_hands
            for own in range(wanted):
                known = pickle.dumps((workspace.settings.database, workspace.keys, self._task, files, own))
                begin = ("begin", VERSION, str(workspace.root), known)
                child = Child("outreach.work.import_child", begin, self._heard, files, fork)
                self._children.append(child)
                self._owns[child] = own
            for child in self._children:
                child.listen()
            self._own = wanted
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _end(self) -> None:
        for child in self._owns:
            child.end()

    def deal(self, take: Callable[[Dealt, int], None]) -> None:
        """Have all rows judged and dealt; `take` is given what became of each piece, in their order, and what is to
        be added to its rows' numbers. Raises Lost."""
        spool, path = self._body.spool, self._task.path
        told = pieces_of(path, self._body.begin) if spool is None else spool.pieces()
        pieces = (("deal", begin, size) for begin, size in told)
        more, others = self._body.row, dict[str, None]()
        waiting = self._in_hand(pieces)
        for piece in waiting:
            begin, size = piece.message[1:]
            dealt, file = self._dealt(piece)
            while dealt.cut and (following := next(waiting, None)) is not None:
                if size > MOST_PIECE:
                    raise Lost("no row ends here")
                self._dealt(following)  # what it says is void: it began in the midst of a row
                size += following.message[2]
                dealt, file = self._deal_here(begin, size), self._own
            with room_told(self._workspace.root):
                self._places.add(dealt.parts, file, more)
            others.update(dict.fromkeys(dealt.others))
            take(dealt, more)
            more += dealt.numbered
        if others:
            raise Lost("some objects have other keys than the first ones", [*self._body.keys, *others])

    def _dealt(self, piece: _Piece) -> tuple[Dealt, int]:
        return piece.answer, self._own if piece.child is None else self._owns[piece.child]

    def _do_here(self, piece: _Piece) -> None:
        piece.child = None
        word, *given = piece.message
        piece.answer = self._deal_here(*given) if word == "deal" else self._prepare_here(*given)

    def _deal_here(self, begin: int, size: int) -> Dealt:
        with room_told(self._workspace.root):
            return self._here.deal(begin, size)

    def piles(self) -> Iterator[tuple[Ready, Callable[[], Sequence[Taken]]]]:
        """Pile after pile, the keys rising from one to the next; and how to have all its people once more."""
        for piece in self._in_hand(("prepare", pile, self._places_of(pile)) for pile in self._places.filled()):
            places = piece.message[2]
            yield piece.answer, lambda places=places: self._gather_here(places)  # type: ignore[misc]

    def _places_of(self, pile: int) -> list[Place]:
        with room_told(self._workspace.root):
            return self._places.of(pile)

    def _prepare_here(self, pile: int, places: Sequence[Place]) -> Ready:
        with room_told(self._workspace.root):
            return self._here.prepare(pile, places)

    def _gather_here(self, places: Sequence[Place]) -> Sequence[Taken]:
        with room_told(self._workspace.root):
            return self._here.gather(places)[0]

    def _in_hand(self, work: Iterable[Message]) -> Iterator[_Piece]:
        """Each of these in its turn, when it is answered or nobody is there to answer it."""
        source = iter(work)
        pieces: deque[_Piece] = deque()
        while True:
            for message in islice(source, max(0, WINDOW - len(pieces))):
                self._numbers += 1
                pieces.append(_Piece(self._numbers, message))
            if not pieces:
                return
            while not self._heard.empty():
                self._hear(pieces)
            self._give(pieces)
            if pieces[0].answer is not None:
                yield pieces.popleft()
            elif (free := next((one for one in pieces if one.child is None and one.answer is None), None)) is not None:
                self._do_here(free)
            else:
                self._hear(pieces)

    def _give(self, pieces: deque[_Piece]) -> None:
        """Give those to children that nobody has in hand, the foremost first."""
        for piece in pieces:
            if piece.child is None and piece.answer is None:
                child = min((one for one in self._children if one.ready), key=lambda one: one.asked, default=None)
                if child is None or child.asked >= AHEAD:
                    return
                piece.child = child
                word, *rest = piece.message
                child.ask((word, piece.number, *rest))

    def _hear(self, pieces: deque[_Piece]) -> None:
        try:
            child, message = self._heard.get(timeout=PATIENCE)
        except queue.Empty:
            assert pieces[0].child is not None
            child, message = pieces[0].child, None
        match message:
            case ("ready", version) if version == VERSION:
                child.ready = True
            case ("dealt" | "prepared", number, data):
                child.asked -= 1
                piece = next((one for one in pieces if one.number == number and one.child is child), None)
                if piece is not None and data is not None:
                    piece.answer = pickle.loads(data)  # noqa: S301  from the child that we started
                elif piece is not None:
                    self._do_here(piece)  # it defeats the child: here it is seen why
            case _:
                self._lose(child, pieces)

    def _lose(self, child: Child, pieces: deque[_Piece]) -> None:
        """What it had in hand is anybody's again; what it had dealt is in its file."""
        child.kill()
        self._children = [one for one in self._children if one is not child]
        for piece in pieces:
            if piece.child is child and piece.answer is None:
                piece.child = None


def enough() -> int:
    """Octets of a file from which on several processes pay here."""
    return min(ENOUGH, ENOUGH_FORKED) if may_fork() else ENOUGH


def pieces_of(path: Path, begin: int) -> Iterator[tuple[int, int]]:
    """Begin and size of the pieces of a text behind its headings, each of which ends behind a newline, where no quoted
    cell is open as far as counting tells. Raises Lost where no line ends for long."""
    with file_told(path), path.open("rb") as file:
        at_once = min(PIECE, max(LEAST_PIECE, path.stat().st_size // SHARES))
        file.seek(begin)
        rest = b""
        while piece := file.read(at_once):
            data = rest + piece
            size = _good_end(data)
            if not size:
                if len(data) > MOST_PIECE:
                    raise Lost("no line ends here")
                rest = data
                continue
            yield begin, size
            begin, rest = begin + size, data[size:]
        if rest:
            yield begin, len(rest)


def _good_end(data: bytes) -> int:
    """Behind the last newline before which quotation marks stand in pairs, else behind the last one."""
    last = end = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, end) % 2
    for _ in range(100):
        if not odd or not end:
            break
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + data.count(b'"', earlier, end)) % 2
        end = earlier
    return end or last
