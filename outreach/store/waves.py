"""Kept: the waves of editions, what came of each, and the looks at them.

Law: a wave is released, and a stop made, by compare-and-set with its look in one transaction, so that whoever looks at
the same time releases it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from ..delivery.waves import ABUSE, BOUNCES, COMPLAINTS, Sign
from ..records import (
    BULK,
    Bounce,
    Campaign,
    CampaignState,
    Category,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    FailureClass,
    Inbound,
    Machine,
    WaveLook,
)
from .edition_figures import author
from .phases import InState
from .postgresql import by_keys
from .standing import hold_back_intents
from .waiting import Waiting, ripe

HISTORY = 5
"""Earlier editions of the same list whose complaints are the usual ones."""
MAILED = (DeliveryState.SENT, DeliveryState.FAILED)
IN_HAND = (DeliveryState.CLAIMED, DeliveryState.INFLIGHT)


@dataclass(frozen=True, slots=True)
class Wavy:
    """An edition that goes in waves. `released` is the last wave that may go, from 0."""

    edition_id: int
    campaign: str
    campaign_state: CampaignState
    number: int
    occasion: str
    state: EditionState
    reason: str
    list_id: int | None
    sizes: tuple[int, ...]
    released: int
    released_at: datetime | None

    @property
    def all_out(self) -> bool:
        """Whether no wave is left to be released."""
        return self.released >= len(self.sizes) - 1


def edition_salt(session: Session, edition_id: int) -> str:
    """What makes this edition's order of people its own."""
    return str(session.execute(select(col(Edition.public_id)).where(col(Edition.id) == edition_id)).scalar_one())


def queued_places(session: Session, edition_id: int) -> Iterator[tuple[int, str, int]]:
    """(id, address key, wave) of everybody in an edition's queue, streamed."""
    waiting = Waiting(session, edition_id)
    query = waiting.select(waiting.id, waiting.c.address_key, waiting.wave)
    rows = session.connection().execute(query.execution_options(yield_per=2000))
    yield from ((row[0] or 0, row[1], row[2]) for row in rows)


