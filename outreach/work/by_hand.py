"""Whom the plan leaves to people: those on a campaign's list who are to be called or written to, since they have no
e-mail address or asked for it.

Law: they are named beside those who get a mail, never counted among them for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import UsageError
from ..records import BULK, PROMOTION, CampaignState
from ..store.by_hand import ByHand, people_by_hand
from ..store.editions import campaigns_and_schedules
from ..store.saved_segments import load_segment
from .workspace import Workspace


@dataclass(frozen=True)
class Handed:
    """How many of a campaign's people are to be called and to be written to."""

    campaign: str
    call: int
    write: int


def count_by_hand(workspace: Workspace, *, campaign: str | None = None) -> list[Handed]:
    """For each active campaign how many people are to be reached by hand; only those where there are any."""
    found: list[Handed] = []
    with workspace.database.read() as session:
        known: dict[tuple[int | None, str, bool], Counter[str]] = {}
        for one, _ in campaigns_and_schedules(session):
            if one.state is not CampaignState.ACTIVE or one.kind not in BULK or campaign not in (None, one.name):
                continue
            key = (one.list_id, one.segment, one.kind in PROMOTION)
            if key not in known:
                now = workspace.clock()
                segment = load_segment(session, one.segment, now)
                people = people_by_hand(session, one.list_id, segment, now=now, kind=one.kind)
                known[key] = Counter(person.how for person in people)
            if known[key]:
                found.append(Handed(one.name, known[key]["call"], known[key]["write"]))
    return found


def name_by_hand(workspace: Workspace, campaign: str) -> Iterator[ByHand]:
    """The people of its list to be called or written to. Raises UsageError where there is no such campaign."""
    with workspace.database.read() as session:
        one = next((found for found, _ in campaigns_and_schedules(session) if found.name == campaign), None)
        if one is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See: outreach campaigns list")
        now = workspace.clock()
        segment = load_segment(session, one.segment, now)
        yield from people_by_hand(session, one.list_id, segment, now=now, kind=one.kind)
