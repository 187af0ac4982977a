"""The plan as people read it: what will go to whom, when by their own clock, what will not, and why.

Law: what is under way is counted in the outbox; what is to come is foreseen with the very rules that will judge it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from ..errors import InputError, UsageError
from ..plan.budget import FIRST
from ..plan.holdout import HoldOut, read_hold_out
from ..plan.holds import OPEN_COMPLAINT
from ..plan.worth import Expected, expect
from ..records import Campaign, CampaignState, DeliveryState, Edition, Kind
from ..store.editions import (
    UNFINISHED,
    campaigns_and_schedules,
    due_counts,
    editions_in,
    editions_of,
    gone_out_as_it_stands,
    outcome_counts,
)
from ..store.plan import recent_steps, step_counts
from ..store.sequences import running_sequences
from ..store.steps import count_proposed
from ..store.worth import past_of
from ..workdays import zone_or
from .alike import audience_of, tips_audience
from .choose import tips_wanted
from .clashes import Clash, ClosedDay, Instead, closed_days, find_clashes, instead_of
from .courses import Courses
from .crowd import Crowd
from .forecast import Concerned, count_forecast, draft_edition, read_concerned
from .outlook import Outlook, Sequences
from .schedules import Occasion, Timing, deadline_words, occasions_after, timing_of, wanted_row
from .sight import kinds_that_wait, sight
from .tried import Tried, invites_to, versions_under_way
from .wave_deal import sizes_for, waves_of
from .workspace import Workspace

BY_HAND = "by hand"
SAME_AGAIN = "it waits for a person if nothing in it changes until then: the same text went out before"
MOST_OCCASIONS = 31
"""So many occasions of one campaign are foreseen at most."""


@dataclass(frozen=True)
class Slot:
    """People whose mail goes at one instant, which is `local` on their clocks."""

    zone: str
    local: str
    at: datetime
    people: int


@dataclass(frozen=True)
class Refused:
    """How many will not get it for one reason."""

    state: str
    reason: str
    people: int


@dataclass(frozen=True)
class Entry:
    """One edition, under way (`edition_id`) or to come.

    `going` will get it; of those, `later` are delayed, by reason, and `instead` says to which day.
    `before` is how many would get it without what replies changed; `first` and `waiting` are topics that come first,
    or wait, in how many people's tips. `by_share`: so many that those dealt by chance are counted by their share.
    """

    campaign: str
    kind: str
    subject: str
    occasion: str
    state: str
    opens: datetime
    people: int
    going: int
    before: int
    slots: tuple[Slot, ...]
    refused: tuple[Refused, ...]
    later: dict[str, int]
    instead: tuple[Instead, ...]
    first: dict[str, int]
    waiting: dict[str, int]
    changed_tips: int
    note: str = ""
    deadline: str = ""
    waves: tuple[int, ...] = ()
    edition_id: int | None = None
    done: dict[str, int] | None = None
    hold_out: HoldOut | None = None
    by_share: bool = False
    tried: Tried | None = None
    invites: str = ""
    expected: Expected | None = None


@dataclass(frozen=True)
class Change:
    """A step that changed the plan."""

    at: datetime
    rule: str
    state: str
    who: str
    what: str
    reason: str
    case: int | None


@dataclass(frozen=True)
class Agenda:
    """The plan from `now` up to `until`, with the days on which newsletters meet and those without any.

    `changes` are the newest steps since `since`, `changed` counts all.
    """

    now: datetime
    until: datetime
    since: datetime
    entries: tuple[Entry, ...]
    changes: tuple[Change, ...]
    changed: dict[str, int]
    problems: tuple[str, ...]
    clashes: tuple[Clash, ...] = ()
    closed: tuple[ClosedDay, ...] = ()
    sequences: tuple[Outlook, ...] = ()


def read_agenda(
    workspace: Workspace, *, days: int = 14, campaign: str | None = None, progress: Callable[[str], None] | None = None
) -> Agenda:
    """What is under way, what is to come in the next `days`, and what changed it in as many days past.

    With `campaign`: only that one, even where it has no schedule and was sent already (as if sent again now).
    Raises UsageError where there is no such campaign.
    """
    now = workspace.clock()
    until, since = now + timedelta(days=days), now - timedelta(days=days)
    with workspace.database.read() as session:
        under_way = [
            _under_way(session, workspace, edition, found)
            for edition, found in editions_in(session, UNFINISHED)
            if campaign in (None, found.name)
        ]
        coming, problems = _coming(session, workspace, now, until, campaign)
        problems += _blind(session, workspace, [*(one.kind for one in under_way), *(c.kind for c, _, _ in coming)])
        entries: list[Entry] = []
        courses = Courses(session, workspace, now, until, running_sequences(session) if campaign is None else ())
        look = _Look(session, workspace, [(found, max(occasion.opens, now)) for found, _, occasion in coming], courses)
        for found, timing, occasion in coming:
            if progress is not None:
                progress(found.name)
            entry = _foresee(look, found, timing, occasion, len(under_way) + len(entries))
            second = any(earlier.campaign == found.name for earlier in (*under_way, *entries))
            if (
                timing.rule.recurring
                and not tips_wanted(workspace, found)
                and (second or gone_out_as_it_stands(session, found))
            ):
                entry = replace(entry, note=SAME_AGAIN)
            entries.append(entry)
        proposed = count_proposed(session)
        if proposed and campaign is None:
            problems += (f"{proposed} proposed changes wait for a person's yes: outreach steps list --state proposed",)
        changes = tuple(
            Change(step.at, step.rule, step.state.value, who, step.what, step.reason, step.case_id)
            for step, who in recent_steps(session, since)
        )
        counts = dict(step_counts(session, since))
        told = _with_expectations(session, workspace, [*under_way, *entries], now)
        names = {-(one.edition_id or 0): (one.campaign, one.occasion) for one in under_way}
        names |= {number: (one.campaign, one.occasion) for number, one in enumerate(told)} | look.sequences.names()
        look.sequences.finish(look.crowd.groups)
        clashes = find_clashes(look.crowd.groups, names)
        outlooks = look.sequences.outlooks()
    closed = closed_days(workspace, now, until)
    return Agenda(now, until, since, tuple(told), changes, counts, problems, clashes, closed, outlooks)


def _with_expectations(session: Session, workspace: Workspace, entries: list[Entry], now: datetime) -> list[Entry]:
    """The same, each with the replies and hours that earlier editions of its kind let expect."""
    kinds = {entry.kind for entry in entries}
    past = {kind: past_of(session, Kind(kind), workspace.working_hours, now) for kind in kinds}
    return [replace(entry, expected=expect(entry.going, past[entry.kind])) for entry in entries]


def one_campaign(session: Session, name: str) -> Campaign:
    """The campaign called so. Raises UsageError with those that there are."""
    known = {found.name: found for found, _ in campaigns_and_schedules(session)}
    if name not in known:
        remedy = f"There are: {', '.join(known)}." if known else "Apply one: outreach campaigns apply FILE.md"
        raise UsageError(f"there is no campaign called {name}", remedy=remedy)
    return known[name]


def _coming(
    session: Session, workspace: Workspace, now: datetime, until: datetime, only: str | None
) -> tuple[list[tuple[Campaign, Timing, Occasion]], tuple[str, ...]]:
    """The occasions to come, in order of time, and what is wrong with campaigns that can have none."""
    coming: list[tuple[Campaign, Timing, Occasion]] = []
    problems = []
    if only is not None:
        one_campaign(session, only)
    for found, row in campaigns_and_schedules(session):
        if only not in (None, found.name) or found.id is None:
            continue
        if found.state is not CampaignState.ACTIVE:
            if found.state is CampaignState.PAUSED or only is not None:
                problems.append(f"{found.name} is {found.state.value}: nothing of it is sent")
            continue
        try:
            timing = timing_of(workspace, found)
        except InputError as wrong:
            problems.append(wrong.message)
            continue
        earlier = editions_of(session, found.id)
        if not found.schedule.strip():
            if not earlier or (only and all(edition.state not in UNFINISHED for edition in earlier)):
                coming.append((found, timing, Occasion(f"once-{BY_HAND}{' again' if earlier else ''}", now)))
            continue
        known = {edition.occasion for edition in earlier}
        overdue = wanted_row(workspace, found, row) or {}
        if overdue.get("next_at") is not None and overdue["next_at"] <= now and overdue["next_occasion"] not in known:
            coming.append((found, timing, Occasion(overdue["next_occasion"], overdue["next_at"])))
        for number, occasion in enumerate(occasions_after(timing, now)):
            if occasion.opens > until or number >= MOST_OCCASIONS:
                break
            if occasion.key not in known:
                coming.append((found, timing, occasion))
    return sorted(coming, key=lambda item: item[2].opens), tuple(problems)


def _blind(session: Session, workspace: Workspace, kinds: Iterable[str]) -> tuple[str, ...]:
    """Which of these kinds would have to wait now for replies to be read."""
    waiting = [kind for kind in kinds_that_wait(session, workspace, workspace.clock()) if kind.value in kinds]
    return tuple(f"{kind} waits: {sight(session, workspace, kind, workspace.clock()).evidence}" for kind in waiting)


class _Look:
    """What one look ahead reads once: everybody whom its campaigns concern."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        coming: Sequence[tuple[Campaign, datetime]],
        courses: Courses,
    ) -> None:
        self.session, self.workspace = session, workspace
        tips = [
            found
            for found, _ in campaigns_and_schedules(session)
            if found.kind in FIRST and found.state is CampaignState.ACTIVE and found.schedule.strip()
        ]
        audiences = [audience_of(session, found, at) for found, at in coming]
        audiences += [tips_audience(session, found, at) for _, at in coming for found in tips]
        self.crowd = Crowd(session, workspace, [*audiences, *courses.audiences()], courses)
        self.sequences = Sequences(session, workspace, courses)
        any_tips = any(tips_wanted(workspace, found) for found, _ in coming)
        self.concerned = read_concerned(session) if any_tips else Concerned({}, {}, {}, {})


