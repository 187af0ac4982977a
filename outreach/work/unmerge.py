"""`customers merge --undo`: two people again, who were made one by mistake.

Law: one transaction; what could not be parted is said.
"""

from __future__ import annotations

from ..errors import InputError, UsageError
from ..records import CustomerMerge
from ..store.merge_log import MergeSeen, list_merges, see_merge
from ..store.unmerge import Parted, unmerge
from .epoch import advance
from .workspace import Workspace

LIST = "See: outreach customers merges"


def known_merge(workspace: Workspace, number: int) -> MergeSeen:
    """The merging with this number. Raises InputError with those there are."""
    with workspace.database.read() as session:
        found = see_merge(session, number)
        if found is not None:
            return found
        numbers = ", ".join(str(one.id) for one in list_merges(session, 5))
    there = f"The newest are {numbers}: outreach customers merges" if numbers else "There was none yet."
    raise InputError(f"there is no merge {number}", remedy=there)


def undo_merge(workspace: Workspace, number: int, *, by: str) -> Parted:
    """Take a merging back. Raises InputError where there is none, or it was taken back, UsageError where it cannot be,
    NeedsPerson while a mail to one of them is on its way.
    """
    seen = known_merge(workspace, number)
    if seen.state == "taken_back":
        raise InputError(f"merge {number} was taken back already, by {seen.undone_by or 'somebody'}", remedy=LIST)
    if seen.state == "let_go":
        raise UsageError(
            f"what both were before merge {number} is not kept any more",
            remedy="It went with an erasure, or after `merges_days` in [retention]; older versions kept too little.",
        )
    with workspace.database.write() as session:
        done = unmerge(session, session.get_one(CustomerMerge, number), at=workspace.clock(), by=by)
        advance(session, workspace.root, needed=False)
    return done
