"""One newsletter per household (or company): decided when an edition is planned, and mended when it leaves.

Law: decided once per household and edition, by the permissions of all of them whom the edition is for. Where the chosen
one cannot get it after all, whoever of the others may is put in their place before the edition ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlmodel import Session

from ..plan.one_per import Mate, in_order, pass_over, stands_in, wanted_kind, why_chosen
from ..records import Campaign, Edition, GroupKind, Permission
from ..store.causes import whom_filter
from ..store.customers import PersonRow
from ..store.one_per import (
    Deserted,
    OnList,
    campaign_of,
    deserted,
    groups_of,
    had_issue,
    houses_of,
    houses_with,
    last_issue,
    list_word,
    nothing_left,
    one_per_editions,
    stand_in_for,
)
from ..store.reach import signs_of
from ..store.saved_segments import load_segment
from ..store.segments import people_among
from .judge import judge_people
from .whom import whom_of
from .workspace import Workspace

JudgeOthers = Callable[[Mapping[int, str | None]], Mapping[int, Permission]]
"""Judges people (with their zones) as the edition's own are judged."""
Houses = Mapping[int, Sequence[OnList]]


def one_per_of(session: Session, campaign: Campaign) -> str:
    """Of which groups one person each gets the campaign's next edition; "": everybody does."""
    own = str(campaign.options.get("one_per") or "")
    kind = wanted_kind(campaign.kind, own, "" if own else list_word(session, campaign.list_id))
    return "" if kind is None else kind.value


class Together:
    """Who of each household gets an edition, asked page by page in the order of planning."""

    def __init__(self, session: Session, campaign: Campaign, edition: Edition, judge: JudgeOthers) -> None:
        self._session, self._campaign, self._edition, self._judge = session, campaign, edition, judge
        self._kind = GroupKind(edition.one_per)
        self._segment = load_segment(session, edition.segment, edition.due_at)
        whom = whom_of(campaign)
        self._among = whom_filter(whom, campaign.id, edition.id) if whom is not None else None
        self._chosen: dict[int, tuple[int, str]] = {}
        self._left: dict[int, set[int]] = {}

    def passed_over(self, people: Collection[PersonRow], judged: Mapping[int, Permission]) -> dict[int, Permission]:
        """Refusals for those of these people who may get it, but of whose household another one does."""
        groups = groups_of(self._session, self._kind, [person.id for person in people])
        new = {group for group in groups.values() if group not in self._left}
        self._decide(houses_of(self._session, self._edition.list_id, new), judged)
        refused: dict[int, Permission] = {}
        for person, group in groups.items():
            left = self._left.get(group, set())
            chosen, why = self._chosen.get(group, (0, ""))
            if person in left and chosen and person != chosen and judged[person].state is None:
                refused[person] = pass_over(self._kind, chosen, why)
            left.discard(person)
        for group in {group for group in groups.values() if not self._left.get(group, {0})}:
            del self._left[group]  # all of them have had their turn
            self._chosen.pop(group, None)
        return refused

    def _decide(self, houses: Houses, judged: Mapping[int, Permission]) -> None:
        if not houses:
            return
        zones = {one.customer_id: one.zone for house in houses.values() for one in house}
        here = set(zones)
        if self._segment.tree is not None or self._among is not None:
            here = people_among(self._session, self._segment, sorted(zones), among=self._among)
        others = {person: zones[person] for person in here if person not in judged}
        said = {**(self._judge(others) if others else {}), **judged}
        rivals: dict[int, list[int]] = {}
        for group, house in houses.items():
            there = [one.customer_id for one in house if one.customer_id in here]
            self._left[group] = set(there)
            rivals[group] = [one for one in there if said[one].state is None]
        several = {group: mates for group, mates in rivals.items() if len(mates) > 1}
        people = [one for mates in several.values() for one in mates]
        known = mates_of(self._session, self._campaign, self._edition, houses, people)
        for group, members in several.items():
            first, *rest = in_order(known[one] for one in members)
            self._chosen[group] = first.customer_id, why_chosen(first, rest)


def mates_of(
    session: Session, campaign: Campaign, edition: Edition, houses: Houses, people: Sequence[int]
) -> dict[int, Mate]:
    """What is read of these people to choose among them."""
    if not people:
        return {}
    assert campaign.id is not None
    last = last_issue(session, campaign.id, edition.id)
    signs = signs_of(session, people)
    had = had_issue(session, last, people) if last is not None else set()
    planned = had_issue(session, edition.id, people) if edition.id is not None else set()
    since = {one.customer_id: one.since for house in houses.values() for one in house}
    return {
        one: Mate(one, one in planned, one in had, signs[one].at if one in signs else None, since.get(one))
        for one in people
    }


def stand_in(workspace: Workspace, among: Sequence[int] | None, *, ending: bool = False) -> int:
    """Put whoever was passed over in the place of those who could not get it after all; how many.

    `ending`: only in editions in which nothing else is left to do.
    """
    with workspace.database.read() as session:
        editions = one_per_editions(session, among)
        if ending:
            editions = [(number, kind) for number, kind in editions if nothing_left(session, number)]
    return sum(_stand_in(workspace, number, kind) for number, kind in editions)


def _stand_in(workspace: Workspace, edition_id: int, kind: GroupKind) -> int:
    now = workspace.clock()
    with workspace.database.read() as session:
        edition, campaign = campaign_of(session, edition_id)
        houses = deserted(session, edition_id, kind)
        passed = sorted({person for house in houses for person in house.passed})
        said = judge_people(session, workspace, campaign=campaign, edition=edition, customer_ids=passed, now=now)
        there = houses_with(session, kind, edition.list_id, passed)
        mates = mates_of(session, campaign, edition, there, passed)
    done = 0
    for house in houses:
        allowed = [mates[one] for one in house.passed if said[one].state is None]
        if allowed:
            done += _replace(workspace, edition_id, kind, house, in_order(allowed)[0].customer_id)
    return done


def _replace(workspace: Workspace, edition_id: int, kind: GroupKind, house: Deserted, chosen: int) -> bool:
    words = stands_in(house.gone)
    others = pass_over(kind, chosen, words).evidence
    with workspace.database.write() as session:
        return stand_in_for(session, edition_id, kind, house, chosen, words, others)
