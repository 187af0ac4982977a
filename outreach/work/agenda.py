"""The plan as people read it: what will go to whom, when by their own clock, what will not, and why.

Law: what is under way is counted in the outbox; what is to come is foreseen with the very rules that will judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import Session

from ..errors import InputError, UsageError
from ..plan.budget import FIRST
from ..plan.worth import expect
from ..records import BULK, Campaign, CampaignState, Edition, GroupKind, Kind
from ..store.approvals import approval_of
from ..store.editions import (
    UNFINISHED,
    campaigns_and_schedules,
    editions_in,
    editions_of,
    gone_out_as_it_stands,
)
from ..store.plan import recent_steps, step_counts
from ..store.sequences import running_sequences
from ..store.steps import count_proposed
from ..store.worth import past_of
from .alike import audience_of, tips_audience
from .choose import tips_wanted
from .clashes import closed_days, find_clashes, instead_of
from .courses import Courses
from .crowd import Crowd
from .entries import Agenda, Change, Entry, refused_of, slots_of, under_way
from .forecast import Concerned, count_forecast, draft_edition, read_concerned
from .foreseen import Counts
from .in_turn import InTurn, Judgements, Letter, TipsCalendar
from .judge import edition_facts
from .outlook import Sequences
from .schedules import Occasion, Timing, deadline_words, occasions_after, timing_of, wanted_row
from .sight import kinds_that_wait, sight
from .together import one_per_of
from .tried import invites_to
from .wave_deal import sizes_for, waves_of
from .workspace import Workspace

BY_HAND = "by hand"
SAME_AGAIN = "it waits for a person if nothing in it changes until then: the same text went out before"
MOST_OCCASIONS = 31
"""So many occasions of one campaign are foreseen at most."""


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
        begun = [
            under_way(session, workspace, edition, found)
            for edition, found in editions_in(session, UNFINISHED)
            if campaign in (None, found.name)
        ]
        coming, problems = _coming(session, workspace, now, until, campaign)
        problems += _blind(session, workspace, [*(one.kind for one in begun), *(c.kind for c, _, _ in coming)])
        courses = Courses(session, workspace, now, until, running_sequences(session) if campaign is None else ())
        look = _Look(session, workspace, coming, courses, until)
        ahead: list[tuple[Campaign, Timing, Occasion, Counts]] = []
        for number, (found, timing, occasion) in enumerate(coming, len(begun)):
            if progress is not None:
                progress(found.name)
            ahead.append((found, timing, occasion, _foresee(look, found, timing, occasion, number)))
        look.turns.finish(look.crowd.groups, until)
        look.sequences.finish(look.crowd.groups)
        entries: list[Entry] = []
        for found, timing, occasion, counted in ahead:
            entry = _entry(look, found, occasion, counted)
            second = any(earlier.campaign == found.name for earlier in (*begun, *entries))
            if (
                timing.rule.recurring
                and not tips_wanted(workspace, found)
                and (second or gone_out_as_it_stands(session, found))
            ):
                entry = replace(entry, note=SAME_AGAIN, waits=True)
            entries.append(entry)
        proposed = count_proposed(session)
        if proposed and campaign is None:
            problems += (f"{proposed} proposed changes wait for a person's yes: outreach steps list --state proposed",)
        changes = tuple(
            Change(step.at, step.rule, step.state.value, who, step.what, step.reason, step.case_id)
            for step, who in recent_steps(session, since)
        )
        counts = dict(step_counts(session, since))
        told = _with_expectations(session, workspace, [*begun, *entries], now)
        names = {-(one.edition_id or 0): (one.campaign, one.occasion) for one in begun}
        names |= {number: (one.campaign, one.occasion) for number, one in enumerate(told)} | look.sequences.names()
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
        occasions: Sequence[tuple[Campaign, Timing, Occasion]],
        courses: Courses,
        until: datetime,
    ) -> None:
        self.session, self.workspace = session, workspace
        coming = [(found, max(occasion.opens, workspace.clock())) for found, _, occasion in occasions]
        tips = [
            found
            for found, _ in campaigns_and_schedules(session)
            if found.kind in FIRST and found.state is CampaignState.ACTIVE and found.schedule.strip()
        ]
        audiences = [audience_of(session, found, at) for found, at in coming]
        audiences += [tips_audience(session, found, at) for _, at in coming for found in tips]
        kinds = dict.fromkeys(GroupKind(kind) for found, _ in coming if (kind := one_per_of(session, found)))
        self.crowd = Crowd(session, workspace, [*audiences, *courses.audiences()], courses, kinds)
        first = {found.id: (found, timing, occasion) for found, timing, occasion in reversed(occasions)}
        self.crowd.expect(
            [(found, _draft(self, found, timing, occasion)) for found, timing, occasion in first.values()]
        )
        self.tips = TipsCalendar(session, workspace, until)
        self.sequences = Sequences(session, workspace, courses, self.tips)
        self.turns = InTurn(self.sequences.next_of, self.sequences.get)
        for edition, found in editions_in(session, UNFINISHED):
            if edition.kind in BULK and edition.id is not None:
                rules = Judgements(edition_facts(workspace, found, edition))
                self.turns.letters[-edition.id] = Letter(edition, rules, self.tips.before(edition))
        any_tips = any(tips_wanted(workspace, found) for found, _ in coming)
        self.concerned = read_concerned(session) if any_tips else Concerned({}, {}, {}, {})


def _draft(look: _Look, campaign: Campaign, timing: Timing, occasion: Occasion) -> Edition:
    opens = max(occasion.opens, look.workspace.clock())
    return draft_edition(look.session, look.workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)


def _foresee(look: _Look, campaign: Campaign, timing: Timing, occasion: Occasion, number: int) -> Counts:
    by_hand = occasion.key.startswith(f"once-{BY_HAND}")
    return count_forecast(
        look.session,
        look.workspace,
        campaign,
        _draft(look, campaign, timing, occasion),
        look.crowd,
        look.concerned.aside() if by_hand else look.concerned,
        per_customer=timing.per_customer,
        number=None if by_hand else number,
        turns=look.turns,
        tips=look.tips,
    )


def _entry(look: _Look, campaign: Campaign, occasion: Occasion, counts: Counts) -> Entry:
    workspace = look.workspace
    by_hand, note = occasion.key.startswith(f"once-{BY_HAND}"), _why_it_waits(look, campaign, occasion)
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
        slots=slots_of(workspace, counts.going),
        refused=refused_of(counts.not_going),
        later=dict(counts.later),
        instead=instead_of(workspace, counts.instead),
        first=dict(+counts.first),
        waiting=dict(+counts.waiting),
        changed_tips=counts.changed_tips,
        deadline=deadline_words(workspace, campaign),
        waves=sizes_for(waves_of(workspace, campaign), counts.going.total()),
        note=note,
        hold_out=counts.hold_out,
        by_share=counts.by_share,
        tried=counts.tried,
        invites=invites_to(look.session, workspace, campaign),
        waits=bool(note),
    )


def _why_it_waits(look: _Look, campaign: Campaign, occasion: Occasion) -> str:
    """By whose yes it goes, where it goes by none of its own."""
    if occasion.key.startswith(f"once-{BY_HAND}"):
        again = " --again" if occasion.key.endswith("again") else ""
        return f"goes when a person sends it: outreach send {campaign.name}{again}"
    assert campaign.id is not None
    needed = campaign.kind in look.workspace.settings.plan.approve
    if needed and approval_of(look.session, campaign.id, occasion.key) is None:
        return f"waits until a person approves its plan: outreach plan approve {campaign.name}"
    return ""
