"""Which tips each person of an edition gets: the facts that `newsletter.tips` chooses by.

Law: only tips that are frozen in the edition can be chosen; what a person had in other editions is never chosen
again; a topic held for a personal answer waits; a boosted topic comes first, then what many write about, each with its
reason for the reader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlmodel import Session, col

from ..audience.segment import COLUMNS, Segment, judge_segment
from ..newsletter.tips import ChosenTip, TipFacts, choose_tips
from ..plan.holds import blocked_topics
from ..plan.wishes import unwanted_topics
from ..records import Boost, Campaign, Edition, Hold, Kind, Tip
from ..store.plan import boosts_of, holds_of, shown_tips
from ..store.saved_segments import load_segment
from ..store.segments import asks_more, people_among
from ..store.steps import trend_topics
from ..store.wishes import wishes_of
from .workspace import Workspace


class Person(Protocol):
    """What the choice reads of a customer; a `Customer` and a `CustomerRow` are both such."""

    @property
    def id(self) -> int | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class TipPool:
    """An edition's frozen tips as facts; `segments` only for those that are not for everyone.

    `asked`: those of the segments that ask what happened, not only what a customer is; `taken`: whom each of these
    takes (`know_people`). `trend`: topics that many write about, brought forward in this issue.
    """

    facts: tuple[TipFacts, ...]
    segments: Mapping[str, Segment]
    count: int
    topics: tuple[str, ...]
    trend: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()
    taken: Mapping[str, Collection[int]] = field(default_factory=dict)

    def for_person(self, person: Person) -> Sequence[TipFacts]:
        """The facts with each tip's segment judged for this person."""
        if not self.segments:
            return self.facts
        values = segment_values(person)
        return [
            replace(tip, segment_ok=self._takes(tip.name, person, values)) if tip.name in self.segments else tip
            for tip in self.facts
        ]

    def _takes(self, name: str, person: Person, values: Mapping[str, Any]) -> bool:
        if name in self.asked:
            return person.id in self.taken[name]
        return judge_segment(self.segments[name], values)


def tips_wanted(workspace: Workspace, campaign: Campaign) -> int:
    """How many tips one issue of this campaign carries."""
    own = campaign.options.get("tips")
    if isinstance(own, int) and not isinstance(own, bool):
        return own
    return workspace.settings.sending.tips_per_issue if campaign.kind is Kind.TIPS else 0


def tip_pool(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    names: Iterable[str] | None,
    edition_id: int | None = None,
) -> TipPool:
    """The facts of the tips called `names`, or of all there are (None: nothing is frozen yet).

    With the trends of this edition; without one, with those that its next edition would take.
    """
    query = select(Tip).order_by(col(Tip.position), col(Tip.id))
    if names is not None:
        query = query.where(col(Tip.name).in_(list(names)))
    rows = list(session.execute(query).scalars())
    now = workspace.clock()
    segments = {tip.name: load_segment(session, tip.segment, now) for tip in rows if tip.segment.strip()}
    return TipPool(
        facts=tuple(_facts(tip) for tip in rows),
        segments=segments,
        asked=frozenset(name for name, segment in segments.items() if asks_more(segment)),
        count=tips_wanted(workspace, campaign),
        topics=tuple(campaign.topics),
        trend=trend_topics(session, campaign.id, edition_id) if campaign.id is not None else (),
    )


def know_people(session: Session, pool: TipPool, ids: Sequence[int]) -> TipPool:
    """The pool with whom of these people each segment takes that asks what happened."""
    if not pool.asked:
        return pool
    return replace(pool, taken={name: people_among(session, pool.segments[name], ids) for name in pool.asked})


def frozen_tips(edition: Edition) -> list[str]:
    """The names of the tips that an edition holds, compiled."""
    return list(edition.frozen.get("tips") or ())


