"""What people said that stops mail: told to whoever keeps it beside the database, read out of it, and put back.

Law: what a transaction said is handed on only after its commit, when nobody waits for it any more (`Database.write`).
A database that knows of a stop itself, or of a later word with proof, is right: nothing is done to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from ..audience.stops import ALL, BACK, PAUSE, SAID, STOP, of_block, of_list
from ..records import Consent, ConsentAct, Customer, MailingList, Suppression, SuppressionReason, Wish
from .contacts import keys_besides
from .database import NOTED, Database, rows_in_chunks
from .prepared import Prepared
from .strangers import forget_stranger_stops

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
    session: Session, what: str, at: datetime, who: tuple[int, str | None, str], lists: Sequence[int | None]
) -> None:
    """The same, of these lists (None: of all) at once, by each address of the person: a backup may know two customers
    where there is one now. `who`: number, key of the address, and random number.
    """
    customer_id, own, public_id = who
    names, keys = dict(_NAMES.rows(session)), [own or "", *keys_besides(session, customer_id)]
    if what == BACK:
        forget_stranger_stops(session, keys, [one for one in lists if one is not None])
    for one in dict.fromkeys(lists):
        scope = ALL if one is None else of_list(names[one])
        for key in keys:
            note(session, Said(at, what, public_id, key, scope))


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


def read_so_far(session: Session) -> Read:
    """The highest numbers that there are."""
    newest = [session.execute(select(func.max(col(one.id)))).scalar() for one in (Consent, Suppression)]
    return Read(*(one or 0 for one in newest))


def said_in(
    database: Database, after: Read | None = None, since: datetime | None = None, size: int = 2_000
) -> Iterator[list[Said]]:
    """What this database knows of such words, as they were said, at most `size` in each list (`since` then; with
    `after`: acts of consent and blocks from about these numbers on, and blocks and pauses that changed `since` then).

    Nothing is held open between the lists: a million take as long as they take, and nobody waits for them.
    """
    for kind in (_acts, _blocks, _pauses):
        above, more = 0, True
        while more:
            with database.read() as session:
                rows: Any = session.connection().execute(kind(after, since, above).limit(size)).all()
                scopes = {number: of_list(name) for number, name in _NAMES.rows(session)}
            more = len(rows) == size
            above = rows[-1][0] if rows else above
            if rows:
                yield [_TOLD[kind](row[1:], scopes) for row in rows]


def _acts(after: Read | None, since: datetime | None, above: int) -> Any:
    """What was taken back is of use only where it had been said."""
    earlier: Any = aliased(Consent)
    had = select(earlier.id).where(
        earlier.customer_id == Consent.customer_id, earlier.act == ConsentAct.WITHDRAWN, earlier.how != UNDO
    )
    query: Any = (
        select(
            *(col(Consent.id), col(Consent.at), col(Consent.act), col(Consent.how), col(Consent.list_id)),
            *(col(Customer.public_id), col(Customer.address_key)),
        )
        .join(Customer, col(Customer.id) == col(Consent.customer_id))
        .where(or_(col(Consent.act) != ConsentAct.GIVEN, col(Consent.how) == UNDO), col(Customer.erased_at).is_(None))
        .where(
            or_(
                and_(col(Consent.act) == ConsentAct.WITHDRAWN, col(Consent.how) != UNDO),
                and_(col(Consent.list_id).is_(None), col(Consent.how) != UNDO),
                had.correlate(Consent).exists(),
            )
        )
    )
    if after is not None:
        above = max(above, after.acts - OVERLAP)
    elif since is not None:
        query = query.where(col(Consent.at) >= since)
    return query.where(col(Consent.id) > above).order_by(col(Consent.id))


def _told_act(row: Sequence[Any], scopes: Mapping[int, str]) -> Said:
    """An import that was taken back takes back what it said."""
    at, act, how, list_id, public_id, key = row
    what = STOP if act is ConsentAct.WITHDRAWN and how != UNDO else BACK
    return Said(at, what, public_id, key or "", ALL if list_id is None else scopes[list_id])


def _blocks(after: Read | None, since: datetime | None, above: int) -> Any:
    query: Any = select(*(col(Suppression.id), col(Suppression.at), col(Suppression.address_key)))
    query = query.add_columns(col(Suppression.reason), col(Suppression.expires_at))
    if since is not None:
        fresh = [col(Suppression.id) > after.blocks - OVERLAP] if after is not None else []
        query = query.where(or_(col(Suppression.at) >= since, *fresh))
    said = col(Suppression.reason).in_(SAID), col(Suppression.id) > above
    return query.where(*said).order_by(col(Suppression.id))


def _told_block(row: Sequence[Any], _scopes: Mapping[int, str]) -> Said:
    at, key, reason, until = row
    return Said(at, STOP, "", key, of_block(reason), until)


def _pauses(_after: Read | None, since: datetime | None, above: int) -> Any:
    query: Any = select(*(col(Wish.id), col(Wish.changed_at), col(Customer.public_id), col(Customer.address_key)))
    query = query.add_columns(col(Wish.paused_until)).join(Customer, col(Customer.id) == col(Wish.customer_id))
    if since is not None:
        query = query.where(col(Wish.changed_at) >= since)
    return query.where(col(Wish.paused_until).is_not(None), col(Wish.id) > above).order_by(col(Wish.id))


def _told_pause(row: Sequence[Any], _scopes: Mapping[int, str]) -> Said:
    at, public_id, key, until = row
    return Said(at, STOP, public_id, key or "", PAUSE, until)


_TOLD: dict[Any, Callable[[Sequence[Any], Mapping[int, str]], Said]] = {
    _acts: _told_act,
    _blocks: _told_block,
    _pauses: _told_pause,
}


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


def public_ids(session: Session, customer_ids: Collection[int]) -> dict[int, str]:
    """The random numbers of these customers."""
    found: dict[int, str] = {}
    for part in rows_in_chunks(sorted(customer_ids), PAGE):
        rows: Any = session.connection().execute(
            select(col(Customer.id), col(Customer.public_id)).where(col(Customer.id).in_(part))
        )
        found.update((number, public_id) for number, public_id in rows)
    return found


def knows(acts: Iterable[Act], at: datetime, *, same_row: bool) -> bool:
    """Whether there is that very withdrawal among these, or a later word of the person.

    Where it was said by the `same_row` that the acts are of, nothing later counts without it: whatever that row said
    afterwards stands behind it in the same database, so what has a later time was said by a clock that was set back
    since. What a file says of itself is no later word: its dates may lie ahead.
    """
    if same_row:
        return any(one.at == at and one.act is ConsentAct.WITHDRAWN for one in acts)
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
