"""How much bulk mail one person gets: at most so many in any seven days, service before tips before the rest.

Laws: service mail is free. What is over the budget waits for the first instant at which there is room again, and is
withheld only where that is past the day on which the mail is worth nothing any more. News, invitations and offers leave
room for the tips that this person is to get in the coming week: they never put those off by more than a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..records import BULK, YES, Kind, Permission, withhold

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
"""Tips may be put off by so much: the hour of the last mail need not be that of the next."""
BUDGET = "budget"
FIRST = frozenset({Kind.TIPS})
"""What the other bulk kinds leave room for."""


def judge_budget(
    kind: Kind,
    sent: Sequence[datetime],
    per_week: int,
    now: datetime,
    expires_at: datetime | None,
    ahead: Sequence[datetime] = (),
    house: Sequence[datetime] = (),
    group: str = "",
) -> Permission:
    """A yes, `later` at the first free instant, or a refusal.

    `sent`: when bulk mail went to this person; `ahead`: when tips are to go to them that this mail must leave room for.
    `house`: when others of their `group` got some of which it is one, if this mail is for all of them.
    """
    own = _judge(kind, sent, per_week, now, expires_at, ahead)
    if not house or own.state is not None:
        return own
    both = _judge(kind, [*sent, *house], per_week, now, expires_at, ahead)
    if both.allowed or (both.state, both.later) == (own.state, own.later):
        return own
    return replace(both, reason=f"{BUDGET} of the {group}", evidence=f"the {group} together: {both.evidence}")


def _judge(
    kind: Kind,
    sent: Sequence[datetime],
    per_week: int,
    now: datetime,
    expires_at: datetime | None,
    ahead: Sequence[datetime],
) -> Permission:
    if kind not in BULK or (len(sent) < per_week and (not ahead or kind in FIRST)):
        return YES
    coming = [] if kind in FIRST else sorted(set(ahead) - set(sent))
    words = _why_not(sent, coming, per_week, now)
    if not words:
        return YES
    free = _first_free(sent, coming, per_week, now)
    if expires_at is not None and free >= expires_at:
        return withhold(BUDGET, words)
    return Permission(reason=BUDGET, evidence=words, later=free)


def _why_not(sent: Sequence[datetime], coming: Sequence[datetime], per_week: int, at: datetime) -> str:
    """Why there is no room at `at`; "" where there is. Tips that are due by then count as sent."""
    had = [*sent, *(one for one in coming if one <= at)]
    recent = sum(at - WEEK < one <= at for one in had)
    if recent >= per_week:
        return f"{recent} bulk mails in the last seven days, at most {per_week} are allowed"
    for tips in coming:
        if at < tips < at + WEEK:
            before = sorted(one for one in (*sent, *coming, at) if tips - WEEK < one < tips)
            if len(before) >= per_week and before[len(before) - per_week] + WEEK > tips + DAY:
                return (
                    f"the tips of {tips:%Y-%m-%d} come first: at most {per_week} bulk mails in seven days are allowed"
                )
    return ""


def _first_free(sent: Sequence[datetime], coming: Sequence[datetime], per_week: int, now: datetime) -> datetime:
    """The first instant after `now` with room: it opens only where an earlier mail is a week old, or tips have gone."""
    moments = sorted({one + WEEK for one in (*sent, *coming)} | set(coming))
    return next(at for at in moments if at > now and not _why_not(sent, coming, per_week, at))
