"""What time alone brings to cases: levels of escalation that fall due, mails to colleagues, and what servers said late.

Law: safe to be done by whoever looks and however often; it decides nothing about a case itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from .erase import empty_late_words
from .escalate import escalate
from .notices import note_overdue, tell_colleagues
from .promises import note_promises
from .workspace import Workspace


@dataclass(frozen=True)
class Tended:
    """How many levels of escalation were done, and how many mails to colleagues were queued."""

    escalated: int = 0
    mails_to_colleagues: int = 0


def tend_cases(workspace: Workspace) -> Tended:
    """Do what is due now."""
    empty_late_words(workspace)
    escalated = len(escalate(workspace))
    with workspace.database.write() as session:
        now = workspace.clock()
        note_overdue(session, now)
        note_promises(session, workspace, now)
    return Tended(escalated, tell_colleagues(workspace))