def choose_for(
    session: Session,
    workspace: Workspace,
    *,
    edition: Edition,
    campaign: Campaign,
    customers: Iterable[Person],
    now: datetime,
    pool: TipPool | None = None,
) -> dict[int, dict[str, Any]]:
    """The choices of each person, as `Delivery.choices` keeps them: tips, reasons, boosts, variant.

    `pool`: instead of the edition's frozen tips, for a forecast.
    """
    people = [person for person in customers if person.id is not None]
    pool = pool or tip_pool(session, workspace, campaign, frozen_tips(edition), edition.id)
    if not pool.facts or not pool.count:
        return {person.id: as_choices(()) for person in people if person.id is not None}
    ids = [person.id for person in people if person.id is not None]
    pool = know_people(session, pool, ids)
    shown = shown_tips(session, ids, but_edition=edition.id)
    boosts, holds, wishes = boosts_of(session, ids), holds_of(session, ids), wishes_of(session, ids)
    choice = Choice(workspace, pool, now)
    return {
        person.id: as_choices(
            choice.of(
                person,
                shown=shown.get(person.id, set()),
                boosts=boosts.get(person.id, ()),
                holds=holds.get(person.id, ()),
                unwanted=unwanted_topics(wishes.get(person.id)),
            )
        )
        for person in people
        if person.id is not None
    }


def choose_one(
    workspace: Workspace,
    pool: TipPool,
    person: Person,
    *,
    shown: set[str],
    boosts: Sequence[Boost],
    holds: Sequence[Hold],
    now: datetime,
    unwanted: frozenset[str] = frozenset(),
) -> list[ChosenTip]:
    """The tips for one person; each topic's oldest boost counts. `unwanted`: topics that they asked to be spared."""
    return Choice(workspace, pool, now).of(person, shown=shown, boosts=boosts, holds=holds, unwanted=unwanted)


class Choice:
    """Chooses an edition's tips for one person after the other: once for all in whom the choice reads the same."""

    def __init__(self, workspace: Workspace, pool: TipPool, now: datetime) -> None:
        self._usual, self._pool, self._now = workspace.settings.identity.language, pool, now
        self._known: dict[Any, list[ChosenTip]] = {}

    def of(
        self,
        person: Person,
        *,
        shown: Collection[str],
        boosts: Sequence[Boost],
        holds: Sequence[Hold],
        unwanted: frozenset[str] = frozenset(),
    ) -> list[ChosenTip]:
        """As `choose_one` has it."""
        own: dict[str, int] = {}
        for boost in boosts:
            if boost.id is not None:
                own.setdefault(boost.topic, boost.id)
        pool = self._pool
        facts, language = pool.for_person(person), person.language or self._usual
        blocked = blocked_topics(holds, self._now) | unwanted
        flags = [tip.segment_ok for tip in facts] if pool.segments else ()
        key = tuple(flags), language, frozenset(shown), tuple(own), blocked
        if key not in self._known:
            self._known[key] = choose_tips(
                facts,
                shown=shown,
                boosts={topic: place for place, topic in enumerate(own)},
                blocked=blocked,
                language=language,
                campaign_topics=pool.topics,
                count=pool.count,
                now=self._now,
                trend=pool.trend,
            )
        ids = list(own.values())
        return [tip if tip.boost is None else replace(tip, boost=ids[tip.boost]) for tip in self._known[key]]


def as_choices(chosen: Sequence[ChosenTip]) -> dict[str, Any]:
    """Chosen tips in the form that a delivery keeps."""
    return {
        "tips": [tip.name for tip in chosen],
        "reasons": {tip.name: tip.reason for tip in chosen if tip.reason},
        "boosts": [tip.boost for tip in chosen if tip.boost is not None],
        "variant": "",
    }


def segment_values(person: Person) -> dict[str, Any]:
    """A customer's values as a segment names them: attributes, and our own columns over them."""
    values = dict(person.attributes or {})
    for name in COLUMNS:
        values[name] = person.address if name == "email" else getattr(person, name, None)
    return values


def _facts(tip: Tip) -> TipFacts:
    return TipFacts(tip.name, tuple(tip.topics), True, tip.position, tip.valid_from, tip.valid_until, tuple(tip.texts))
