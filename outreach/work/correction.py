"""Errors in an issue that readers point at: noted, counted by people, its unsent rest stopped, a correction drafted.

Law: noting and stopping happen in the transaction that read the message, so that the next intent already meets a
stopped edition (RELIABILITY I8); the draft is written afterwards, and again where that broke off. A person's word lets
the edition go on: `steps undo`, or `send --release`.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..plan.correction import PEOPLE, correction_letter, different_people, points_at_error
from ..plan.effects import ErrorNoted, StopEdition
from ..plan.steps import StepDraft, waits_for_a_yes
from ..records import BULK, Campaign, Delivery, Edition, EditionState, Inbound, StepState
from ..store.accounts import state_counts
from ..store.campaigns import list_names_by_id
from ..store.editions import TO_GO
from ..store.plan import apply_step
from ..store.steps import CORRECTION, ERROR, correction_of, keep_evidence, pointed_at, undrafted_corrections
from .causes import draft_letter
from .schedules import life_of, live_until
from .workspace import Workspace


def note_error(session: Session, workspace: Workspace, inbound: Inbound, now: datetime) -> bool:
    """Note it where a reader points at an error in the issue that they answer; True where that stops its rest."""
    if inbound.delivery_id is None:
        return False
    words = points_at_error(inbound.text)
    if not words:
        return False
    delivery = session.get_one(Delivery, inbound.delivery_id)
    if delivery.kind not in BULK or any(
        one.inbound_id == inbound.id for one in pointed_at(session, delivery.edition_id)
    ):
        return False
    edition = session.get_one(Edition, delivery.edition_id)
    campaign = session.get_one(Campaign, edition.campaign_id)
    which = f"issue {edition.number} of {campaign.name}"
    noted = StepDraft(
        rule=ERROR,
        what=f"an error in {which} is pointed at",
        reason=f"message {inbound.id} says: {', '.join(words)}",
        customer_id=inbound.customer_id,
        case_id=inbound.case_id,
        effect=ErrorNoted(delivery.edition_id),
        evidence={"inbound": inbound.id, "words": list(words)},
        campaign_id=campaign.id,
        edition_id=edition.id,
    )
    apply_step(session, noted, now)
    known = pointed_at(session, delivery.edition_id)
    if different_people((one.customer_id, one.author) for one in known) < PEOPLE:
        return False
    if correction_of(session, delivery.edition_id) is not None:
        return False
    draft = _correction(session, edition, campaign, which, [one.inbound_id for one in known])
    waits = waits_for_a_yes(draft, workspace.settings.steps.policies)
    apply_step(session, draft, now, state=StepState.PROPOSED if waits else StepState.APPLIED)
    return draft.effect is not None and not waits


def _correction(session: Session, edition: Edition, campaign: Campaign, which: str, messages: list[int]) -> StepDraft:
    """Stop what has not gone, if anything; the draft of the letter follows the step."""
    assert edition.id is not None
    counts = state_counts(session, edition.id)
    left = sum(counts[state] for state in TO_GO)
    running = edition.state is EditionState.OPEN
    reason = f"{PEOPLE} different people point at an error in it: messages {', '.join(map(str, messages))}"
    return StepDraft(
        rule=CORRECTION,
        what=f"stop the rest of {which} ({left} mails) and draft a correction" if running else f"correct {which}",
        reason=reason,
        customer_id=None,
        case_id=None,
        effect=StopEdition(edition.id, reason) if running else None,
        evidence={"messages": messages, "left": left},
        campaign_id=campaign.id,
        edition_id=edition.id,
    )


def draft_corrections(workspace: Workspace) -> list[int]:
    """Draft the letter for each correction that is in force and has none yet; the editions concerned."""
    with workspace.database.read() as session:
        found = undrafted_corrections(session)
        lists = list_names_by_id(session)
    for step, edition, campaign in found:
        identity = workspace.settings.identity
        letter = correction_letter(
            campaign.name,
            edition.number,
            edition.subject or campaign.subject,
            step.evidence.get("messages", ()),
            lists.get(edition.list_id or 0, ""),
            identity.company,
            identity.language,
        )
        drafted = draft_letter(workspace, letter, 0)
        with workspace.database.write() as session:
            keep_evidence(session, step.id or 0, {"campaign": drafted.campaign, "draft": drafted.file})
    return [edition.id or 0 for _, edition, _ in found]


def lengthen(workspace: Workspace, edition_id: int) -> None:
    """Let what waited in a stopped edition live as long as if it began now."""
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
    live_until(workspace, edition_id, workspace.clock() + life_of(workspace, campaign))
