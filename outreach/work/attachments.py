"""What customers attached: listed, and saved where a person says so.

Law: nothing is opened or run, nothing that stands there is written over, and no name leads out of the folder; files are
their owner's alone and never executable.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..cases.file_name import is_dangerous, numbered, safe_name
from ..errors import InputError, UsageError
from ..records import Channel, Inbound
from ..replies.mail import Limits
from ..replies.parse import attached_files
from ..store import cases as kept
from .casework import find_case
from .workspace import Workspace

MOST_COPIES = 1000


@dataclass(frozen=True)
class Attached:
    """One attachment of a case: its number in the case, the message that it came with, and what it says it is."""

    number: int
    inbound_id: int
    name: str
    media_type: str
    size: int
    dangerous: bool


@dataclass(frozen=True)
class Saved:
    """Where an attachment was saved."""

    attached: Attached
    path: Path


def list_attachments(workspace: Workspace, case_id: int) -> list[Attached]:
    """The attachments of a case in the order in which they came."""
    with workspace.database.read() as session:
        find_case(session, case_id)
        return _listed(kept.inbounds_of(session, case_id))


def save_attachments(workspace: Workspace, case_id: int, numbers: list[int], folder: Path) -> list[Saved]:
    """Save these attachments (all of the case where none is named) in `folder`, which is made if it is missing.

    Raises UsageError for a number that there is not, InputError where the folder cannot be written.
    """
    with workspace.database.read() as session:
        find_case(session, case_id)
        mails = {each.id or 0: each for each in kept.inbounds_of(session, case_id)}
    listed = _listed(list(mails.values()))
    missing = sorted(set(numbers) - {one.number for one in listed})
    if missing:
        there = f"1 to {len(listed)}" if listed else "none"
        raise UsageError(f"case {case_id} has no attachment {missing[0]}", remedy=f"It has {there}.")
    wanted = [one for one in listed if not numbers or one.number in numbers]
    limits = Limits(max_bytes=workspace.settings.replies.max_bytes)
    saved = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inbound_id in dict.fromkeys(one.inbound_id for one in wanted):
            contents = attached_files(mails[inbound_id].raw, limits)
            ours = [one for one in listed if one.inbound_id == inbound_id]
            for one, content in zip(ours, contents, strict=False):
                if one in wanted:
                    saved.append(Saved(one, _write_new(folder, safe_name(one.name, one.number), content[1])))
    except OSError as wrong:
        raise InputError(
            f"cannot be written: {wrong.strerror}", file=folder, remedy="Choose another --into."
        ) from wrong
    if len(saved) < len(wanted):
        raise UsageError(
            f"case {case_id}: the mail of {len(wanted) - len(saved)} of them is no longer kept whole",
            remedy="`outreach prune` lets bodies go after `bodies_days` in [retention].",
        )
    return saved


def _write_new(folder: Path, name: str, data: bytes) -> Path:
    """Write a file that was not there before, whatever stands there already."""
    for copy in range(1, MOST_COPIES):
        path = folder / numbered(name, copy)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return path
    raise InputError(f"there are {MOST_COPIES} files named {name} already", file=folder)


def _listed(mails: list[Inbound]) -> list[Attached]:
    found: list[Attached] = []
    for mail in mails:
        for one in mail.attachments if mail.channel is Channel.EMAIL else ():
            name = str(one.get("name") or "")
            facts = (str(one.get("media_type") or ""), int(one.get("size") or 0), is_dangerous(name))
            found.append(Attached(len(found) + 1, mail.id or 0, name, *facts))
    return found
