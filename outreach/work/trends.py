"""Trends of a list, with quotes, and the next tips issue proposed from them.

Law: counted with the rules of `plan.trend`; what is brought forward is a step with its figures and the cases behind it,
applied or proposed as the settings say; the quotes are read from the cases when they are shown, and go with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ..errors import UsageError
from ..plan.effects import NewTrend
from ..plan.steps import StepDraft, waits_for_a_yes
from ..plan.trend import Period, Trend, judge_trends, topics_for_issue, topics_without_tips
from ..records import Campaign, CampaignState, StepState
from ..store.cases import load_case
from ..store.customers import list_id_of, list_names
from ..store.editions import campaigns_and_schedules
from ..store.plan import apply_step
from ..store.steps import TREND, decide_step, open_trends
from ..store.tips import all_tips
from ..store.trends import Told, count_reached, people_of, told_between
from .choose import tips_wanted
from .workspace import Workspace

PERIODS = 6
"""So many earlier periods of the same length are the list's history."""
QUOTES = 3


@dataclass(frozen=True)
class Quote:
    """What somebody wrote, from their case."""

    case: int
    words: str


@dataclass(frozen=True)
class TrendView:
    """A topic with what people wrote. `others`: how many wrote who are no customers; `tips`: how many exist."""

    trend: Trend
    quotes: tuple[Quote, ...]
    cases: tuple[int, ...]
    others: int
    tips: int


def read_trends(
    session: Session, workspace: Workspace, list_id: int | None, now: datetime, *, days: int | None = None
) -> list[TrendView]:
    """Every topic of a list (None: of all) in the last `days`, against its own history; trends first."""
    span = timedelta(days=days or workspace.settings.steps.trend_days)
    told = told_between(session, list_id, now - span, now)
    if not told:
        return []
    history = [_period(session, list_id, now - span * (back + 1), now - span * back) for back in range(1, PERIODS + 1)]
    trends = judge_trends(
        _period(session, list_id, now - span, now, told), history, workspace.settings.steps.trend_people
    )
    tips = _tips_on(session, now)
    others = [] if list_id is not None else [one for one in told if one.customer_id is None]
    return [
        TrendView(
            trend=trend,
            quotes=quotes_of(session, cases := _cases_about(told, trend.topic)),
            cases=cases,
            others=len({one.case_id for one in others if one.topic == trend.topic}),
            tips=tips.get(trend.topic, 0),
        )
        for trend in trends
    ]


def _period(
    session: Session, list_id: int | None, since: datetime, until: datetime, told: Sequence[Told] | None = None
) -> Period:
    people = people_of(told_between(session, list_id, since, until) if told is None else told)
    everyone = set().union(*people.values()) if people else set()
    return Period(people, count_reached(session, list_id, since, until, everyone))


def _cases_about(told: Sequence[Told], topic: str) -> tuple[int, ...]:
    """The newest case of each person about a topic."""
    newest: dict[object, int] = {}
    for one in told:
        if one.topic == topic:
            newest.setdefault(one.customer_id or f"case {one.case_id}", one.case_id)
    return tuple(newest.values())


def quotes_of(session: Session, cases: Sequence[int], most: int = QUOTES) -> tuple[Quote, ...]:
    """The words with which these cases began, as far as they are still kept."""
    quotes: list[Quote] = []
    for case_id in cases:
        case = load_case(session, case_id)
        if case is not None and case.summary and len(quotes) < most:
            quotes.append(Quote(case_id, case.summary))
    return tuple(quotes)


