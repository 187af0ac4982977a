"""A process that understands stored mails for the one that writes. `python -m outreach.work.reading_child FD PARENT`.

Law: it reads the database and never writes it, so that its death loses nothing. It has no memory of what it said; the
end of the pipe is its end.
"""

from __future__ import annotations

import gc
import pickle
from pathlib import Path

from ..store.database import open_database
from .children import Answer, serve_parent, unknown
from .kin import RUBBISH
from .pipe import Message
from .understand import Understanding
from .workspace import Workspace


def begin(root: str, known: bytes) -> Answer:
    """What answers the parent that reads replies in this workspace."""
    settings, keys = pickle.loads(known)  # noqa: S301  from the process that started us
    database = open_database(settings.database, Path(root))
    understanding = Understanding(Workspace(Path(root), settings, keys, database))

    def answer(message: Message) -> Message:
        match message:
            case ("understand", number, ids):
                return "understood", number, _understood(understanding, ids)
        raise unknown(message)

    return answer


def _understood(understanding: Understanding, ids: list[int]) -> bytes | None:
    """None where one of them defeats us: the parent finds out which, and says why."""
    try:
        return pickle.dumps(understanding.of(ids), pickle.HIGHEST_PROTOCOL)
    except Exception:
        return None


def main() -> None:
    """Understand until the parent is gone, or has no more use for us."""
    gc.set_threshold(*RUBBISH)
    serve_parent(begin)


if __name__ == "__main__":
    main()
