"""A process that understands stored mails for the one that writes. `python -m outreach.work.reading_child FD PARENT`.

Law: it reads the database and never writes it, so that its death loses nothing. It has no memory of what it said; the
end of the pipe is its end.
"""

from __future__ import annotations

import gc
import pickle
import socket
import sys
from pathlib import Path
from typing import NoReturn

from ..store.database import open_database
from .kin import RUBBISH, follow, leave_now
from .pipe import VERSION, Garbled, Message, Pipe
from .understand import Understanding
from .workspace import Workspace


class _Understanding:
    """The state of this process, moved by its parent's messages."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._understanding: Understanding | None = None

    def hear(self, message: Message) -> None:
        """Do what was asked. Raises Garbled for what nobody knows."""
        match message:
            case ("begin", version, root, known):
                self._pipe.send(("ready", VERSION))
                if version != VERSION:
                    raise Garbled(f"the parent is {version}, this is {VERSION}")
                settings, keys = pickle.loads(known)  # noqa: S301  from the process that started us
                database = open_database(settings.database, Path(root))
                self._understanding = Understanding(Workspace(Path(root), settings, keys, database))
            case ("understand", number, ids):
                self._pipe.send(("understood", number, self._answer(ids)))
            case _:
                raise Garbled(f"nobody knows what {str(message[0])[:40]!r} means")

    def _answer(self, ids: list[int]) -> bytes | None:
        """None where one of them defeats us: the parent finds out which, and says why."""
        assert self._understanding is not None
        try:
            return pickle.dumps(self._understanding.of(ids), pickle.HIGHEST_PROTOCOL)
        except Exception:
            return None


def main() -> NoReturn:
    """Understand until the parent is gone, or has no more use for us."""
    follow(int(sys.argv[2]))
    gc.set_threshold(*RUBBISH)
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    here = _Understanding(pipe)
    try:
        while True:
            for message in pipe.receive():
                here.hear(message)
    except (EOFError, OSError, Garbled):
        leave_now()


if __name__ == "__main__":
    main()
