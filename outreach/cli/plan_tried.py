"""`outreach plan`: what it tells of an edition's versions, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..workdays import zone_or

if TYPE_CHECKING:
    from ..work.tried import Tried


def tried_lines(campaign: str, tried: Tried | None, zone: str) -> Iterator[str]:
    """The versions that are tried: to how many each, when it is judged and by what, and what the rest gets."""
    if tried is None:
        return
    for one in tried.versions:
        hours, minutes = divmod(one.later_minutes, 60)
        after = f", {hours} h {minutes} min later" if minutes else f", {hours} h later" if hours else ""
        yield f'    version {one.version} to {one.people:,}{after}: "{one.subject}"'
    if tried.judged_at is None:
        yield f"  everybody takes part, nobody waits; by {tried.by}: outreach campaigns compare {campaign}"
    elif tried.decided:
        yield f"  the rest, {tried.rest:,}, gets version {tried.decided}: {tried.words}"
    else:
        at = tried.judged_at.astimezone(zone_or(zone, "UTC"))
        yield f"  judged {at:%a %-d %b %H:%M} by {tried.by}; until then {tried.rest:,} wait for the version that wins,"
        yield "  and get the original where none clearly does"
        if any(one.later_minutes for one in tried.versions):
            yield "  at that version's hour: on the next day where it is over by then"