def _foresee(look: _Look, campaign: Campaign, timing: Timing, occasion: Occasion, number: int) -> Entry:
    session, workspace = look.session, look.workspace
    opens = max(occasion.opens, workspace.clock())
    draft = draft_edition(session, workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)
    by_hand, again = occasion.key.startswith(f"once-{BY_HAND}"), occasion.key.endswith("again")
    counts = count_forecast(
        session,
        workspace,
        campaign,
        draft,
        look.crowd,
        look.concerned.aside() if by_hand else look.concerned,
        per_customer=timing.per_customer,
        number=None if by_hand else number,
        first=look.sequences.first,
    )
    return Entry(
        campaign=campaign.name,
        kind=campaign.kind.value,
        subject=campaign.subject,
        occasion=occasion.key.removeprefix("once-"),
        state="to come" if occasion.opens > workspace.clock() else "ready" if by_hand else "due",
        opens=occasion.opens,
        people=counts.people,
        going=counts.going.total(),
        before=counts.before,
        slots=tuple(
            _slot(workspace, zone, at, people) for (zone, at), people in sorted(_minutes(counts.going), key=_by_time)
        ),
        refused=tuple(
            Refused(state, reason, people) for (state, reason), people in sorted(counts.not_going.items(), key=_most)
        ),
        later=dict(counts.later),
        instead=instead_of(workspace, counts.instead),
        first=dict(+counts.first),
        waiting=dict(+counts.waiting),
        changed_tips=counts.changed_tips,
        deadline=deadline_words(workspace, campaign),
        waves=sizes_for(waves_of(workspace, campaign), counts.going.total()),
        note=f"goes when a person sends it: outreach send {campaign.name}{' --again' if again else ''}"
        if by_hand
        else "",
        hold_out=counts.hold_out,
        by_share=counts.by_share,
        tried=counts.tried,
        invites=invites_to(session, workspace, campaign),
    )


