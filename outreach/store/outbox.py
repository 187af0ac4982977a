"""Kept: the outbox. One row per recipient and occasion is the truth of who got what, who did not, and why.

Law: whoever claims a row gives it their name and the next fence, and every later move compares them (RELIABILITY I4,
`store.moves`); the intent also compares the versions that the claim saw (I8). Nothing moves `inflight` or
`in_doubt` back to `queued` by itself (I3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlmodel import Session, col

from ..delivery.state import move
from ..plan.budget import FIRST
from ..records import (
    BULK,
    Campaign,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    WorkspaceRow,
)
from .campaigns import ALERTS
from .conflict import insert_on
from .database import rows_in_chunks
from .phases import InState
from .postgresql import by_keys
from .prepared import Among, Connected, Prepared, instant, value_of
from .queued import WAITING_IN_TURN, Reached, take_out
from .slices import note_slice
from .standing import bare_state, intend_beside_others
from .waiting import Waiting, ripe

CHUNK = 500
UNFINISHED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.INFLIGHT, DeliveryState.DEFERRED)
DEFAULTS: dict[str, Any] = {
    "state": DeliveryState.QUEUED,
    "reason": "",
    "evidence": "",
    "customer_id": None,
    "domain_key": "",
    "next_at": None,
    "expires_at": None,
    "wave": 0,
    "variant": "",
    "choices": {},
    "attempts": 0,
    "crashes": 0,
    "resent": 0,
    "fence": 0,
    "customer_version": 0,
    "campaign_version": 0,
    "workspace_version": 0,
    "relay": "",
    "response": "",
    "settled_at": None,
    "onward": None,
    "onward_words": "",
    "onward_at": None,
}


class Claimed(NamedTuple):
    """A delivery that this worker holds; `owner` and `fence` are what every move compares."""

    id: int
    public_id: str
    edition_id: int
    campaign_id: int
    customer_id: int | None
    address_key: str
    domain_key: str
    kind: Kind
    occasion: str
    attempts: int
    crashes: int
    resent: int
    choices: dict[str, Any]
    expires_at: datetime | None
    owner: str
    fence: int


_KINDS = {kind.value: kind for kind in Kind}


def insert_deliveries(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Add rows to the outbox; whoever has one for (campaign, occasion, address key) keeps it (I1).

    What a row does not name takes the table's default. Returns how many were new.
    """
    table = Delivery
    connection = session.connection()
    statement = insert_on(connection, table).on_conflict_do_nothing(
        index_elements=["campaign_id", "occasion", "address_key"]
    )
    added = 0
    for chunk in rows_in_chunks(list(rows), CHUNK):
        added += connection.execute(statement, [DEFAULTS | row for row in chunk]).rowcount
    return added


def claim(
    session: Session,
    *,
    edition_ids: Sequence[int] | None,
    owner: str,
    limit: int,
    now: datetime,
    lease: timedelta,
    without: Collection[Kind] = (),
    reached: Reached | None = None,
) -> list[Claimed]:
    """Take up to `limit` deliveries that are due from open editions and released waves; single mails before bulk.

    Editions of the kinds in `without` wait. Each row gets our name, the next fence, a lease, and the versions that a
    later intent is compared with. `reached` is where the claim goes on, and is moved on: without it, at the start.
    """
    reached = Reached(lasting=False) if reached is None else reached
    claimed: list[Claimed] = []
    released = _released_waves(session)
    for edition_id in open_editions(session, edition_ids, without=without):
        if len(claimed) >= limit:
            break
        if not reached.knows(edition_id):
            _wake(session, edition_id, now)
        for wave in range(released.get(edition_id, 0) + 1):
            if len(claimed) < limit:
                most = limit - len(claimed)
                claimed += _claim_from(session, edition_id, wave, owner, most, now, now + lease, reached)
    return claimed


def _released_waves(session: Session) -> dict[int, int]:
    """The last wave that may go, of the open editions that have waves."""
    query = select(col(Edition.id), col(Edition.released_wave)).where(
        col(Edition.state) == EditionState.OPEN, col(Edition.released_wave) > 0
    )
    return {row[0]: row[1] for row in session.execute(query)}


