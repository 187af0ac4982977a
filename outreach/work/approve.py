"""A person's yes to a plan, and what stands between a changed plan and the mail.

Laws: an approval pins what was judged at that moment, for one occasion; an edition whose plan has drifted since is not
planned, and waits with the difference in words, until a person agrees anew or releases it. Nothing of it is in the
outbox until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ..errors import UsageError
from ..plan.pin import Line, Shift, changed_parts, compare, drift_words, may_pass, pack, unpack
from ..records import Approval, Campaign, CampaignState, Edition, EditionState, Step, StepState
from ..store.approvals import add_approval, approval_of, steps_of
from ..store.customers import load_customers
from ..store.editions import campaigns_and_schedules, edition_at, editions_in
from ..store.steps import open_trends
from ..workdays import zone_or
from .pin import ONCE, Look, PlanLook, look_at_plan, next_to_plan
from .schedules import Occasion
from .workspace import Workspace

CHANGED = "the plan has changed since"
UNSEEN = "no person has approved the plan"


@dataclass(frozen=True)
class Approved:
    """What a person has just agreed to."""

    campaign: str
    occasion: str
    opens: datetime
    digest: str
    people: int
    going: int
    by: str


@dataclass(frozen=True)
class PersonShift:
    """One person for whom the plan is another than before; `because` are the steps, or else what we know."""

    address: str
    before: str
    after: str
    tips_before: tuple[str, ...]
    tips_after: tuple[str, ...]
    at: str
    because: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class PlanDiff:
    """A campaign's next occasion before and after. `basis`: what it was before: the approved plan, or that without what
    replies changed. `parts` of the mail itself that changed, in words."""

    campaign: str
    occasion: str
    opens: datetime
    basis: str
    approved_at: datetime | None
    approved_by: str
    digest: str
    approved_digest: str
    parts: tuple[str, ...]
    words: str
    going_before: int
    going: int
    people: tuple[PersonShift, ...]


def approve(workspace: Workspace, campaign_name: str, by: str) -> Approved:
    """Agree to the campaign's next occasion as it stands. Raises UsageError and NeedsPerson as `diff_plan` does."""
    with workspace.database.read() as session:
        campaign = _campaign(session, campaign_name)
        look = _look(session, workspace, campaign)
    assert campaign.id is not None
    now = workspace.clock()
    kept = Approval(
        campaign_id=campaign.id,
        occasion=look.occasion,
        digest=look.digest,
        content=dict(look.content),
        lines=pack(look.lines),
        people=len(look.looks),
        going=look.going,
        at=now,
        by=by,
    )
    with workspace.database.write() as session:
        add_approval(session, kept)
    return Approved(campaign.name, look.occasion, look.opens, look.digest, len(look.looks), look.going, by)


def why_not_agreed(session: Session, workspace: Workspace, edition: Edition) -> str:
    """Why an edition that is about to be planned must wait for a person's agreement; "" where it need not."""
    campaign = session.get_one(Campaign, edition.campaign_id)
    approval = approval_of(session, edition.campaign_id, edition.occasion)
    policy = workspace.settings.plan
    if approval is None:
        return f"{UNSEEN}, as {edition.kind.value} mail needs" if edition.kind in policy.approve else ""
    look = look_at_plan(session, workspace, campaign, Occasion(edition.occasion, edition.due_at), kept=edition)
    if look.digest == approval.digest:
        return ""
    parts, shifts = changed_parts(approval.content, look.content), compare(unpack(approval.lines), look.lines)
    if may_pass(parts, shifts, policy.drift):
        return ""
    since = f"{approval.by or 'a person'} approved it on {approval.at:%Y-%m-%d %H:%M} UTC"
    return f"{CHANGED} {since}: {drift_words(parts, shifts)}"


def waits_for_agreement(edition: Edition) -> bool:
    """Whether an edition waits because nobody agreed to its plan, or not to this one."""
    return edition.state is EditionState.WAITING and edition.reason.startswith((CHANGED, UNSEEN))


def agreed_now(session: Session, *, by_hand: bool = False) -> list[tuple[int, str]]:
    """Editions (id, campaign) that waited for an agreement and got one since; those of no schedule only `by_hand`."""
    found: list[tuple[int, str]] = []
    for edition, campaign in editions_in(session, [EditionState.WAITING]):
        if (
            edition.id is None
            or not waits_for_agreement(edition)
            or (edition.occasion.startswith(ONCE) and not by_hand)
        ):
            continue
        approval = approval_of(session, edition.campaign_id, edition.occasion)
        if approval is not None and approval.at >= edition.frozen_at:
            found.append((edition.id, campaign.name))
    return found


