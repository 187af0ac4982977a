"""Kept: how each relay has been doing, for all processes that send.

Law: what follows from what is decided by `delivery.breaker` alone; here it is read, decided and written in one
transaction, so that two processes never count one failure for another, and only one of them tries a resting relay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from ..delivery.breaker import Health
from ..records import RelayState
from .database import insert_new

_FIELDS = tuple(each.name for each in fields(Health))


@dataclass(frozen=True, slots=True)
class Relayed:
    """A relay's health, and since when it has carried mail."""

    health: Health = field(default_factory=Health)
    since: datetime | None = None


def relay_states(session: Session) -> dict[str, Relayed]:
    """All that is known, by the settings' name. A relay that was never used is missing."""
    columns = [col(getattr(RelayState, name)) for name in ("name", "since", *_FIELDS)]
    found = session.connection().execute(select(*columns))
    return {row[0]: Relayed(Health(*row[2:]), row[1]) for row in found}


def change_health(session: Session, name: str, change: Callable[[Health], Health | None]) -> Health | None:
    """Let `change` say what becomes of a relay's health; None leaves it as it is. Call in a write transaction."""
    before = _held(session, name)
    after = change(before)
    if after is not None and after != before:
        _write(session, name, asdict(after))
    return after


def begin_relay(session: Session, name: str, now: datetime) -> datetime:
    """Since when this relay has carried mail: from now on, where it had not yet."""
    _held(session, name)
    since = session.connection().execute(select(col(RelayState.since)).where(col(RelayState.name) == name)).scalar()
    if since is None:
        _write(session, name, {"since": now})
    return since or now


def _held(session: Session, name: str) -> Health:
    """The health of a relay that no other transaction changes meanwhile; its row is made where there was none."""
    columns = [col(getattr(RelayState, field)) for field in _FIELDS]
    query = select(*columns).where(col(RelayState.name) == name).with_for_update()
    row = session.connection().execute(query).first()
    if row is None:
        insert_new(session, RelayState, "name", {"name": name, **asdict(Health())})
        row = session.connection().execute(query).one()
    return Health(*row)


def _write(session: Session, name: str, values: dict[str, object]) -> None:
    session.connection().execute(update(RelayState).where(col(RelayState.name) == name).values(**values))