def open_editions(session: Session, among: Sequence[int] | None = None, *, without: Collection[Kind] = ()) -> list[int]:
    """Editions that may be claimed from: single mails, then tips, then the rest, by due time; alerts only if asked.

    Those of the kinds in `without` are left out: they wait.
    """
    query = select(col(Edition.id)).where(col(Edition.state) == EditionState.OPEN)
    if without:
        query = query.where(col(Edition.kind).not_in(list(without)))
    if among is not None:
        query = query.where(col(Edition.id).in_(among))
    else:
        theirs = select(col(Campaign.id)).where(col(Campaign.name) == ALERTS)
        query = query.where(col(Edition.campaign_id).not_in(theirs))
    rank = case((col(Edition.kind).in_(BULK - FIRST), 2), (col(Edition.kind).in_(FIRST), 1), else_=0)
    found = session.execute(query.order_by(rank, col(Edition.due_at), col(Edition.id))).scalars()
    return [edition for edition in found if edition is not None]


def count_due(session: Session, edition_ids: Sequence[int], now: datetime, most: int = 1) -> int:
    """How many deliveries of these editions a claim would find now, counted up to `most`.

    One query for each state: together in one, SQLite would walk through all of an edition.
    """
    found = 0
    by_keys(session.connection())
    released = _released_waves(session)
    for edition_id in edition_ids:
        waiting = Waiting(session, edition_id)
        queued = waiting.select(waiting.id).where(
            waiting.wave <= released.get(edition_id, 0), waiting.due_at <= now, ripe(waiting.c.next_at, now)
        )
        deferred = select(col(Delivery.id)).where(
            col(Delivery.edition_id) == edition_id, InState(DeliveryState.DEFERRED), col(Delivery.next_at) <= now
        )
        for query in (queued, deferred):
            found += len(session.execute(query.limit(most - found)).all())
            if found >= most:
                return found
    return found


def _wake(session: Session, edition_id: int, now: datetime) -> None:
    """deferred --next_at--> queued."""
    ripe = (
        col(Delivery.edition_id) == edition_id,
        InState(DeliveryState.DEFERRED),
        col(Delivery.next_at) <= now,
    )
    waking = update(Delivery).values(state=move(DeliveryState.DEFERRED, DeliveryEvent.DUE), next_at=None).where(*ripe)
    if session.connection().dialect.name == "postgresql":  # whoever wakes the same rows is not waited for
        waking = waking.where(_locked(select(col(Delivery.id)).where(*ripe)))
    session.connection().execute(waking)


def _version(table: Any, key: Any) -> ColumnElement[int]:
    return func.coalesce(select(table.version).where(table.id == key).scalar_subquery(), 0)


_CUSTOMER = _version(Customer, col(Delivery.customer_id))
_CAMPAIGN = _version(Campaign, col(Delivery.campaign_id))
_WORKSPACE = _version(WorkspaceRow, 1)


_WAITING = (
    select(col(Delivery.id))
    .where(
        col(Delivery.edition_id) == bindparam("edition"),
        InState(DeliveryState.QUEUED),
        col(Delivery.wave) == bindparam("its_wave"),
        col(Delivery.due_at) <= bindparam("now"),
        or_(col(Delivery.next_at).is_(None), col(Delivery.next_at) <= bindparam("now")),
    )
    .order_by(col(Delivery.due_at), col(Delivery.id))
    .limit(bindparam("most"))
    .correlate(None)
)


_place: ColumnElement[Any] = literal_column("delivery.ctid")


def _locked(found: Select[Any]) -> ColumnElement[bool]:
    """Among these deliveries, leaving out those that others hold."""
    return _lying_at(found.with_only_columns(_place.label("place")).with_for_update(skip_locked=True))


def _lying_at(places: Select[Any]) -> ColumnElement[bool]:
    """At one of these places. In a WITH of its own: as a bare subquery PostgreSQL may run it once per row, and each run
    would take `limit` more. Where they lie is known then: no key is looked up."""
    mine = places.cte("mine").prefix_with("MATERIALIZED")
    return _place == func.any(func.array(select(mine.c.place).scalar_subquery()))


_ITS_CAMPAIGN = select(col(Edition.campaign_id)).where(col(Edition.id) == bindparam("edition")).scalar_subquery()
"""Of all that one claim takes: asked once, and not for each of them."""


def _take(which: ColumnElement[bool]) -> Update:
    return (
        update(Delivery)
        .where(which, bare_state() == DeliveryState.QUEUED.value)
        .values(
            state=move(DeliveryState.QUEUED, DeliveryEvent.CLAIM),
            owner=bindparam("by"),
            fence=col(Delivery.fence) + 1,
            lease_until=bindparam("until"),
            next_at=None,
            customer_version=_CUSTOMER,
            campaign_version=_version(Campaign, _ITS_CAMPAIGN),
            workspace_version=_WORKSPACE,
        )
    )


