"""Settling what dead workers held: at once where their process is seen to be gone, else when their lease runs out.

Law: nothing here sends, and nothing that may have been sent is queued again (RELIABILITY I3). What is settled is
committed before the dead one's lock file is removed, so that a crash in here only means that it is done again.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import DatabaseError
from ..store.workers import Reclaimed, holders, overdue, reclaim, sign_off
from .presence import FOLDER, find_dead
from .workspace import Workspace


def recover(workspace: Workspace) -> Reclaimed:
    """Give back what dead workers had claimed, and put in doubt what they had in flight."""
    with workspace.database.read() as session:
        names = set(holders(session)) | _files(workspace.root)
    total = Reclaimed()
    for name in sorted(names):
        remains = find_dead(workspace.root, name)
        if remains is None:
            continue
        try:
            total += take_back(workspace, name, remains.suspects)
            remains.bury()
        except BaseException:
            remains.leave()
            raise
    with workspace.database.read() as session:
        late = overdue(session, workspace.clock())
    for name in late:
        total += take_back(workspace, name, (), only_overdue=True)
    return total


def recover_if_possible(workspace: Workspace) -> DatabaseError | None:
    """As `recover`, for whoever only looks: what dead processes held stands in the account as what it now is.

    Returns what kept it from being written; where nothing can be written the account can still be read.
    """
    try:
        recover(workspace)
    except DatabaseError as wrong:
        return wrong
    return None


def take_back(workspace: Workspace, name: str, suspects: Collection[int], *, only_overdue: bool = False) -> Reclaimed:
    """All rows of one worker, a few hundred per transaction."""
    total = Reclaimed()
    while True:
        with workspace.database.write() as session:
            now = workspace.clock()
            part = reclaim(
                session,
                name,
                now=now,
                suspects=suspects,
                max_crashes=workspace.settings.sending.max_crashes,
                only_overdue=only_overdue,
            )
            if not part.total and not only_overdue:
                sign_off(session, name, now)
        if not part.total:
            return total
        total += part


def _files(root: Path) -> set[str]:
    return {path.stem for path in (root / FOLDER).glob("*.lock")}