def _under_way(session: Session, workspace: Workspace, edition: Edition, campaign: Campaign) -> Entry:
    assert edition.id is not None
    outcomes = outcome_counts(session, edition.id)
    refused = tuple(
        Refused(state.value, reason, people)
        for state, reason, people in outcomes
        if state in (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)
    )
    done: dict[str, int] = {}
    later: dict[str, int] = {}
    for state, reason, people in outcomes:
        done[state.value] = done.get(state.value, 0) + people
        if state in (DeliveryState.QUEUED, DeliveryState.DEFERRED) and reason:
            later[reason] = later.get(reason, 0) + people
    slots = tuple(
        _slot(workspace, zone_or(zone, workspace.settings.identity.zone).key, due, people)
        for zone, due, people in due_counts(session, edition.id)
    )
    held = sum(one.people for one in refused if one.reason.startswith(OPEN_COMPLAINT))
    going = sum(people for state, _, people in outcomes) - sum(one.people for one in refused)
    return Entry(
        campaign=campaign.name,
        kind=edition.kind.value,
        subject=edition.subject or campaign.subject,
        occasion=edition.occasion,
        state=edition.state.value,
        opens=edition.due_at,
        people=sum(done.values()),
        going=going,
        before=going + held,
        slots=slots,
        refused=refused,
        later=later,
        instead=(),
        first={},
        waiting={},
        changed_tips=0,
        note=edition.reason,
        deadline=deadline_words(workspace, campaign),
        waves=tuple(edition.waves),
        edition_id=edition.id,
        done=done,
        hold_out=read_hold_out(edition.hold_out or {}),
        tried=versions_under_way(session, campaign, edition),
        invites=invites_to(session, workspace, campaign),
    )


def _minutes(going: Counter[tuple[str, datetime]]) -> Iterable[tuple[tuple[str, datetime], int]]:
    """The same by whole minutes, as people read them: a budget has room again at anybody's own second."""
    slots: Counter[tuple[str, datetime]] = Counter()
    for (zone, at), people in going.items():
        slots[zone, at.replace(second=0, microsecond=0)] += people
    return slots.items()


def _slot(workspace: Workspace, zone: str, at: datetime, people: int) -> Slot:
    local = at.astimezone(zone_or(zone, workspace.settings.identity.zone))
    return Slot(zone, f"{local:%Y-%m-%d %H:%M}", at, people)


def _most(item: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -item[1], item[0]


def _by_time(item: tuple[tuple[str, datetime], int]) -> tuple[datetime, str]:
    return item[0][1], item[0][0]
