"""What people said that stops mail: told to whoever keeps it beside the database, read out of it, and put back.

Law: what a transaction said is handed on only after its commit, when nobody waits for it any more (`Database.write`).
A database that knows of a stop itself, or of a later word with proof, is right: nothing is done to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from ..audience.stops import ALL, BACK, PAUSE, SAID, STOP, of_block, of_list
from ..records import Consent, ConsentAct, Customer, MailingList, Suppression, SuppressionReason, Wish
from .database import NOTED, rows_in_chunks
from .prepared import Prepared

UNDO = "undo"
PAGE = 500
OVERLAP = 1_000
"""So many rows are read again: several machines commit theirs in another order than they are numbered."""


class Said(NamedTuple):
    """As a `Stop`, with the customer's own random number in place of its key; "" where there is none."""

    at: datetime
    what: str
    public_id: str
    address_key: str
    scope: str
    until: datetime | None = None


def note(session: Session, said: Said) -> None:
    """Have it kept beside the database as soon as this transaction is committed."""
    session.info.setdefault(NOTED, []).append(said)


def note_lists(
    session: Session, what: str, at: datetime, public_id: str, address_key: str | None, lists: Sequence[int | None]
) -> None:
    """The same, of these lists (None: of all) at once."""
    names = dict(_NAMES.rows(session))
    for one in dict.fromkeys(lists):
        scope = ALL if one is None else of_list(names[one])
        note(session, Said(at, what, public_id, address_key or "", scope))


_NAMES = Prepared(select(col(MailingList.id), col(MailingList.name)))


def lists_by_name(session: Session) -> dict[str, int]:
    """The numbers of all lists."""
    return {name: number for number, name in _NAMES.rows(session)}


def note_block(
    session: Session, what: str, at: datetime, key: str, reason: SuppressionReason, until: datetime | None = None
) -> None:
    """The same, of a block on an address or a domain, where it rests on somebody's word."""
    if reason in SAID:
        note(session, Said(at, what, "", key, of_block(reason), until))


def forget_noted(session: Session) -> None:
    """What this transaction said is known beside the database already."""
    session.info.pop(NOTED, None)


class Read(NamedTuple):
    """The highest numbers of acts of consent and of blocks up to which a database was read."""

    acts: int = 0
    blocks: int = 0


def said_in(session: Session, after: Read | None = None, since: datetime | None = None) -> tuple[list[Said], Read]:
    """What this database knows of such words (`since` then; with `after`: acts of consent and blocks from about these
    numbers on, and blocks and pauses that changed `since` then), and how far it was read.
    """
    found = list(_acts(session, after, since))
    blocks = select(col(Suppression.at), col(Suppression.address_key), col(Suppression.reason))
    blocks = blocks.add_columns(col(Suppression.expires_at)).where(col(Suppression.reason).in_(SAID))
    pauses = select(col(Wish.changed_at), col(Customer.public_id), col(Customer.address_key), col(Wish.paused_until))
    pauses = pauses.join(Customer, col(Customer.id) == col(Wish.customer_id)).where(col(Wish.paused_until).is_not(None))
    if since is not None:
        fresh = [col(Suppression.id) > after.blocks - OVERLAP] if after is not None else []
        blocks = blocks.where(or_(col(Suppression.at) >= since, *fresh))
        pauses = pauses.where(col(Wish.changed_at) >= since)
    for at, key, reason, until in session.execute(blocks):
        found.append(Said(at, STOP, "", key, of_block(reason), until))
    for at, public_id, key, until in session.execute(pauses):
        found.append(Said(at, STOP, public_id, key or "", PAUSE, until))
    newest = [session.execute(select(func.max(col(one.id)))).scalar() for one in (Consent, Suppression)]
    return found, Read(*(one or 0 for one in newest))


def _acts(session: Session, after: Read | None, since: datetime | None) -> Iterator[Said]:
    """An import that was taken back takes back what it said."""
    query = (
        select(
            *(col(Consent.at), col(Consent.act), col(Consent.how), col(Consent.list_id)),
            *(col(Customer.public_id), col(Customer.address_key)),
        )
        .join(Customer, col(Customer.id) == col(Consent.customer_id))
        .where(or_(col(Consent.act) != ConsentAct.GIVEN, col(Consent.how) == UNDO), col(Customer.erased_at).is_(None))
    )
    if after is not None:
        query = query.where(col(Consent.id) > after.acts - OVERLAP)
    elif since is not None:
        query = query.where(col(Consent.at) >= since)
    names = dict(_NAMES.rows(session))
    rows: Any = session.execute(query)
    for at, act, how, list_id, public_id, key in rows:
        what = STOP if act is ConsentAct.WITHDRAWN and how != UNDO else BACK
        yield Said(at, what, public_id, key or "", ALL if list_id is None else of_list(names[list_id]))


class Act(NamedTuple):
    """An act of consent of somebody, as far as it tells whether a stop is known."""

    act: ConsentAct
    at: datetime
    how: str


def acts_of(session: Session, customer_ids: Collection[int]) -> dict[tuple[int, int | None], list[Act]]:
    """What these customers said of each list (None: of all)."""
    found: dict[tuple[int, int | None], list[Act]] = {}
    columns = col(Consent.customer_id), col(Consent.list_id), col(Consent.act), col(Consent.at), col(Consent.how)
    for part in rows_in_chunks(sorted(customer_ids), PAGE):
        rows: Any = session.connection().execute(select(*columns).where(col(Consent.customer_id).in_(part)))
        for customer_id, list_id, *act in rows:
            found.setdefault((customer_id, list_id), []).append(Act(*act))
    return found


def knows(acts: Iterable[Act], at: datetime) -> bool:
    """Whether there is that very withdrawal among these, or a later word of the person.

    What a file says of itself is no later word: its dates may lie ahead.
    """
    return any(
        one.at >= at and (one.act is ConsentAct.WITHDRAWN or (one.at > at and one.how != "import")) for one in acts
    )


def blocks_on(session: Session, address_keys: Collection[str]) -> dict[str, Suppression]:
    """The blocks on these addresses and domains, by their keys, expired or not."""
    found: dict[str, Suppression] = {}
    for part in rows_in_chunks(sorted(address_keys), PAGE):
        rows = session.execute(select(Suppression).where(col(Suppression.address_key).in_(part))).scalars()
        found.update((one.address_key, one) for one in rows)
    return found


def erased_blocks(session: Session) -> dict[str, datetime]:
    """The addresses that are blocked since their owners were erased, by their keys, and since when."""
    query = select(col(Suppression.address_key), col(Suppression.at))
    erased = session.connection().execute(query.where(col(Suppression.reason) == SuppressionReason.ERASED))
    return {row[0]: row[1] for row in erased}
