"""The order of work, put together from the store: whose case comes next, and why.

Law: the order is `cases.rank`'s; how often a share was owed to whoever waits longest is read from what was done.
"""

from __future__ import annotations

from sqlmodel import Session

from ..cases.rank import Turn, work_order
from ..records import Case
from ..store import cases as cases
from ..store import desk as desks
from .workspace import Workspace


def turns(session: Session, workspace: Workspace, owner: str | None = None) -> list[Turn]:
    """Every case that is our turn in the order of work, of this owner where one is named ("" for nobody's)."""
    found = desks.cases_on_desks(session)
    if owner is not None:
        found = [case for case in found if case.owner.lower() == owner.lower()]
    worked = cases.pieces_of_work(session, owner)
    return work_order(found, worked, workspace.settings.cases.oldest_share)


def in_order(session: Session, workspace: Workspace, owner: str) -> list[Case]:
    """The open cases of an owner in the order of work."""
    return [turn.case for turn in turns(session, workspace, owner)]
