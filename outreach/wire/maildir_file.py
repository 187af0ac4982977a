"""Maildir on disk: folders tmp, new, cur, and a mail written so that nobody ever sees half of it.

Law: a mail is written in tmp under a name that nobody else has, and appears in new by one rename.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path

_counter = itertools.count()
_HOST = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
FOLDERS = ("tmp", "new", "cur")


def make_maildir(path: Path) -> None:
    """Create the Maildir at `path` where it is missing."""
    for name in FOLDERS:
        (path / name).mkdir(parents=True, exist_ok=True)


def file_mail(maildir: Path, raw: bytes) -> Path:
    """Write `raw` into an existing Maildir; returns its place in new. Raises OSError, and leaves nothing behind."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    name = f"{seconds}.M{nanos // 1000:06d}P{os.getpid()}Q{next(_counter)}.{_HOST}"
    draft, place = maildir / "tmp" / name, maildir / "new" / name
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        left = memoryview(raw)
        while left:
            left = left[os.write(handle, left) :]
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    draft.rename(place)
    return place
