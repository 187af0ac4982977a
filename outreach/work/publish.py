"""Occasions become editions: the due ones by the clock, or the one that a person sends now.

Law: an edition is frozen and its schedule advanced in one transaction, so that daemon, cron and a person meet on one
edition per occasion; an unfinished one is finished before another is opened; what waits for a person goes on only by
that person's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import new_public_id
from ..errors import InputError, NeedsPerson, OutreachError, UsageError
from ..records import Campaign, CampaignState, Edition, EditionState, Schedule
from ..store.editions import (
    advance_schedule,
    campaigns_and_schedules,
    cancel_some,
    edition_at,
    editions_in,
    editions_of,
    find_campaign,
    move_edition,
    next_number,
    note_missed,
    schedules_due,
)
from ..store.outbox import finish_editions
from ..store.saved_segments import whole_text
from ..store.steps import bind_trends
from ..store.touches import keep_links
from .approve import agreed_now, waits_for_agreement
from .compose import FrozenContent, freeze
from .pin import ONCE, own_digest
from .planning import Progress, plan_edition
from .schedules import (
    DueOccasions,
    Occasion,
    judge_due,
    last_due,
    life_of,
    live_until,
    next_occasion,
    settle_schedules,
    timing_of,
)
from .steps import let_on
from .together import one_per_of
from .versions import ZONES, begun_again, test_takes
from .waves import go_on
from .workspace import Workspace

__all__ = ["open_occasion", "plan_edition", "publish_due"]

GOING = (EditionState.PLANNING, EditionState.OPEN, EditionState.PAUSED)
STANDING = (EditionState.WAITING, EditionState.PAUSED)
"""What goes on only by a person's word."""


def publish_due(workspace: Workspace, progress: Progress | None = None) -> list[int]:
    """Finish broken-off plannings, then open and plan every occasion that is due. The editions opened.

    What is wrong with one campaign never stops another: it is raised at the end.
    """
    settle_schedules(workspace)
    with workspace.database.read() as session:
        unfinished = [edition.id for edition, _ in editions_in(session, [EditionState.PLANNING])]
        due = [campaign.id for campaign, _ in schedules_due(session, workspace.clock())]
        agreed = agreed_now(session)
    unfinished += [edition_id for edition_id, name in agreed if _go_on_agreed(workspace, name)]
    opened: list[int] = []
    troubles: list[OutreachError] = []
    for edition_id, campaign_id in [*((edition_id, None) for edition_id in unfinished), *((None, one) for one in due)]:
        try:
            if campaign_id is not None:
                edition_id = _open_due(workspace, campaign_id, by_person=False)
            if edition_id is not None and plan_edition(workspace, edition_id, progress) is EditionState.OPEN:
                opened.append(edition_id)
        except OutreachError as wrong:
            troubles.append(wrong)
    if troubles:
        raise troubles[0]
    return opened


def open_occasion(
    workspace: Workspace,
    campaign_name: str,
    *,
    again: bool = False,
    release: bool = False,
    hold: str = "",
    by: str = "send",
    progress: Progress | None = None,
) -> int:
    """The edition that `send` is to finish: the unfinished one, else the one that is due, else one that waits (with
    `release`, or where its text was changed meanwhile), else, once or with `again`, a new one.

    It is planned to its end and open; with `hold` a newly planned one waits with these words until a person was
    asked. With `release` an edition whose wave was stopped goes on, in the name of `by`. Raises NeedsPerson where the
    occasion is done, nothing is due, or the edition waits; UsageError where there is no such campaign; TemplateError
    where its text cannot be compiled.
    """
    settle_schedules(workspace)
    campaign = _campaign(workspace, campaign_name)
    assert campaign.id is not None
    edition_id = _unfinished(workspace, campaign.id)
    if edition_id is None:
        edition_id = _open_due(workspace, campaign.id, by_person=True)
    if edition_id is None and not again:
        waiting = _let_go(workspace, campaign, release=release)
        if waiting is not None:
            edition_id, changed = waiting
            release = release and not changed
    if edition_id is None:
        edition_id = _open_once(workspace, campaign, again=again)
    state = plan_edition(workspace, edition_id, progress, release=release, hold=hold)
    if state is EditionState.PAUSED and release:
        if not hold and not let_on(workspace, edition_id, by=by):
            go_on(workspace, edition_id, by)
    elif state is not EditionState.OPEN:
        with workspace.database.read() as session:
            edition = session.get_one(Edition, edition_id)
        if not (hold and edition.reason == hold):
            raise needs_person(campaign, edition)
    return edition_id


def _campaign(workspace: Workspace, name: str) -> Campaign:
    with workspace.database.read() as session:
        campaign = find_campaign(session, name)
        known = [found.name for found, _ in campaigns_and_schedules(session)]
    if campaign is not None and "/" in name:
        sequence = name.partition("/")[0]
        raise UsageError(f"{name} is a step of a sequence", remedy=f"See: outreach sequences show {sequence}")
    if campaign is None or name.startswith("_"):
        remedy = f"There are: {', '.join(known)}." if known else "Apply one: outreach campaigns apply FILE.md"
        raise UsageError(f"there is no campaign called {name}", remedy=remedy)
    if campaign.state is not CampaignState.ACTIVE:
        raise NeedsPerson(f"campaign {name} is {campaign.state.value}: nothing of it is sent")
    return campaign


