"""Kept: what a look at the whole says: rows in doubt, mailboxes and editions in trouble, daemons and their beats.

Law: it only counts and reads, within milliseconds in a full database, and gives no customer's address.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, col

from ..records import (
    BreakerState,
    Campaign,
    CampaignState,
    Category,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Inbound,
    Kind,
    Machine,
    MailboxMark,
    RelayState,
    Schedule,
    Worker,
    WorkspaceRow,
)
from .campaigns import ALERTS
from .outbox import count_due, open_editions
from .phases import InState

DAEMON, ROUND = "daemon", "round"
"""Kinds of worker that show that somebody looks after the workspace: the daemon, and a single round from cron."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """How many deliveries of a campaign are in doubt."""

    campaign: str
    count: int


def in_doubt(session: Session, before: datetime) -> list[Doubtful]:
    """Campaigns with deliveries that have been in doubt since `before`; alert mails are not counted."""
    query = (
        select(col(Campaign.name), func.count())
        .select_from(Delivery)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(InState(DeliveryState.IN_DOUBT), col(Delivery.intent_at) <= before)
        .where(col(Campaign.name) != ALERTS)
        .group_by(col(Campaign.name))
        .order_by(col(Campaign.name))
    )
    return [Doubtful(name, count) for name, count in session.execute(query)]


def unlooked_messages(session: Session) -> tuple[int, datetime | None]:
    """How many messages of people made no case and were looked at by nobody, thanks and wishes to leave left out; and
    when the oldest of them came."""
    nobody = (col(Inbound.reviewed_at).is_(None), col(Inbound.case_id).is_(None), col(Inbound.copy_of).is_(None))
    unclear = or_(col(Inbound.category).is_(None), col(Inbound.category).in_((Category.OTHER, Category.CHANGE_OF_DATA)))
    query = select(func.count(), func.min(col(Inbound.received_at)))
    count, oldest = session.execute(query.where(*nobody, col(Inbound.machine) == Machine.HUMAN, unclear)).one()
    return int(count), oldest


def waiting_editions(session: Session) -> list[tuple[str, str, str]]:
    """Campaign, occasion and reason of each edition that waits for a person."""
    query = (
        select(col(Campaign.name), col(Edition.occasion), col(Edition.reason))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Edition.state) == EditionState.WAITING)
        .order_by(col(Edition.id))
    )
    return [(name, occasion, reason) for name, occasion, reason in session.execute(query)]


def unreadable_mailboxes(session: Session) -> dict[str, str]:
    """What the last look into each mailbox said, where it failed. A mailbox's folders are one mailbox."""
    query = select(col(MailboxMark.mailbox), col(MailboxMark.error)).where(col(MailboxMark.error) != "")
    return {str(mailbox): str(error) for mailbox, error in session.execute(query)}


def mailboxes_read(session: Session, names: Collection[str]) -> dict[str, datetime | None]:
    """When each of these mailboxes was last read to its end, None for one that never was."""
    query = select(col(MailboxMark.mailbox), col(MailboxMark.read_at)).where(col(MailboxMark.mailbox).in_(list(names)))
    found = {str(mailbox): read_at for mailbox, read_at in session.execute(query)}
    return {name: found.get(name) for name in names}


def silent_daemons(session: Session, before: datetime) -> list[Worker]:
    """Daemons that did not end in good order and have shown no sign of life since `before`."""
    query = select(Worker).where(
        col(Worker.kind) == DAEMON, col(Worker.stopped_at).is_(None), col(Worker.beat_at) < before
    )
    return list(session.scalars(query.order_by(col(Worker.id))))


def resting_relays(session: Session) -> list[RelayState]:
    """Relays that get no mail now, or one at a time to try them."""
    query = select(RelayState).where(col(RelayState.breaker) != BreakerState.CLOSED)
    return list(session.scalars(query.order_by(col(RelayState.name))))


def living(session: Session, since: datetime) -> list[str]:
    """Workers on any machine that have not ended and gave a sign of life since then."""
    query = select(col(Worker.name)).where(col(Worker.stopped_at).is_(None), col(Worker.beat_at) >= since)
    return [str(name) for name in session.execute(query.order_by(col(Worker.name))).scalars()]


def last_beat(session: Session, kinds: tuple[str, ...] = ()) -> datetime | None:
    """The newest sign of life of any worker, or of those of these kinds."""
    query = select(col(Worker.beat_at)).order_by(col(Worker.beat_at).desc()).limit(1)
    if kinds:
        query = query.where(col(Worker.kind).in_(kinds))
    return session.execute(query).scalar()


def mail_is_late(session: Session, before: datetime, without: Collection[Kind] = ()) -> bool:
    """Whether mail has been due since `before` and nobody who claims has shown a sign of life since then.

    Of the kinds in `without` none is missed: they wait for something else.
    """
    if not count_due(session, open_editions(session, without=without), before):
        return False
    working = select(col(Worker.id)).where(
        col(Worker.kind).not_in([DAEMON, ROUND]), col(Worker.stopped_at).is_(None), col(Worker.beat_at) >= before
    )
    return session.execute(working.limit(1)).first() is None


def due_of_kinds(session: Session, kinds: Collection[Kind], now: datetime) -> list[tuple[str, str]]:
    """Campaign and occasion of the open editions of these kinds that have mail due."""
    query = (
        select(col(Campaign.name), col(Edition.occasion), col(Edition.id))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Edition.state) == EditionState.OPEN, col(Edition.kind).in_(list(kinds)))
        .order_by(col(Edition.id))
    )
    rows = [(str(name), str(occasion), int(number or 0)) for name, occasion, number in session.execute(query)]
    return [(name, occasion) for name, occasion, number in rows if count_due(session, [number], now)]


def late_schedules(session: Session, before: datetime) -> list[str]:
    """Active campaigns whose next occasion has been due since `before` and was not opened."""
    query = (
        select(col(Campaign.name))
        .join(Schedule, col(Schedule.campaign_id) == col(Campaign.id))
        .where(col(Campaign.state) == CampaignState.ACTIVE, col(Schedule.next_at) < before)
    )
    return [str(name) for name in session.execute(query.order_by(col(Campaign.name))).scalars()]


def touch(session: Session) -> None:
    """Write something that changes nothing: it fails where the database cannot be written."""
    session.connection().execute(
        update(WorkspaceRow).where(col(WorkspaceRow.id) == 1).values(name=col(WorkspaceRow.name))
    )


def pulse(session: Session, name: str, now: datetime) -> None:
    """Show that a daemon lives."""
    session.connection().execute(update(Worker).where(col(Worker.name) == name).values(beat_at=now))


def daemons_at(session: Session, host: str | None) -> dict[str, int]:
    """The process numbers of the daemons that signed on at this host (None: anywhere) and did not end in good order,
    by name.
    """
    query = select(col(Worker.name), col(Worker.pid)).where(
        col(Worker.kind) == DAEMON, col(Worker.stopped_at).is_(None)
    )
    if host is not None:
        query = query.where(col(Worker.host) == host)
    return {row.name: row.pid for row in session.execute(query)}


def sign_off_dead(session: Session, names: Collection[str], now: datetime) -> None:
    """These daemons are gone without having said so."""
    gone = update(Worker).where(col(Worker.name).in_(list(names)), col(Worker.stopped_at).is_(None))
    session.connection().execute(gone.values(stopped_at=now))
