"""Kept: what a simulation needs to know of its copy: when something happens next, and what came of each edition.

Law: it only reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..records import (
    Campaign,
    CampaignState,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Enrolment,
    EnrolmentState,
    Schedule,
    SequenceState,
)
from ..records import Sequence as SequenceRow
from .editions import LIGHT, TO_GO, outcome_counts
from .prepared import instant

WAVE = timedelta(minutes=15)
"""While an edition goes out in waves, somebody looks at it so often."""
SCAN = timedelta(hours=6)
"""So often it is looked whether somebody begins a sequence: by a date, or because they have been quiet for long."""


@dataclass(frozen=True)
class LivedEdition:
    """One edition as it went: how many, from when to when; how many not, by reason; how many still waited."""

    campaign: str
    occasion: str
    state: str
    reason: str
    sent: int
    first: datetime | None
    last: datetime | None
    not_sent: dict[str, int]
    to_go: int


def next_event(session: Session, now: datetime) -> datetime | None:
    """The next instant after `now` at which a schedule, a mail or a step of a sequence falls due, or a wave is
    looked at; None: none does."""
    schedules = select(func.min(col(Schedule.next_at))).join(Campaign, col(Campaign.id) == col(Schedule.campaign_id))
    schedules = schedules.where(col(Campaign.state) == CampaignState.ACTIVE, col(Schedule.next_at) > now)
    at: Any = func.coalesce(col(Delivery.next_at), col(Delivery.due_at))
    mails = select(func.min(at)).join(Edition, col(Edition.id) == col(Delivery.edition_id))
    mails = mails.where(col(Edition.state) == EditionState.OPEN, col(Delivery.state).in_(TO_GO), at > now)
    found = [session.execute(query).scalar() for query in (schedules, mails)]
    waves = select(col(Edition.waves), col(Edition.released_wave)).where(col(Edition.state) == EditionState.OPEN)
    if any(sizes and released < len(sizes) - 1 for sizes, released in session.execute(waves)):
        found.append(now + WAVE)
    running = col(SequenceRow.state) == SequenceState.RUNNING
    looks = select(func.min(col(Enrolment.look_at))).join(
        SequenceRow, col(SequenceRow.id) == col(Enrolment.sequence_id)
    )
    looks = looks.where(running, col(Enrolment.state) == EnrolmentState.GOING, col(Enrolment.look_at) > now)
    found.append(session.execute(looks).scalar())
    if session.execute(select(col(SequenceRow.id)).where(running).limit(1)).first() is not None:
        found.append(now + SCAN)
    return min((one for one in map(instant, found) if one is not None), default=None)


def lived_editions(session: Session, since: datetime) -> Iterator[LivedEdition]:
    """Every edition of people's campaigns of which something went, or that was opened, since then; in order of time."""
    query = (
        select(Edition, col(Campaign.name))
        .options(LIGHT)
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(~col(Campaign.name).startswith("_", autoescape=True))
        .order_by(col(Edition.due_at), col(Edition.id))
    )
    for edition, name in session.execute(query):
        span = select(func.count(), func.min(col(Delivery.sent_at)), func.max(col(Delivery.sent_at))).where(
            col(Delivery.edition_id) == edition.id, col(Delivery.sent_at) >= since
        )
        sent, first, last = session.execute(span).one()
        if not sent and edition.frozen_at < since:
            continue
        not_sent: dict[str, int] = {}
        to_go = 0
        for state, reason, people in outcome_counts(session, edition.id):
            if state in TO_GO:
                to_go += people
            elif state is not DeliveryState.SENT:
                not_sent[reason or state.value] = not_sent.get(reason or state.value, 0) + people
        yield LivedEdition(
            name,
            edition.occasion,
            edition.state.value,
            edition.reason,
            sent,
            instant(first),
            instant(last),
            not_sent,
            to_go,
        )