def _unfinished(workspace: Workspace, campaign_id: int) -> int | None:
    """The campaign's oldest edition that is planned or sent at this moment, or was broken off."""
    with workspace.database.write() as session:
        going = [
            found.id for found in editions_of(session, campaign_id) if found.state in GOING and found.id is not None
        ]
        done = set(finish_editions(session, going, workspace.clock()))
    return next((edition_id for edition_id in going if edition_id not in done), None)


def _go_on_agreed(workspace: Workspace, campaign_name: str) -> bool:
    """Plan what waited for a person's agreement and has it now; False where somebody else was quicker."""
    with workspace.database.read() as session:
        campaign = find_campaign(session, campaign_name)
    if campaign is None or campaign.state is not CampaignState.ACTIVE:
        return False
    return _let_go(workspace, campaign, release=True) is not None


def _let_go(workspace: Workspace, campaign: Campaign, *, release: bool) -> tuple[int, bool] | None:
    """The edition that waits, on its way again, and whether its text was changed; or the refusal of its waiting."""
    assert campaign.id is not None
    with workspace.database.read() as session:
        waiting = [edition for edition in editions_of(session, campaign.id) if edition.state is EditionState.WAITING]
    if not waiting:
        return None
    edition = waiting[-1]
    assert edition.id is not None
    changed = campaign.updated_at > edition.frozen_at
    with workspace.database.read() as session:
        agreed = any(found == edition.id for found, _ in agreed_now(session, by_hand=True))
    if not (release or changed or agreed):
        raise needs_person(campaign, edition)
    now = workspace.clock()
    test = begun_again(edition.versions or {}, now)
    until = now + life_of(workspace, campaign) + test_takes(test, per_customer=bool(test.get(ZONES)))
    values: dict[str, Any] = {"expires_at": until, "versions": test}
    content: FrozenContent | None = None
    if changed or edition.planned_at is None:
        with workspace.database.read() as session:
            content = freeze(session, workspace, session.get_one(Campaign, campaign.id), now=now)
            values |= _content(session, campaign, content)
        values |= {"frozen_at": now, "planned_at": None, "planned": None}
    live_until(workspace, edition.id, until)
    with workspace.database.write() as session:
        move_edition(session, edition.id, [EditionState.WAITING], EditionState.PLANNING, **values)
        if content is not None:
            keep_links(session, edition.id, content.links, opens=content.opens)
    return edition.id, changed


def needs_person(campaign: Campaign, edition: Edition) -> NeedsPerson:
    """What a person is told of an edition that stands until they say what becomes of it."""
    why = edition.reason or edition.state.value
    if waits_for_agreement(edition):
        remedy = f"Look: outreach plan diff {campaign.name}. Agree: outreach plan approve {campaign.name}"
        return NeedsPerson(f"{campaign.name}: the edition of {edition.occasion} waits: {why}", remedy=remedy)
    return NeedsPerson(
        f"{campaign.name}: the edition of {edition.occasion} waits for a person: {why}",
        remedy=f"Change and apply the campaign, or let it go as it is: outreach send {campaign.name} --release",
    )


def _open_due(workspace: Workspace, campaign_id: int, *, by_person: bool) -> int | None:
    """Open the newest due occasion of a campaign's schedule; None where nothing is due, or somebody else did it."""
    now = workspace.clock()
    with workspace.database.read() as session:
        campaign = session.get_one(Campaign, campaign_id)
        schedule = session.execute(select(Schedule).where(col(Schedule.campaign_id) == campaign_id)).scalar()
        if schedule is None:
            return None
        timing = timing_of(workspace, campaign)
        due = judge_due(workspace, timing, schedule, now, by_person=by_person)
        if due is None:
            return None
        content, why = (
            (None, due.why) if due.decision == "skip" else _freeze(session, workspace, campaign, due, by_person)
        )
    with workspace.database.write() as session:
        changed = session.get_one(Campaign, campaign_id).updated_at != campaign.updated_at
        if changed or not _advance(session, schedule, due, now) or due.decision == "skip":
            return None
        until = max(last_due(due.occasion.key, due.occasion.opens, per_customer=timing.per_customer), now)
        edition_id = _create(session, workspace, campaign, due.occasion, content, until, why, now)
    _supersede(workspace, campaign_id, edition_id, due.occasion.key)
    return edition_id


def _freeze(
    session: Session, workspace: Workspace, campaign: Campaign, due: DueOccasions, by_person: bool
) -> tuple[FrozenContent | None, str]:
    """The frozen content and why the edition must wait (""). For the daemon a text that cannot be compiled waits."""
    try:
        return freeze(session, workspace, campaign, now=workspace.clock()), due.why
    except InputError as wrong:
        if by_person:
            raise
        return None, f"its text cannot be compiled: {wrong.message}"