_RETURNED = [getattr(Delivery, name) for name in Claimed._fields]
_TAKE = Prepared(_take(col(Delivery.id).in_(_WAITING.scalar_subquery())).returning(*_RETURNED))
_TAKE_BESIDE_OTHERS = Prepared(_take(_lying_at(WAITING_IN_TURN)).returning(*_RETURNED, col(Delivery.due_at)))
"""As on PostgreSQL, where several may claim at once."""


def _claim_from(
    session: Session,
    edition_id: int,
    wave: int,
    owner: str,
    limit: int,
    now: datetime,
    until: datetime,
    reached: Reached,
) -> list[Claimed]:
    taking = _TAKE
    if session.connection().dialect.name == "postgresql":
        taking = _TAKE_BESIDE_OTHERS
        by_keys(session.connection())
    behind = reached.behind(edition_id, wave)
    found = taking.rows(
        session, edition=edition_id, its_wave=wave, most=limit, by=owner, now=now, until=until, **behind
    )
    rows = [_claimed(row) for row in found]
    if taking is _TAKE_BESIDE_OTHERS:
        full = len(found) == limit
        reached.note(edition_id, wave, max((row[-1], row[0]) for row in found) if full else None, now)
        take_out(session, [row.id for row in rows])
        note_slice(session, owner, [row.id for row in rows], reached.slices)
    return sorted(rows, key=lambda row: row.id)


_KIND, _CHOICES, _EXPIRES = map(Claimed._fields.index, ("kind", "choices", "expires_at"))


def _claimed(row: Sequence[Any]) -> Claimed:
    values = list(row[: len(Claimed._fields)])
    values[_KIND], values[_CHOICES] = _KINDS[row[_KIND]], value_of(row[_CHOICES])
    values[_EXPIRES] = instant(row[_EXPIRES])
    return Claimed._make(values)


def intend(session: Connected, rows: Sequence[Claimed], now: datetime, relay: str = "") -> set[int]:
    """claimed --intent--> inflight for all rows of one owner whose versions still stand; returns the ids granted.

    Whoever is missing must be dropped without the dot. The dot may leave only after the commit returned (I2).
    `relay` is who is about to get it: whoever looks into a doubt must know whose log to read.
    """
    if not rows:
        return set()
    if session.connection().dialect.name == "postgresql":
        return intend_beside_others(session, rows, rows[0].owner, relay, now)
    granted: set[int] = set()
    for fence in {row.fence for row in rows}:
        ids = [row.id for row in rows if row.fence == fence]
        given = {"ids": ids, "under": fence, "held_by": rows[0].owner, "now": now, "to_relay": relay}
        granted.update(found[0] for found in _INTENT.rows(session, **given))
    return granted


_INTENT = Prepared(
    update(Delivery)
    .where(
        Among(col(Delivery.id), "ids"),
        col(Delivery.fence) == bindparam("under"),
        bare_state() == DeliveryState.CLAIMED.value,
        col(Delivery.owner) == bindparam("held_by"),
        col(Delivery.customer_version) == _CUSTOMER,
        col(Delivery.campaign_version) == _CAMPAIGN,
        col(Delivery.workspace_version) == _WORKSPACE,
        exists().where(col(Edition.id) == col(Delivery.edition_id), col(Edition.state) == EditionState.OPEN),
    )
    .values(
        state=move(DeliveryState.CLAIMED, DeliveryEvent.INTENT), intent_at=bindparam("now"), relay=bindparam("to_relay")
    )
    .returning(col(Delivery.id))
)


def finish_editions(session: Session, edition_ids: Iterable[int], now: datetime) -> list[int]:
    """Close the open editions among these in which nothing is left to do; returns their ids."""
    by_keys(session.connection())
    others = [state for state in UNFINISHED if state is not DeliveryState.QUEUED]
    left = [exists().where(col(Delivery.edition_id) == col(Edition.id), InState(state)) for state in others]
    statement = (
        update(Edition)
        .where(
            col(Edition.id).in_(list(edition_ids)),
            col(Edition.state) == EditionState.OPEN,
            col(Edition.planned_at).is_not(None),
            *(~some for some in left),
            ~Waiting(session, col(Edition.id)).has_any(),
        )
        .values(state=EditionState.DONE, finished_at=now)
        .returning(col(Edition.id))
    )
    return [row.id for row in session.connection().execute(statement)]
