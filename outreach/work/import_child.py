"""A process that lends its hands to an import. `python -m outreach.work.import_child FD PARENT`, or forked.

Law: it reads the database and never writes it, so that its death loses nothing but what the parent does itself then;
the end of the pipe is its end.
"""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ..errors import OutreachError
from ..store.database import open_database
from .children import Answer, serve, unknown
from .import_hand import Hand
from .pipe import Message


def begin(root: str, known: bytes) -> Answer:
    """What answers the parent of an import in this workspace."""
    database, keys, task, files, own = pickle.loads(known)  # noqa: S301  from the process that started us
    hand = Hand(task, keys, open_database(database, Path(root)), files, own)

    def answer(message: Message) -> Message:
        match message:
            case ("deal", number, start, size):
                return "dealt", number, _try(lambda: hand.deal(start, size))
            case ("prepare", number, pile, places):
                return "prepared", number, _try(lambda: hand.prepare(pile, places))
        raise unknown(message)

    return answer


def _try(do: Callable[[], Any]) -> bytes | None:
    """None where it defeats us: the parent finds out why."""
    try:
        return pickle.dumps(do(), pickle.HIGHEST_PROTOCOL)
    except (OutreachError, OSError, ArithmeticError, LookupError, TypeError, ValueError):
        return None
    finally:
        gc.collect(0)


def lend_hands(end: int, parent: int) -> NoReturn:
    """Lend a hand until the parent is gone, or has no more use for us."""
    gc.disable()  # rows make no cycles
    gc.freeze()  # what the parent had made is not looked through
    serve(begin, end, parent)


def main() -> None:
    """In a process of its own."""
    lend_hands(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