def _advance(session: Session, schedule: Schedule, due: DueOccasions, now: datetime) -> bool:
    following = due.following
    moved = advance_schedule(
        session,
        schedule,
        done=due.occasion.key,
        next_at=following.opens if following else None,
        next_occasion=following.key if following else None,
    )
    passed = [occasion.key for occasion in due.passed]
    if moved and due.decision == "skip":
        note_missed(session, schedule.campaign_id, [*passed, due.occasion.key], due.why, now)
    elif moved and passed:
        note_missed(session, schedule.campaign_id, passed, "a newer occasion was due when work went on", now)
    return moved


def _open_once(workspace: Workspace, campaign: Campaign, *, again: bool) -> int:
    """Open an occasion by a person's word alone: the only one of a campaign without a schedule, or another."""
    assert campaign.id is not None
    now = workspace.clock()
    with workspace.database.read() as session:
        earlier = editions_of(session, campaign.id)
        if not again and (campaign.schedule.strip() or earlier):
            raise _nothing_due(workspace, campaign, earlier)
        content = freeze(session, workspace, campaign, now=now)
    number = 1 + sum(edition.occasion.startswith(ONCE) for edition in earlier)
    with workspace.database.write() as session:
        return _create(session, workspace, campaign, Occasion(f"{ONCE}{number}", now), content, now, "", now)


def _nothing_due(workspace: Workspace, campaign: Campaign, earlier: Sequence[Edition]) -> NeedsPerson:
    done = [edition for edition in earlier if edition.state is EditionState.DONE]
    said = f"{campaign.name}: nothing is due"
    if done:
        at = done[-1].finished_at or done[-1].due_at
        said = f"{campaign.name}: occasion {done[-1].occasion} is done since {at:%Y-%m-%d %H:%M} UTC; nothing was sent"
    following = next_occasion(timing_of(workspace, campaign), workspace.clock()) if campaign.schedule.strip() else None
    if following is not None:
        said += f"; the next is {following.key.replace('/', ' ')}"
    return NeedsPerson(said, remedy=f"To send another now: outreach send {campaign.name} --again")


def _create(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    occasion: Occasion,
    content: FrozenContent | None,
    until: datetime,
    why: str,
    now: datetime,
) -> int:
    """Insert the edition, or find the one that somebody else opened for the same occasion."""
    assert campaign.id is not None
    found = edition_at(session, campaign.id, occasion.key)
    if found is None:
        longer = test_takes(campaign.options.get("test") or {}, per_customer=until > occasion.opens)
        found = Edition(
            public_id=new_public_id(),
            campaign_id=campaign.id,
            kind=campaign.kind,
            number=next_number(session, campaign.id),
            occasion=occasion.key,
            state=EditionState.WAITING if why else EditionState.PLANNING,
            reason=why,
            due_at=occasion.opens,
            expires_at=until + life_of(workspace, campaign) + longer,
            frozen_at=now,
            **_content(session, campaign, content),
        )
        session.add(found)
        session.flush()
        assert found.id is not None
        bind_trends(session, campaign.id, found.id, now)
        keep_links(
            session,
            found.id,
            content.links if content is not None else (),
            opens=content is not None and content.opens,
        )
    assert found.id is not None
    return found.id


def _content(session: Session, campaign: Campaign, content: FrozenContent | None) -> dict[str, Any]:
    """What the edition keeps of its campaign; saved segments are written out, so that it tells by whom it was meant."""
    values: dict[str, Any] = {"list_id": campaign.list_id, "segment": whole_text(session, campaign.segment)}
    values["one_per"] = one_per_of(session, campaign)
    if content is None:
        return values
    return values | {
        "versions": campaign.options.get("test") or {},
        "frozen": content.frozen,
        "content_digest": own_digest(campaign),
        "subject": content.subject,
        "sender": content.sender,
    }


def _supersede(workspace: Workspace, campaign_id: int, edition_id: int, occasion: str) -> None:
    """Cancel older editions that still wait for a person: a newer occasion has come."""
    why = f"the occasion {occasion} came before a person let this one go"
    with workspace.database.read() as session:
        waiting = [
            edition.id
            for edition in editions_of(session, campaign_id)
            if edition.state in STANDING and edition.id is not None and edition.id < edition_id
        ]
    for old in waiting:
        while _cancel_waiting(workspace, old, why):
            pass
        with workspace.database.write() as session:
            move_edition(session, old, STANDING, EditionState.CANCELLED, why)


def _cancel_waiting(workspace: Workspace, edition_id: int, why: str) -> bool:
    """Cancel all who wait in this edition, a portion after the other, each in a transaction; False where none did."""
    last, found = None, False
    while True:
        with workspace.database.write() as session:
            last = cancel_some(session, edition_id, why, workspace.clock(), after=last)
        if last is None:
            return found
        found = True
