"""A process that lends its hands to an import. `python -m outreach.work.import_child FD PARENT`.

Law: it reads the database and never writes it, so that its death loses nothing but what the parent does itself then;
the end of the pipe is its end.
"""

from __future__ import annotations

import gc
import pickle
import socket
import sys
from pathlib import Path
from typing import NoReturn

from ..errors import OutreachError
from ..store.database import open_database
from .import_hand import Hand
from .kin import follow, leave_now
from .pipe import VERSION, Garbled, Message, Pipe


class _Hands:
    """The state of this process, moved by its parent's messages."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._hand: Hand | None = None

    def hear(self, message: Message) -> None:
        """Do what was asked. Raises Garbled for what nobody knows."""
        match message:
            case ("begin", version, root, known):
                self._pipe.send(("ready", VERSION))
                if version != VERSION:
                    raise Garbled(f"the parent is {version}, this is {VERSION}")
                database, keys, task, files, own = pickle.loads(known)  # noqa: S301  from the process that started us
                self._hand = Hand(task, keys, open_database(database, Path(root)), files, own)
            case ("deal", number, begin, size):
                self._answer("dealt", number, lambda hand: hand.deal(begin, size))
            case ("prepare", number, pile, places):
                self._answer("prepared", number, lambda hand: hand.prepare(pile, places))
            case _:
                raise Garbled(f"nobody knows what {str(message[0])[:40]!r} means")

    def _answer(self, word: str, number: int, do: object) -> None:
        """None where it defeats us: the parent finds out why."""
        assert self._hand is not None and callable(do)
        try:
            said: bytes | None = pickle.dumps(do(self._hand), pickle.HIGHEST_PROTOCOL)
        except (OutreachError, OSError, ArithmeticError, LookupError, TypeError, ValueError):
            said = None
        self._pipe.send((word, number, said))
        gc.collect(0)


def main() -> NoReturn:
    """Lend a hand until the parent is gone, or has no more use for us."""
    follow(int(sys.argv[2]))
    gc.disable()  # rows make no cycles
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    here = _Hands(pipe)
    try:
        while True:
            for message in pipe.receive():
                here.hear(message)
    except (EOFError, OSError, Garbled):
        leave_now()


if __name__ == "__main__":
    main()
