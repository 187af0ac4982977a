"""The intent where several machines share an outbox: what it leans on is held still while it compares (RELIABILITY I8).

Law: under READ COMMITTED a statement sees what was committed when it began, so an unsubscribe that commits while the
intent is on its way would be let through by the comparison alone. The rows of its customers, campaigns and editions
are therefore locked FOR SHARE, and what is compared is what the lock gave: the row as it is now and stays until we end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    bindparam,
    case,
    func,
    literal_column,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlmodel import col

from ..delivery.state import move
from ..records import Campaign, Customer, Delivery, DeliveryEvent, DeliveryState, Edition, EditionState, WorkspaceRow
from .postgresql import lock_number
from .prepared import Among, Connected, Prepared, given_lists

GATE = lock_number("intents")


def intend_beside_others(session: Connected, held: Sequence[Any], owner: str, relay: str, now: datetime) -> set[int]:
    """claimed --intent--> inflight, in one statement; the ids granted. `held` are claimed rows of this owner.

    A row that somebody is changing at this instant is left out, not waited for: its mail is judged again. So two
    programs never wait for each other here. The workspace's row is waited for: whoever changes it waits for nothing
    more. Nothing is granted while somebody stops mail (`hold_back_intents`): of rows that many share at once, one that
    wants to change them would never get hold.
    """
    if not held:
        return set()
    return {row[0] for row in _INTENT.rows(session, **intent_values(held, {relay: held}), owner=owner, now=now)}


def intent_values(held: Sequence[Any], by_relay: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What the statement of `intent_statement` is given, besides `owner` and `now`."""
    return {
        "customers": sorted({row.customer_id for row in held if row.customer_id is not None}),
        "campaigns": sorted({row.campaign_id for row in held}),
        "editions": sorted({row.edition_id for row in held}),
        "held_id": [row.id for rows in by_relay.values() for row in rows],
        "held_fence": [row.fence for rows in by_relay.values() for row in rows],
        "held_to": [to for to, rows in by_relay.items() for _ in rows],
    }


def hold_back_intents(session: Connected) -> None:
    """Wait until no intent is on its way, and let none be granted until this transaction ends.

    For whoever changes what all intents lean on: a campaign's, an edition's or the workspace's state.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(GATE)))


def bare_state() -> ColumnElement[str]:
    """The state of a row that is sought by its id. As the bare column it would have all that is in a state walked."""
    return type_coerce(col(Delivery.state), String).op("||")(literal_column("''"))


def bare(number: Any) -> ColumnElement[int]:
    """A number of a row that is sought by its id. As the bare column it would have all of an edition walked."""
    return col(number).op("+")(literal_column("0"))


def _locked(name: str, table: Any, *, more: Any = True, skip: bool = True) -> Any:
    """These rows as they are now, and stay until we end; `more` of each than its id."""
    wanted = select(table.id, more).order_by(table.id)
    wanted = wanted.where(Among(table.id, name)) if skip else wanted.where(table.id == 1)
    return wanted.with_for_update(read=True, skip_locked=skip).cte(name)


def intent_statement() -> Any:
    """The update of all rows that are given, and may go; it returns their ids."""
    people = _locked("customers", Customer, more=Customer.version)
    campaigns = _locked("campaigns", Campaign, more=Campaign.version)
    editions = _locked("editions", Edition, more=Edition.state)
    house = _locked("house", WorkspaceRow, more=WorkspaceRow.version, skip=False)
    gate = select(func.pg_try_advisory_xact_lock_shared(GATE).label("open")).cte("gate")
    held = given_lists("held", {"id": BigInteger(), "fence": BigInteger(), "to": String()})
    return (
        update(Delivery)
        .where(
            select(gate.c.open).scalar_subquery(),
            col(Delivery.id) == held.id,
            col(Delivery.fence) == held.fence,
            bare_state() == DeliveryState.CLAIMED.value,
            col(Delivery.owner) == bindparam("owner"),
            case(
                (col(Delivery.customer_id).is_(None), col(Delivery.customer_version) == 0),
                else_=tuple_(col(Delivery.customer_id), col(Delivery.customer_version)).in_(select(people)),
            ),
            tuple_(bare(Delivery.campaign_id), col(Delivery.campaign_version)).in_(select(campaigns)),
            bare(Delivery.edition_id).in_(select(editions.c.id).where(editions.c.state == EditionState.OPEN)),
            col(Delivery.workspace_version) == select(house.c.version).scalar_subquery(),
        )
        .values(
            state=move(DeliveryState.CLAIMED, DeliveryEvent.INTENT),
            intent_at=bindparam("now"),
            relay=held["to"],
        )
        .returning(col(Delivery.id))
    )


_INTENT = Prepared(intent_statement())
