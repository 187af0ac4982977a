"""How much bulk mail one person gets: at most so many in any seven days.

Law: service mail is free. What is over the budget waits for the first instant at which there is room again, and
is withheld only where that is past the day on which the mail is worth nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..records import BULK, YES, Kind, Permission, withhold

WEEK = timedelta(days=7)
BUDGET = "budget"


def judge_budget(
    kind: Kind, sent: Sequence[datetime], per_week: int, now: datetime, expires_at: datetime | None
) -> Permission:
    """A yes, `later` at the first free instant, or a refusal. `sent`: when bulk mail went to this person."""
    if kind not in BULK or len(sent) < per_week:
        return YES
    recent = sorted(at for at in sent if at > now - WEEK)
    if len(recent) < per_week:
        return YES
    free = recent[len(recent) - per_week] + WEEK
    words = f"{len(recent)} bulk mails in the last seven days, at most {per_week} are allowed"
    if expires_at is not None and free >= expires_at:
        return withhold(BUDGET, words)
    return Permission(reason=BUDGET, evidence=words, later=free)