def diff_plan(workspace: Workspace, campaign_name: str, *, most: int | None = 20) -> PlanDiff:
    """The campaign's next occasion before and after, by name. `most`: so many people at most.

    Raises UsageError where there is no such campaign or nothing of it is sent, NeedsPerson where nothing is to come.
    """
    with workspace.database.read() as session:
        campaign = _campaign(session, campaign_name)
        look = _look(session, workspace, campaign)
        assert campaign.id is not None
        approval = approval_of(session, campaign.id, look.occasion)
        before = {person: one.before for person, one in look.looks.items()}
        if approval is not None:
            before = unpack(approval.lines)
        parts = changed_parts(approval.content, look.content) if approval is not None else []
        shifts = compare(before, look.lines)
        named = _named(session, workspace, campaign.id, look, shifts[:most], approval)
    return PlanDiff(
        campaign=campaign.name,
        occasion=look.occasion,
        opens=look.opens,
        basis="as approved" if approval is not None else "without what replies changed",
        approved_at=approval.at if approval is not None else None,
        approved_by=approval.by if approval is not None else "",
        digest=look.digest,
        approved_digest=approval.digest if approval is not None else "",
        parts=tuple(parts),
        words=drift_words(parts, shifts),
        going_before=sum(line.goes for line in before.values()),
        going=look.going,
        people=tuple(named),
    )


def plannable(workspace: Workspace) -> list[str]:
    """The campaigns that have a plan to look at: active, with a schedule or not yet sent by hand."""
    with workspace.database.read() as session:
        return [
            campaign.name for campaign, _ in campaigns_and_schedules(session) if campaign.state is CampaignState.ACTIVE
        ]


def _campaign(session: Session, name: str) -> Campaign:
    known = {found.name: found for found, _ in campaigns_and_schedules(session)}
    if name not in known:
        remedy = f"There are: {', '.join(known)}." if known else "Apply one: outreach campaigns apply FILE.md"
        raise UsageError(f"there is no campaign called {name}", remedy=remedy)
    if known[name].state is not CampaignState.ACTIVE:
        raise UsageError(f"{name} is {known[name].state.value}: nothing of it is sent")
    return known[name]


def _look(session: Session, workspace: Workspace, campaign: Campaign) -> PlanLook:
    occasion = next_to_plan(session, workspace, campaign)
    assert campaign.id is not None
    return look_at_plan(session, workspace, campaign, occasion, kept=edition_at(session, campaign.id, occasion.key))


def _named(
    session: Session,
    workspace: Workspace,
    campaign_id: int,
    look: PlanLook,
    shifts: list[Shift],
    approval: Approval | None,
) -> list[PersonShift]:
    people = load_customers(session, [shift.person for shift in shifts])
    since = approval.at if approval is not None else datetime.min.replace(tzinfo=workspace.clock().tzinfo)
    steps = steps_of(session, [shift.person for shift in shifts], since)
    opened = edition_at(session, campaign_id, look.occasion)
    found = open_trends(session, campaign_id, opened.id if opened is not None else None)
    applied = [step for step in found if step.state is StepState.APPLIED]
    trends = [step for step in applied if approval is None or (step.decided_at or step.at) >= since]
    named = []
    for shift in shifts:
        seen = look.looks.get(shift.person)
        person = people.get(shift.person)
        because = steps.get(shift.person, [])
        if approval is None and seen is not None:
            because = [step for step in because if step.case_id in seen.cases]
        before, after = shift.before or Line(""), shift.after or Line("")
        if seen is not None and seen.line.goes and before.tips != after.tips:
            because = [*because, *trends]
        named.append(
            PersonShift(
                address=(person.address if person is not None else None) or f"customer {shift.person}",
                before=before.said or "not among the people",
                after=_after(after, seen),
                tips_before=before.tips,
                tips_after=after.tips,
                at=_local(seen),
                because=tuple(_told(step) for step in because),
            )
        )
    return named


def _after(line: Line, seen: Look | None) -> str:
    if not line.said:
        return "not among the people"
    return f"{line.said}: {seen.evidence}" if seen is not None and seen.evidence and not line.goes else line.said


def _local(seen: Look | None) -> str:
    if seen is None or seen.at is None:
        return ""
    zone = zone_or(seen.zone, "UTC")
    return f"{seen.at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def _told(step: Step) -> dict[str, Any]:
    return {
        "step": step.id,
        "at": step.at,
        "rule": step.rule,
        "what": step.what,
        "reason": step.reason,
        "case": step.case_id,
        "evidence": step.evidence,
    }