def _tips_on(session: Session, now: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    for tip in all_tips(session):
        if tip.valid_until is None or tip.valid_until > now:
            for topic in tip.topics:
                found[topic] = found.get(topic, 0) + 1
    return found


def list_named(session: Session, name: str) -> int | None:
    """The list's number; None for "". Raises UsageError where there is no such list."""
    found = list_id_of(session, name) if name else None
    if name and found is None:
        raise UsageError(f"there is no list called {name}", remedy=f"There are: {', '.join(list_names(session))}.")
    return found


def propose_issue(workspace: Workspace, campaign_name: str) -> tuple[list[str], list[Trend]]:
    """Propose (or apply) what many write about for a campaign's next issue: topics, and trends that lack a tip.

    What was decided for that issue stays as it is. Raises UsageError for a campaign that carries no tips.
    """
    with workspace.database.read() as session:
        known = {found.name: found for found, _ in campaigns_and_schedules(session)}
    campaign = known.get(campaign_name)
    if campaign is None or not tips_wanted(workspace, campaign):
        with_tips = ", ".join(name for name, found in known.items() if tips_wanted(workspace, found)) or "none"
        why = "there is no campaign called" if campaign is None else "no tips are in"
        raise UsageError(f"{why} {campaign_name}", remedy=f"Campaigns with tips: {with_tips}.")
    return _propose(workspace, campaign)


def _propose(workspace: Workspace, campaign: Campaign) -> tuple[list[str], list[Trend]]:
    assert campaign.id is not None
    now, settings = workspace.clock(), workspace.settings.steps
    stale = now - timedelta(days=settings.trend_days)
    with workspace.database.read() as session:
        views = {view.trend.topic: view for view in read_trends(session, workspace, campaign.list_id, now)}
        decided = {str(step.effect["topic"]) for step in open_trends(session, campaign.id) if step.at > stale}
    trends, with_tips = [view.trend for view in views.values()], {topic for topic, view in views.items() if view.tips}
    drafts = [
        _draft(campaign, views[trend.topic], rank)
        for rank, trend in enumerate(topics_for_issue(trends, with_tips, settings.trend_topics))
        if trend.topic not in decided
    ]
    with workspace.database.write() as session:
        for draft in drafts:
            waits = waits_for_a_yes(draft, settings.policies)
            apply_step(session, draft, now, state=StepState.PROPOSED if waits else StepState.APPLIED)
    return [str(draft.evidence["topic"]) for draft in drafts], topics_without_tips(trends, with_tips)


def _draft(campaign: Campaign, view: TrendView, rank: int) -> StepDraft:
    assert campaign.id is not None
    trend = view.trend
    figures = {name: round(getattr(trend, name), 2) for name in ("rate", "low", "high")}
    return StepDraft(
        rule=TREND,
        what=f"the next issue of {campaign.name} brings {trend.topic} forward, behind what is each reader's own",
        reason=trend.words,
        customer_id=None,
        case_id=None,
        effect=NewTrend(campaign.id, trend.topic, rank),
        evidence={
            "topic": trend.topic,
            "people": trend.people,
            "reached": trend.reached,
            **figures,
            "before": None if trend.before is None else round(trend.before, 2),
            "novelty": trend.novelty.value,
            "cases": list(view.cases[:50]),
        },
        campaign_id=campaign.id,
    )


def propose_trends(workspace: Workspace) -> list[str]:
    """For each active campaign with tips that has no proposal for its next issue: propose one. The topics.

    What was proposed so long ago that its figures are of another period is taken back first.
    """
    settings, now = workspace.settings.steps, workspace.clock()
    if not settings.trend_topics:
        return []
    since = now - timedelta(days=settings.trend_days)
    proposed: list[str] = []
    with workspace.database.read() as session:
        campaigns = [found for found, _ in campaigns_and_schedules(session) if _carries_tips(workspace, found)]
    for campaign in campaigns:
        assert campaign.id is not None
        with workspace.database.read() as session:
            standing = open_trends(session, campaign.id)
            people = people_of(told_between(session, campaign.list_id, since, now))
        old = [step for step in standing if step.state is StepState.PROPOSED and step.at <= since]
        for step in old:
            with workspace.database.write() as session:
                words = "its figures are out of date"
                decide_step(session, step.id or 0, step.state, StepState.REFUSED, by="outreach", words=words, now=now)
        if any(step.at > since for step in standing):
            continue
        if any(len(who) >= settings.trend_people for who in people.values()):
            proposed += _propose(workspace, campaign)[0]
    return proposed


def _carries_tips(workspace: Workspace, campaign: Campaign) -> bool:
    return campaign.state is CampaignState.ACTIVE and bool(tips_wanted(workspace, campaign))
