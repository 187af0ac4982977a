"""What `send` shows before it asks: whom the mail goes to, from whom, about what, and one of the mails.

Law: until the person has said yes, a newly planned edition waits, so that no daemon sends what they may refuse; and
the mail that is shown is rendered by the very press that renders those that go out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Event

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..errors import InputError, NeedsPerson
from ..records import Campaign, CampaignState, Delivery, DeliveryState, Edition, EditionState
from ..store.accounts import state_counts
from ..store.customers import load_customers
from ..store.editions import editions_of, find_campaign, move_edition
from ..store.outbox import count_due
from .choose import choose_for
from .collect import collect_all
from .feed import OpenPress
from .letter import open_press
from .planning import Progress
from .publish import STANDING, needs_person, open_occasion
from .schedules import deadline_words
from .send import SendCounts, send_open
from .sight import sight
from .steps import let_on
from .waves import go_on
from .workspace import Workspace, check_may_send

ASKING = "planned; it goes when a person says yes to `send`"
TO_GO = (DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.CLAIMED)


@dataclass(frozen=True)
class SampleMail:
    """One mail as its reader will see it in plain text."""

    address: str
    subject: str
    text: str


@dataclass(frozen=True)
class Proposal:
    """An edition that is ready to go. `to_go` people are still to be mailed; `due_until` is the last one's time."""

    edition_id: int
    campaign: str
    number: int
    occasion: str
    subject: str
    sender: str
    planned: int
    counts: dict[DeliveryState, int]
    due_from: datetime | None
    due_until: datetime | None
    deadline: str
    sample: SampleMail | None
    waves: tuple[int, ...] = ()
    released: int = 0
    stopped: str = ""

    @property
    def to_go(self) -> int:
        """How many have not been settled yet."""
        return sum(self.counts[state] for state in TO_GO)


def propose(
    workspace: Workspace,
    campaign_name: str,
    *,
    again: bool = False,
    release: bool = False,
    asking: bool = True,
    by: str = "send",
    progress: Progress | None = None,
) -> Proposal:
    """Plan the due or unfinished occasion and say what would go. With `asking` it waits for `let_go`.

    Raises what `open_occasion` raises; NeedsPerson where there is nothing to send.
    """
    check_may_send(workspace)
    _see(workspace, campaign_name)
    release = release or _was_asked(workspace, campaign_name)
    edition_id = open_occasion(
        workspace,
        campaign_name,
        again=again,
        release=release,
        hold=ASKING if asking else "",
        by=by,
        progress=progress,
    )
    with workspace.database.read() as session:
        return _describe(session, workspace, edition_id)


def let_go(workspace: Workspace, proposal: Proposal, *, by: str = "send") -> None:
    """The person said yes: to what waits, or to go on with what was stopped."""
    if proposal.stopped and not let_on(workspace, proposal.edition_id, by=by):
        go_on(workspace, proposal.edition_id, by)
    now = workspace.clock()
    with workspace.database.write() as session:
        move_edition(session, proposal.edition_id, [EditionState.WAITING], EditionState.OPEN, released_at=now)


def send_proposed(
    workspace: Workspace,
    proposal: Proposal,
    *,
    stop: Event,
    progress: Progress | None = None,
    press: OpenPress | None = None,
) -> SendCounts:
    """Send what was proposed; where an offer outlasts the last look into the mailbox, it is read in between."""
    counts = SendCounts()
    while True:
        done = send_open(workspace, edition_ids=[proposal.edition_id], progress=progress, stop=stop, press=press)
        counts = counts.plus(done)
        if stop.is_set() or done.full_until is not None or not waits_blindly(workspace, proposal.edition_id):
            return counts
        collect_all(workspace)
        if waits_blindly(workspace, proposal.edition_id):
            return counts