def put_in_wave(session: Session, delivery_ids: Sequence[int], wave: int) -> None:
    """Move queued deliveries to a wave."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), col(Delivery.state) == DeliveryState.QUEUED)
        .values(wave=wave)
    )


def keep_waves(session: Session, edition_id: int, sizes: Sequence[int], *, released: int) -> None:
    """Write down how many people are in each wave of an edition that is planned, and which may go."""
    session.connection().execute(
        update(Edition)
        .where(col(Edition.id) == edition_id, col(Edition.state) == EditionState.PLANNING)
        .values(waves=list(sizes), released_wave=released)
    )


def wavy_editions(
    session: Session, states: Sequence[EditionState], campaign: str = "", edition_id: int | None = None
) -> list[Wavy]:
    """The editions in these states that go in waves, newest first; of one campaign, or just one, if named."""
    query: Any = (
        select(
            col(Edition.id).label("edition_id"),
            col(Campaign.name).label("campaign"),
            col(Campaign.state).label("campaign_state"),
            col(Edition.number),
            col(Edition.occasion),
            col(Edition.state),
            col(Edition.reason),
            col(Edition.list_id),
            col(Edition.waves).label("sizes"),
            col(Edition.released_wave).label("released"),
            col(Edition.released_at),
        )
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Edition.state).in_(states), col(Edition.kind).in_(BULK))
        .order_by(col(Edition.id).desc())
    )
    if campaign:
        query = query.where(col(Campaign.name) == campaign)
    if edition_id is not None:
        query = query.where(col(Edition.id) == edition_id)
    found = (Wavy(**dict(row._mapping) | {"sizes": tuple(row.sizes)}) for row in session.execute(query))
    return [one for one in found if one.sizes]


def is_under_way(session: Session, wavy: Wavy, now: datetime) -> bool:
    """Whether something of the released waves is in somebody's hands, or could be claimed now.

    Who was put off (by the relay, by quiet hours, by a paused domain) is not waited for.
    """
    by_keys(session.connection())
    waiting = Waiting(session, wavy.edition_id)
    due = waiting.wave <= wavy.released, waiting.due_at <= now, ripe(waiting.c.next_at, now)
    if session.execute(waiting.select(waiting.id).where(*due).limit(1)).first() is not None:
        return True
    held = select(col(Delivery.id)).where(col(Delivery.edition_id) == wavy.edition_id, InState(*IN_HAND))
    return session.execute(held.limit(1)).first() is not None


def last_settled(session: Session, wavy: Wavy) -> datetime | None:
    """When the last mail of the wave that is out was settled."""
    query = select(func.max(col(Delivery.settled_at))).where(
        col(Delivery.edition_id) == wavy.edition_id,
        InState(*MAILED),
        col(Delivery.wave) == wavy.released,
    )
    return session.execute(query).scalar()


def read_signs(session: Session, wavy: Wavy) -> list[Sign]:
    """What came back to an edition so far, of all whom it was sent to, each person once."""
    run = session.connection().execute
    its = col(Delivery.edition_id) == wavy.edition_id
    mailed = run(select(func.count()).where(its, InState(*MAILED))).scalar_one()
    person = func.count(func.distinct(col(Delivery.address_key)))
    abuse = (
        select(person)
        .join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
        .where(its, col(Inbound.machine) == Machine.ABUSE_REPORT)
    )
    bad = (
        select(person)
        .join(Bounce, col(Bounce.delivery_id) == col(Delivery.id))
        .where(its, col(Bounce.failure) == FailureClass.BAD_ADDRESS)
        .where(~col(Bounce.storm), col(Bounce.undone_at).is_(None))
    )
    return [
        Sign(ABUSE, run(abuse).scalar_one(), mailed),
        Sign(BOUNCES, run(bad).scalar_one(), mailed),
        Sign(COMPLAINTS, _complainers(session, [wavy.edition_id]), mailed, _usual_complaints(session, wavy)),
    ]


def _complainers(session: Session, edition_ids: Sequence[int]) -> int:
    query = (
        select(func.count(func.distinct(author())))
        .join(Delivery, col(Delivery.id) == col(Inbound.delivery_id))
        .where(col(Delivery.edition_id).in_(edition_ids))
        .where(col(Inbound.machine) == Machine.HUMAN, col(Inbound.category) == Category.COMPLAINT)
    )
    return int(session.execute(query).scalar_one())


def _usual_complaints(session: Session, wavy: Wavy) -> tuple[int, int]:
    """How many people complained about the list's last editions before this one, of how many who got them."""
    earlier = (
        select(col(Edition.id))
        .where(
            col(Edition.list_id) == wavy.list_id,
            col(Edition.id) < wavy.edition_id,
            col(Edition.kind).in_(BULK),
            col(Edition.state) == EditionState.DONE,
        )
        .order_by(col(Edition.id).desc())
        .limit(HISTORY)
    )
    ids = [one for one in session.execute(earlier).scalars() if one is not None]
    sent: Any = select(func.count()).where(col(Delivery.edition_id).in_(ids), col(Delivery.state) == DeliveryState.SENT)
    return (
        (sum(_complainers(session, [one]) for one in ids), int(session.execute(sent).scalar_one())) if ids else (0, 0)
    )


def keep_look(session: Session, wavy: Wavy, look: WaveLook, *, release_to: int | None, reason: str) -> bool:
    """Release up to a wave, or (None) stop the edition, and write the look down; False where somebody else did.

    From OPEN, or from PAUSED where a person lets it go on.
    """
    values: dict[str, Any] = {"state": EditionState.PAUSED, "reason": reason}
    if release_to is not None:
        values = {"state": EditionState.OPEN, "reason": "", "released_wave": release_to, "released_at": look.at}
    changed = (
        update(Edition)
        .where(
            col(Edition.id) == wavy.edition_id,
            col(Edition.state) == wavy.state,
            col(Edition.released_wave) == wavy.released,
        )
        .values(**values)
    )
    hold_back_intents(session)
    if session.connection().execute(changed).rowcount != 1:
        return False
    session.add(look)
    session.flush()
    return True


def looks_of(session: Session, edition_id: int) -> list[WaveLook]:
    """Every look at an edition's waves, oldest first."""
    query = select(WaveLook).where(col(WaveLook.edition_id) == edition_id).order_by(col(WaveLook.id))
    return list(session.execute(query).scalars())


def wave_counts(session: Session, edition_id: int) -> dict[int, dict[DeliveryState, int]]:
    """How many deliveries of each wave are in each state."""
    query = (
        select(col(Delivery.wave), col(Delivery.state), func.count())
        .where(col(Delivery.edition_id) == edition_id)
        .group_by(col(Delivery.wave), col(Delivery.state))
    )
    found: dict[int, dict[DeliveryState, int]] = {}
    for wave, state, number in session.execute(query):
        found.setdefault(wave, {})[state] = number
    return found
