"""Kept: campaigns, the images that they show, and the people whose mail of an edition is still to be tried.

Law: what people compose and the system's own campaigns (`_service`, `_test`) stand in one table; the latter are made
when they are first needed and are never listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from ..records import Asset, Campaign, CampaignState, Edition, Kind, MailingList
from .conflict import insert_on
from .database import rows_in_chunks
from .rows import write_row
from .standing import hold_back_intents
from .waiting import Waiting

PAGE = 500
ALERTS = "_alert"
"""The system campaign of alert mails. They leave over a way of their own: nobody else claims them."""


def campaign_named(session: Session, name: str) -> Campaign | None:
    """The campaign called `name`."""
    return session.execute(select(Campaign).where(col(Campaign.name) == name)).scalar()


def composed_campaigns(session: Session) -> list[Campaign]:
    """Every campaign that people compose, by name; a sequence's steps (`SEQUENCE/STEP`) are listed with it."""
    composed = ~col(Campaign.name).startswith("_", autoescape=True) & ~col(Campaign.name).contains("/")
    query = select(Campaign).where(composed).order_by(col(Campaign.name))
    return list(session.execute(query).scalars())


def list_names_by_id(session: Session) -> dict[int, str]:
    """The names of the mailing lists."""
    rows = session.execute(select(col(MailingList.id), col(MailingList.name)))
    return {list_id: name for list_id, name in rows if list_id is not None}


def keep_campaign(session: Session, name: str, values: Mapping[str, Any], now: datetime) -> int:
    """Write a campaign, new or changed; its id."""
    found = campaign_named(session, name) or Campaign(name=name, kind=values["kind"], created_at=now, updated_at=now)
    return write_row(session, found, values, now)


def change_campaign_state(session: Session, name: str, state: CampaignState, now: datetime) -> bool:
    """Pause, resume or cancel; False where it is so already. Every claim on its mail is judged again (I8)."""
    hold_back_intents(session)
    changed = session.connection().execute(
        update(Campaign)
        .where(col(Campaign.name) == name, col(Campaign.state) != state)
        .values(state=state, version=col(Campaign.version) + 1)
    )
    session.expire_all()
    return bool(changed.rowcount)


def system_campaign(session: Session, name: str, kind: Kind, now: datetime) -> int:
    """The id of the campaign that carries single mails of this kind."""
    found = campaign_named(session, name)
    if found is None:
        found = Campaign(name=name, kind=kind, created_at=now, updated_at=now)
        session.add(found)
        session.flush()
    assert found.id is not None
    return found.id


def keep_asset(session: Session, digest: str, name: str, media_type: str, data: bytes) -> None:
    """Keep an image; the same one is kept once."""
    connection = session.connection()
    values = {"digest": digest, "name": name, "media_type": media_type, "data": data}
    connection.execute(insert_on(connection, Asset).values(**values).on_conflict_do_nothing(index_elements=["digest"]))


def assets_by_digest(session: Session, digests: Iterable[str]) -> dict[str, Asset]:
    """The images with these digests."""
    wanted = list(digests)
    if not wanted:
        return {}
    query = select(Asset).where(col(Asset.digest).in_(wanted))
    return {asset.digest: asset for asset in session.execute(query).scalars()}


def known_assets(session: Session, digests: Sequence[str]) -> set[str]:
    """Which of these images are kept already."""
    found: set[str] = set()
    for part in rows_in_chunks(list(digests), PAGE):
        found.update(session.execute(select(col(Asset.digest)).where(col(Asset.digest).in_(part))).scalars())
    return found


def queued_people(session: Session, edition_id: int) -> Iterator[list[int]]:
    """The customers whose mail of this edition is queued, in pages, in whatever order."""
    waiting = Waiting(session, edition_id)
    query = waiting.select(waiting.c.customer_id).where(waiting.c.customer_id.is_not(None))
    found = session.connection().execute(query.execution_options(yield_per=PAGE)).scalars()
    yield from map(list, found.partitions())


def has_edition(session: Session, campaign_id: int, occasion: str) -> bool:
    """Whether the campaign has an edition for this occasion."""
    query = select(col(Edition.id)).where(col(Edition.campaign_id) == campaign_id, col(Edition.occasion) == occasion)
    return session.execute(query).first() is not None


def add_single(session: Session, edition: Mapping[str, Any]) -> int:
    """Add the edition of a single mail; its id."""
    result = session.connection().execute(insert(Edition).values(**edition))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])