def stopped_meanwhile(workspace: Workspace, proposal: Proposal) -> NeedsPerson | None:
    """What stopped an edition while it was being sent, in words for a person; None where nothing did."""
    with workspace.database.read() as session:
        edition = session.get_one(Edition, proposal.edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        if edition.state in STANDING:
            return needs_person(campaign, edition)
        if campaign.state is not CampaignState.PAUSED:
            return None
    return NeedsPerson(
        f"{campaign.name} was paused while it was being sent",
        remedy=f"Let it go on: outreach campaigns resume {campaign.name}",
    )


def waits_blindly(workspace: Workspace, edition_id: int) -> bool:
    """Whether mail of this edition is due that waits for nothing but a look into the mailbox."""
    now = workspace.clock()
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        if edition.state is not EditionState.OPEN or sight(session, workspace, edition.kind, now).allowed:
            return False
        return count_due(session, [edition_id], now) > 0


def _see(workspace: Workspace, campaign_name: str) -> None:
    """Read the mailboxes before an offer goes, if nobody has lately. Raises NeedsPerson where they cannot be read."""
    with workspace.database.read() as session:
        campaign = find_campaign(session, campaign_name)
        if campaign is None or sight(session, workspace, campaign.kind, workspace.clock()).allowed:
            return
    collect_all(workspace)
    with workspace.database.read() as session:
        seen = sight(session, workspace, campaign.kind, workspace.clock())
    if not seen.allowed:
        raise NeedsPerson(
            f"{campaign_name} does not go: {seen.evidence}",
            remedy="See what is wrong with the mailbox: outreach replies fetch, outreach doctor",
        )


def _was_asked(workspace: Workspace, campaign_name: str) -> bool:
    """Whether the campaign's newest edition waits for nothing but the answer to our own question."""
    with workspace.database.read() as session:
        campaign = find_campaign(session, campaign_name)
        if campaign is None or campaign.id is None:
            return False
        waiting = [found for found in editions_of(session, campaign.id) if found.state is EditionState.WAITING]
    return bool(waiting) and waiting[-1].reason == ASKING


def _describe(session: Session, workspace: Workspace, edition_id: int) -> Proposal:
    edition = session.get_one(Edition, edition_id)
    campaign = session.get_one(Campaign, edition.campaign_id)
    span = session.execute(
        select(func.min(col(Delivery.due_at)), func.max(col(Delivery.due_at))).where(
            col(Delivery.edition_id) == edition_id, col(Delivery.state).in_(TO_GO)
        )
    ).one()
    return Proposal(
        edition_id=edition_id,
        campaign=campaign.name,
        number=edition.number,
        occasion=edition.occasion,
        subject=edition.subject,
        sender=edition.sender or workspace.settings.identity.sender,
        planned=edition.planned or 0,
        counts=state_counts(session, edition_id),
        due_from=span[0],
        due_until=span[1],
        deadline=deadline_words(workspace, campaign),
        sample=_sample(session, workspace, edition, campaign),
        waves=tuple(edition.waves),
        released=edition.released_wave,
        stopped=edition.reason if edition.state is EditionState.PAUSED else "",
    )


def _sample(session: Session, workspace: Workspace, edition: Edition, campaign: Campaign) -> SampleMail | None:
    """The mail of the first person in the queue for whom it can be rendered."""
    assert edition.id is not None
    query = select(Delivery).where(
        col(Delivery.edition_id) == edition.id,
        col(Delivery.state) == DeliveryState.QUEUED,
        col(Delivery.customer_id).is_not(None),
    )
    rows = session.execute(query.order_by(col(Delivery.id)).limit(5)).scalars().all()
    people = load_customers(session, [row.customer_id for row in rows if row.customer_id is not None])
    now = workspace.clock()
    press = open_press(session, workspace, edition.id)
    chosen = choose_for(
        session, workspace, edition=edition, campaign=campaign, customers=list(people.values()), now=now
    )
    for row in rows:
        person = people.get(row.customer_id or 0)
        if person is None:
            continue
        try:
            press.press(person, row.public_id, chosen[person.id], now)
            rendered = press.render(person, row.public_id, chosen[person.id])
        except InputError:
            continue
        return SampleMail(person.address or "", rendered.subject, rendered.text)
    return None


def nothing_to_do(proposal: Proposal) -> NeedsPerson:
    """What to say where an occasion has nobody left to write to."""
    kept = {str(state): count for state, count in proposal.counts.items() if count}
    said = ", ".join(f"{count} {state}" for state, count in kept.items()) or "the segment gives nobody"
    return NeedsPerson(
        f"{proposal.campaign}: nobody is left to write to in {proposal.occasion} ({said})",
        remedy=f"See who and why: outreach verify {proposal.campaign}",
    )
