"""Kept: what was used up of each limit, how far each recipient's domain has made us slow down, and which ones rest.

Law: `timing.pace` and `timing.slowdown` decide; here it is read, decided and written in one short transaction, so
that all processes together stay within a limit. Permits are taken by the batch, never one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session, col

from ..records import Pace
from ..timing.pace import Limits, Permits, give_back, share_slots, take
from ..timing.slowdown import LEAST_RATE, REST, TOGETHER, faster, slower
from .database import insert_new

RELAY, DOMAIN = "relay:", "domain:"
SLOT_TIME = timedelta(seconds=10)
"""A process that does not say so again within this time has no connection any more."""


@dataclass(frozen=True, slots=True)
class PaceRow:
    """One row of the table; see `records.Pace`."""

    key: str
    label: str
    windows: dict[str, Any]
    factor: float
    base: int
    slots: dict[str, Any]
    paused_until: datetime | None
    reason: str
    changed_at: datetime


_FIELDS = tuple(field.name for field in fields(PaceRow))
_COLUMNS = tuple(getattr(Pace, name) for name in _FIELDS)


def take_permits(session: Session, key: str, limits: Limits, wanted: int, now: datetime) -> Permits:
    """Permits for at most `wanted` mails. Call in a write transaction."""
    row = _held(session, key, now)
    granted = take(row.windows, limits, wanted, now)
    if granted.count:
        used_at = now if row.factor >= 1 else row.changed_at
        _write(session, key, windows=row.windows | granted.windows, changed_at=used_at)
    return granted


def return_permits(session: Session, key: str, count: int, taken_at: datetime, now: datetime) -> None:
    """Give back permits that were not used."""
    row = _held(session, key, now)
    _write(session, key, windows=give_back(row.windows, count, taken_at))


def hold_slots(session: Session, key: str, worker: str, *, wanted: int, busy: int, limit: int, now: datetime) -> int:
    """How many connections this worker may have at a time from now on, of the `limit` that all have together."""
    row = _held(session, key, now)
    slots, mine = share_slots(row.slots, worker, wanted, busy, limit, now, SLOT_TIME)
    if slots != row.slots:
        _write(session, key, slots=slots)
    return mine


def slow_down(session: Session, key: str, label: str, reason: str, borne: int, now: datetime) -> PaceRow:
    """The domain asks us to slow down. `borne`: what it took in the last minute, for one without a limit of its own."""
    row = _held(session, key, now)
    factor = slower(row.factor, row.changed_at, now)
    told = {"changed_at": now, "reason": reason, "label": label or row.label}
    if factor != row.factor:
        _write(session, key, factor=factor, base=row.base or max(LEAST_RATE, borne), **told)
    elif now - row.changed_at >= TOGETHER:
        _write(session, key, paused_until=now + REST, **told)
    return _held(session, key, now)


def speed_up(session: Session, key: str, now: datetime) -> float:
    """The domain took mail and refused none: its factor afterwards. When it is whole again nothing is left to say."""
    row = _held(session, key, now)
    factor = faster(row.factor, row.changed_at, now)
    if factor >= 1 and row.factor < 1:
        _write(session, key, factor=1.0, base=0, changed_at=now, reason="" if row.paused_until is None else row.reason)
    elif factor != row.factor:
        _write(session, key, factor=factor, changed_at=now)
    return factor


def pause_domain(session: Session, key: str, label: str, until: datetime, reason: str, now: datetime) -> None:
    """Send nothing to this domain until then."""
    _held(session, key, now)
    _write(session, key, label=label, paused_until=until, reason=reason, changed_at=now)


def resume_domain(session: Session, key: str, now: datetime) -> bool:
    """Forget that a domain rests or was slowed down; False where it did not and was not."""
    cleared = (
        update(Pace)
        .where(col(Pace.key) == key, or_(col(Pace.factor) < 1, col(Pace.paused_until).is_not(None)))
        .values(factor=1.0, base=0, paused_until=None, reason="", changed_at=now)
    )
    return session.connection().execute(cleared).rowcount > 0


def troubled_domains(session: Session, now: datetime) -> dict[str, PaceRow]:
    """Domains that are slowed down, or rest at `now`, by their key without its "domain:"."""
    query = select(*_COLUMNS).where(
        col(Pace.key).startswith(DOMAIN),
        or_(col(Pace.factor) < 1, col(Pace.paused_until) > now),
    )
    found = (PaceRow(*row) for row in session.connection().execute(query))
    return {row.key.removeprefix(DOMAIN): row for row in found}


def paces(session: Session, keys: Collection[str]) -> dict[str, PaceRow]:
    """The rows of these keys, where there are any."""
    query = select(*_COLUMNS).where(col(Pace.key).in_(list(keys)))
    return {row.key: PaceRow(*row) for row in session.connection().execute(query)}


def forget_idle(session: Session, before: datetime) -> None:
    """Drop rows of domains about which there is nothing to say and whose windows are long over."""
    session.connection().execute(
        delete(Pace).where(
            col(Pace.key).startswith(DOMAIN),
            col(Pace.factor) >= 1,
            or_(col(Pace.paused_until).is_(None), col(Pace.paused_until) < before),
            col(Pace.changed_at) < before,
        )
    )


def _held(session: Session, key: str, now: datetime) -> PaceRow:
    """The row of a key that no other transaction changes meanwhile; made where there was none."""
    query = select(*_COLUMNS).where(col(Pace.key) == key).with_for_update()
    row = session.connection().execute(query).first()
    if row is None:
        fresh = PaceRow(key, "", {}, 1.0, 0, {}, None, "", now)
        insert_new(session, Pace, "key", {name: getattr(fresh, name) for name in _FIELDS})
        row = session.connection().execute(query).one()
    return PaceRow(*row)


def _write(session: Session, key: str, **values: Any) -> None:
    session.connection().execute(update(Pace).where(col(Pace.key) == key).values(**values))
