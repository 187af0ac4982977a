"""The intent where several machines share an outbox: what it leans on is held still while it compares (RELIABILITY I8).

Law: under READ COMMITTED a statement sees what was committed when it began, so an unsubscribe that commits while the
intent is on its way would be let through by the comparison alone. The rows of its customers, campaigns and editions
are therefore locked FOR SHARE, and what is compared is what the lock gave: the row as it is now and stays until we end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    bindparam,
    case,
    literal_column,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlmodel import col

from ..delivery.state import move
from ..records import Campaign, Customer, Delivery, DeliveryEvent, DeliveryState, Edition, EditionState, WorkspaceRow
from .prepared import Among, Connected, Prepared, given_rows


def intend_beside_others(session: Connected, held: Sequence[Any], owner: str, relay: str, now: datetime) -> set[int]:
    """claimed --intent--> inflight, in one statement; the ids granted. `held` are claimed rows of this owner.

    A row that somebody is changing at this instant is left out, not waited for: its mail is judged again. So two
    programs never wait for each other here. The workspace's row is waited for, and held from others: every intent
    raises its turn at the end of its transaction (`work.epoch`), and whoever holds it waits for nothing more.
    """
    given = {
        "customers": sorted({row.customer_id for row in held if row.customer_id is not None}),
        "campaigns": sorted({row.campaign_id for row in held}),
        "editions": sorted({row.edition_id for row in held}),
        "ids": [row.id for row in held],
        "held": [{"id": row.id, "fence": row.fence} for row in held],
    }
    found = _INTENT.rows(session, **given, owner=owner, relay=relay, now=now)
    return {row[0] for row in found}


def bare_state() -> ColumnElement[str]:
    """The state of a row that is sought by its id. As the bare column it would have all that is in a state walked."""
    return type_coerce(col(Delivery.state), String).op("||")(literal_column("''"))


def _locked(name: str, table: Any, *, more: Any = True, skip: bool = True) -> Any:
    """These rows as they are now, and stay until we end; `more` of each than its id."""
    wanted = select(table.id, more).order_by(table.id)
    wanted = wanted.where(Among(table.id, name)) if skip else wanted.where(table.id == 1)
    return wanted.with_for_update(read=skip, skip_locked=skip, key_share=not skip).cte(name)


def _intent() -> Any:
    people = _locked("customers", Customer, more=Customer.version)
    campaigns = _locked("campaigns", Campaign, more=Campaign.version)
    editions = _locked("editions", Edition, more=Edition.state)
    house = _locked("house", WorkspaceRow, more=WorkspaceRow.version, skip=False)
    held = given_rows("held", {"id": BigInteger(), "fence": BigInteger()})
    return (
        update(Delivery)
        .where(
            Among(col(Delivery.id), "ids"),
            col(Delivery.id) == held.id,
            col(Delivery.fence) == held.fence,
            bare_state() == DeliveryState.CLAIMED.value,
            col(Delivery.owner) == bindparam("owner"),
            case(
                (col(Delivery.customer_id).is_(None), col(Delivery.customer_version) == 0),
                else_=tuple_(col(Delivery.customer_id), col(Delivery.customer_version)).in_(select(people)),
            ),
            tuple_(col(Delivery.campaign_id), col(Delivery.campaign_version)).in_(select(campaigns)),
            col(Delivery.edition_id).in_(select(editions.c.id).where(editions.c.state == EditionState.OPEN)),
            col(Delivery.workspace_version) == select(house.c.version).scalar_subquery(),
        )
        .values(
            state=move(DeliveryState.CLAIMED, DeliveryEvent.INTENT),
            intent_at=bindparam("now"),
            relay=bindparam("relay"),
        )
        .returning(col(Delivery.id))
    )


_INTENT = Prepared(_intent())
