"""The places where replies arrive: a Maildir, an mbox, an IMAP server, all read in the same way.

Law: fetch, commit, acknowledge, in this order (RELIABILITY); a mailbox that cannot be read is a MailboxError with a
remedy, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import MailboxError
from ..settings import MailboxSettings
from .fetched import Fetched, Mailbox, Mark
from .maildir import Maildir
from .mbox import Mbox

__all__ = ["MAX_BYTES", "Fetched", "Mailbox", "Mark", "open_mailbox"]

MAX_BYTES = 25_000_000


def open_mailbox(box: MailboxSettings, root: Path, marks: Mapping[str, Mark], *, max_bytes: int = MAX_BYTES) -> Mailbox:
    """The mailbox of these settings, its path relative to `root`; `marks` is by folder, as `Mailbox.marks` left them.

    Raises MailboxError where the settings name no place; all else is raised when it is used.
    """
    if box.kind == "imap":
        from .imap import Imap  # lazy: imapclient takes 40 ms, and most workspaces read a Maildir

        if not box.host:
            raise _nowhere(box, "host")
        return Imap(box, root, marks, max_bytes)
    if not box.path:
        raise _nowhere(box, "path")
    path = root / Path(box.path).expanduser()
    return Maildir(box, path, marks, max_bytes) if box.kind == "maildir" else Mbox(box, path, marks, max_bytes)


def _nowhere(box: MailboxSettings, key: str) -> MailboxError:
    return MailboxError(
        f"the mailbox {box.name}: no {key} is set", remedy=f"Set `{key}` in its [[replies.mailboxes]] in outreach.toml."
    )
