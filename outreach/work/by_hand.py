"""Whom the plan leaves to people: those on a campaign's list without an e-mail address, to be called or written to.

Law: they are named, never counted among those who get a mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import UsageError
from ..records import BULK, CampaignState
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
    """For each active campaign how many people it must reach without e-mail; only those where there are any."""
    found: list[Handed] = []
    with workspace.database.read() as session:
        known: dict[tuple[int | None, str], Counter[str]] = {}
        for one, _ in campaigns_and_schedules(session):
            if one.state is not CampaignState.ACTIVE or one.kind not in BULK or campaign not in (None, one.name):
                continue
            key = (one.list_id, one.segment)
            if key not in known:
                people = people_by_hand(session, one.list_id, load_segment(session, one.segment, workspace.clock()))
                known[key] = Counter(person.how for person in people)
            if known[key]:
                found.append(Handed(one.name, known[key]["call"], known[key]["write"]))
    return found


def name_by_hand(workspace: Workspace, campaign: str) -> Iterator[ByHand]:
    """The people whom this campaign must reach without e-mail. Raises UsageError where there is no such campaign."""
    with workspace.database.read() as session:
        one = next((found for found, _ in campaigns_and_schedules(session) if found.name == campaign), None)
        if one is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See: outreach campaigns list")
        yield from people_by_hand(session, one.list_id, load_segment(session, one.segment, workspace.clock()))
