"""A campaign's next occasion as a plan that can be compared: for an approval, for its check, and for `plan diff`.

Law: judged by the very rules that plan an edition, on the same facts, as of when each mail is due; nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..errors import InputError, NeedsPerson
from ..plan.pin import GOES, Line, digest
from ..plan.wishes import unwanted_topics
from ..records import Boost, Campaign, Edition, Hold, Schedule, Tip
from ..store.customers import load_customers
from ..store.editions import editions_of
from ..store.plan import boosts_of, shown_tips
from ..store.saved_segments import whole_text
from .choose import TipPool, choose_one, know_people, tip_pool
from .files import read_layouts
from .forecast import CHUNK, Judged, draft_edition, judge_all
from .judge import edition_facts, judge_person
from .schedules import Occasion, timing_of, wanted_row
from .workspace import Workspace

ONCE = "once-"


@dataclass(frozen=True)
class Look:
    """One person in a plan: what they get, and what they would get had no reply changed anything. `at`: when."""

    person: int
    line: Line
    evidence: str
    at: datetime | None
    zone: str
    before: Line
    cases: tuple[int, ...]


@dataclass(frozen=True)
class PlanLook:
    """The plan of one occasion, judged now."""

    campaign: str
    occasion: str
    opens: datetime
    content: Mapping[str, str]
    looks: Mapping[int, Look]

    @property
    def lines(self) -> dict[int, Line]:
        """What each person gets."""
        return {person: look.line for person, look in self.looks.items()}

    @property
    def digest(self) -> str:
        """What pins it."""
        return digest(self.content, self.occasion, self.lines)

    @property
    def going(self) -> int:
        """How many people get a mail."""
        return sum(look.line.goes for look in self.looks.values())


def next_to_plan(session: Session, workspace: Workspace, campaign: Campaign) -> Occasion:
    """The occasion that an approval is about: one that is due or waits, else the next, else one by hand.

    Raises NeedsPerson where a schedule has come to its end.
    """
    assert campaign.id is not None
    now = workspace.clock()
    earlier = editions_of(session, campaign.id)
    waiting = [edition for edition in earlier if edition.planned_at is None and edition.state.value == "waiting"]
    if waiting:
        return Occasion(waiting[-1].occasion, waiting[-1].due_at)
    if not campaign.schedule.strip():
        return Occasion(f"{ONCE}{1 + sum(edition.occasion.startswith(ONCE) for edition in earlier)}", now)
    row = session.execute(select(Schedule).where(col(Schedule.campaign_id) == campaign.id)).scalar()
    wanted = wanted_row(workspace, campaign, row) or {}
    if wanted.get("next_occasion") is None:
        raise NeedsPerson(f"{campaign.name}: nothing is to come: its schedule is over")
    return Occasion(wanted["next_occasion"], wanted["next_at"])


def look_at_plan(
    session: Session, workspace: Workspace, campaign: Campaign, occasion: Occasion, *, kept: Edition | None = None
) -> PlanLook:
    """The plan of this occasion as it stands now. `kept`: its edition, where there is one already."""
    timing = timing_of(workspace, campaign)
    opens = max(occasion.opens, workspace.clock())
    draft = draft_edition(session, workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)
    if kept is not None:
        draft.hold_out, draft.one_per = kept.hold_out, kept.one_per
    pool = tip_pool(session, workspace, campaign, None, kept.id if kept is not None else None)
    looks: dict[int, Look] = {}
    stream = judge_all(session, workspace, campaign, draft, per_customer=timing.per_customer)
    while chunk := list(islice(stream, CHUNK)):
        looks.update((look.person, look) for look in _looks(session, workspace, campaign, draft, pool, chunk))
    content = _content(session, workspace, campaign)
    return PlanLook(campaign.name, occasion.key, occasion.opens, content, looks)


def _looks(
    session: Session, workspace: Workspace, campaign: Campaign, draft: Edition, pool: TipPool, chunk: Sequence[Judged]
) -> Iterator[Look]:
    rules = edition_facts(workspace, campaign, draft)
    ids = [one.person.id for one in chunk]
    tips, pool = bool(pool.facts and pool.count), know_people(session, pool, ids)
    untouched = replace(pool, trend=())
    boosts = boosts_of(session, ids) if tips else {}
    shown = shown_tips(session, ids) if tips else {}
    people = load_customers(session, ids) if tips else {}
    for one in chunk:
        person, holds = one.person.id, one.facts.holds
        own = boosts.get(person, [])
        held = holds or one.facts.shared
        free = judge_person(rules, one.facts._replace(holds=(), shared=()), one.due).state is None if held else False

        def chosen(
            boosts: Sequence[Boost],
            holds: Sequence[Hold],
            pool: TipPool = pool,
            person: int = person,
            unwanted: frozenset[str] = unwanted_topics(one.facts.wish),
        ) -> tuple[str, ...]:
            if not tips:
                return ()
            had = shown.get(person, set())
            found = choose_one(
                workspace,
                pool,
                people[person],
                shown=had,
                boosts=boosts,
                holds=holds,
                now=draft.due_at,
                unwanted=unwanted,
            )
            return tuple(tip.name for tip in found)

        said = one.permission
        line = Line(GOES, chosen(own, holds)) if said.state is None else Line(said.reason or said.state.value)
        before = line
        if (said.state is None or free) and (own or held or pool.trend):
            before = Line(GOES, chosen((), (), untouched))
        cases = (
            {hold.case_id for hold in holds}
            | {hold.case_id for hold in one.facts.shared}
            | {boost.case_id for boost in own}
        )
        at = one.at if said.state is None else None
        yield Look(
            person,
            line,
            said.evidence,
            at,
            one.facts.zone.key,
            before,
            tuple(sorted(case for case in cases if case is not None)),
        )


def _content(session: Session, workspace: Workspace, campaign: Campaign) -> dict[str, str]:
    """What the mail is made of, each part as a digest or in its own words."""
    lines = campaign.options.get("lines") or {}
    others = [[one[key] for key in ("name", "subject", "preheader", "body")] for one in _versions(campaign)]
    tried = campaign.options.get("test")
    try:
        layouts = read_layouts(workspace, campaign.template, campaign.source_path, lines.get("template"))
    except InputError:
        layouts = {}
    tips = session.execute(select(col(Tip.name), col(Tip.digest), col(Tip.position)).order_by(col(Tip.name))).all()
    return {
        "text": _hash([own_digest(campaign), others]) if others else own_digest(campaign),
        "layout": _hash(sorted((name, layout.text) for name, layout in layouts.items())),
        "tips": _hash([list(row) for row in tips]) if campaign.options.get("tips") != 0 else "",
        "kind": campaign.kind.value,
        "list": str(campaign.list_id),
        "segment": whole_text(session, campaign.segment),
        "schedule": f"{campaign.schedule} {campaign.zone} {json.dumps(tried, sort_keys=True) if tried else ''}".strip(),
        "sender": campaign.sender or workspace.settings.identity.sender,
    }


def _versions(campaign: Campaign) -> Sequence[Mapping[str, Any]]:
    """The campaign's other versions."""
    return campaign.options.get("versions") or ()


def own_digest(campaign: Campaign) -> str:
    """A digest of what the campaign itself says to its readers; the pool of tips, which changes by itself, left out."""
    said = [campaign.subject, campaign.preheader, campaign.body, campaign.sender, campaign.template]
    images = sorted((campaign.options.get("images") or {}).items())
    return hashlib.sha256(json.dumps([said, images], ensure_ascii=False).encode()).hexdigest()[:40]


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()[:40]
