"""`customers import --undo`: an import taken back, a few hundred people at a time.

Law: what it changed of known people first, then the people whom it made; broken off, it goes on where it stood.
"""

from __future__ import annotations

from ..errors import InputError
from ..records import ImportState
from ..store.customers import list_id_of
from ..store.import_log import find_import, later_imports, list_imports
from ..store.seen import Found
from ..store.undo import Later, Undo, Undone, next_changes, note_undo, put_back, remove_created
from ..store.undo_merged import put_merged_back
from .epoch import advance
from .intake_wishes import Progress
from .workspace import Workspace

CHANGES, PEOPLE = 100, 400
"""Changes and people in one transaction (RELIABILITY I12)."""


def undo_import(workspace: Workspace, import_id: int, *, by: str, progress: Progress | None = None) -> Undone:
    """Take an import back. Raises InputError where there is none with this number, or it is taken back already."""
    now = workspace.clock()
    done = Undone()
    with workspace.database.write() as session:
        row = find_import(session, import_id)
        if row is None:
            numbers = ", ".join(str(one.row.id) for one in list_imports(session, limit=5))
            raise InputError(
                f"there is no import {import_id}",
                remedy=f"The newest are {numbers}: outreach customers imports" if numbers else "There was none yet.",
            )
        if row.state is ImportState.UNDONE:
            raise InputError(f"import {import_id} was taken back already", remedy="See: outreach customers imports")
        later = tuple(
            Later(one, Found(one.found), one.list_name == row.list_name)
            for one in later_imports(session, import_id)
            if one.found
        )
        undo = Undo(row, list_id_of(session, row.list_name), now, by, later)
        note_undo(session, import_id, state=ImportState.UNDOING)
        session.flush()
        for one in (row, *(each.row for each in later)):
            session.expunge(one)
    while True:
        with workspace.database.write() as session:
            changes = next_changes(session, import_id, CHANGES)
            if not changes:
                break
            put_back(session, undo, changes, done)
    with workspace.database.write() as session:
        put_merged_back(session, undo, done)
    stretches = [list(one) for one in undo.row.created]
    whole = sum(last - first + 1 for first, last in stretches)
    while stretches:
        first, last = stretches[-1]
        begin = max(first, last - PEOPLE + 1)
        with workspace.database.write() as session:
            remove_created(session, undo, begin, last, done)
            stretches[-1] = [first, begin - 1]
            stretches = [one for one in stretches if one[0] <= one[1]]
            note_undo(session, import_id, created=stretches)
        if progress:
            progress(whole - sum(last - first + 1 for first, last in stretches), whole)
    with workspace.database.write() as session:
        note_undo(session, import_id, state=ImportState.UNDONE, undone_at=workspace.clock())
        advance(session, workspace.root, needed=False)
    return done
