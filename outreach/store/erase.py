"""Emptied: what tells of a person, a few hundred rows at a time, and where else they are still named.

Law: mail stops first and the person's key goes last, so that an erasure that was broken off is taken up again by the
same address. Rows stay without their words, so that every count still adds up; what a colleague wrote is never
rewritten, only named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, String, Table, cast, delete, func, literal, or_, select, update
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel, col

from ..address import new_public_id
from ..records import CaseEntry, Consent, Customer, Delivery, EntryKind, Thanks, ThanksState
from .customers import bump_versions
from .database import Database, rows_in_chunks
from .edition_figures import LINK_EVIDENCE
from .groups import drop_empty
from .personal import CHUNK, REMOVED, Own, complete, holds_words, is_personal

GONE = "[erased]"
"""What stands where a machine's words named the person."""
WRITTEN = frozenset(
    {
        *(
            "campaign",
            "schedule",
            "tip",
            "asset",
            "cause",
            "ready_answer",
            "colleague",
            "mailing_list",
            "edition",
            "saved_segment",
        ),
        *(
            "customer",
            "customer_group",
            "contact",
            "inbound",
            "case_file",
            "case_entry",
            "thanks",
            "verdict",
            "promise",
            "consent",
        ),
    }
)
"""Tables whose words people wrote, or that tell of somebody else: where they name the person, a person must look."""


@dataclass(frozen=True)
class Mention:
    """A row that still names the person; `replaced`: a machine had written it, and the name is gone from it."""

    table: str
    column: str
    id: int
    replaced: bool = False


def stop_mail(session: Session, own: Own, now: datetime) -> None:
    """From this commit on nothing goes to the person any more (RELIABILITY I8)."""
    them = update(Customer).where(col(Customer.id) == own.customer_id, col(Customer.erased_at).is_(None))
    session.connection().execute(them.values(erased_at=now))
    bump_versions(session, [own.customer_id], now)


def empty_rows(database: Database, own: Own, advance: Callable[[str, int], None] = lambda _name, _count: None) -> None:
    """Empty or remove all that is personal in these rows, the customer's own last; each step is a short transaction."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        if table.name != "customer":
            for part in rows_in_chunks(own.rows.get(table.name, []), CHUNK):
                with database.write() as session:
                    _empty(session, table, part)
                advance(table.name, len(part))
    with database.write() as session:
        drop_empty(session)  # also what an erasure that was broken off had left behind
        _empty(session, _tables()["customer"], own.rows.get("customer", []))


def empty_messages(session: Session, inbounds: Sequence[int], deliveries: Sequence[int]) -> None:
    """What came in about somebody who was erased is not kept: emptied at once, in the caller's transaction."""
    empty_all(session, Own(0, frozenset(), (), {"inbound": list(inbounds), "delivery": list(deliveries)}))


def empty_all(session: Session, own: Own) -> None:
    """Empty these rows and what leads to them, in the caller's transaction."""
    complete(session, own)
    own.rows.pop("case_file", None)
    for table in reversed(SQLModel.metadata.sorted_tables):
        for part in rows_in_chunks(own.rows.get(table.name, []), CHUNK):
            _empty(session, table, part)


def late_words(session: Session, since: datetime) -> list[int]:
    """Deliveries to people erased since then of whom a server told something afterwards: its words name the address."""
    said = or_(
        *(col(getattr(Delivery, name)) != "" for name in ("response", "onward_words", "evidence")),
    )
    query = (
        select(col(Delivery.id))
        .join(Customer, col(Customer.id) == col(Delivery.customer_id))
        .where(col(Customer.erased_at) >= since, said)
    )
    return list(session.execute(query).scalars())


def _empty(session: Session, table: Table, ids: Sequence[int]) -> None:
    if not ids:
        return
    run = session.connection().execute
    if table.name in REMOVED:
        run(delete(table).where(table.c.id.in_(ids)))
        return
    personal = [column for column in table.columns if is_personal(column)]
    unique = [column for column in personal if _is_unique(column) and not column.nullable]
    values = {column.name: blank(column) for column in personal if column not in unique}
    for name, spared in _SPARED.get(table.name, ()):
        empty = {name: values.pop(name)}
        run(update(table).where(table.c.id.in_(ids), ~spared).values(empty))
    if values:
        run(update(table).where(table.c.id.in_(ids)).values(values))
    for number in ids if unique else ():
        run(update(table).where(table.c.id == number).values({column.name: new_public_id() for column in unique}))
    if table.name == "thanks":
        allowed = col(Thanks.state) == ThanksState.ALLOWED
        run(update(table).where(table.c.id.in_(ids), allowed).values(state=ThanksState.REFUSED))


_SPARED = {
    # by which mail's link somebody left is a random number, and counts for that mail in the report
    "consent": (("evidence", col(Consent.evidence).startswith(LINK_EVIDENCE)),),
    # of a message it is the person, of all else one of us
    "case_entry": (("by", col(CaseEntry.kind) != EntryKind.MESSAGE),),
}
"""Columns that are emptied in some rows only, and in which they are not."""


def blank(column: Column[Any]) -> Any:
    """What stands in a column when nothing is to be told: as a new row would have it."""
    if column.nullable:
        return None
    kind = _plain(column)
    if isinstance(kind, JSON):
        if (column.table.name, column.name) == ("edition", "frozen"):
            return {"method": "ready", "subject": "", "text": "", "html": ""}
        made = _classes()[column.table.name].model_fields[column.name].default_factory
        return made() if made is not None else {}
    return b"" if isinstance(kind, LargeBinary) else ""


def mentions(session: Session, needles: Sequence[str]) -> Iterator[Mention]:
    """Every row of any table that still names the person by address or number, in any column with words."""
    for table in SQLModel.metadata.sorted_tables:
        columns = [
            column for column in table.columns if holds_words(column) and not isinstance(_plain(column), LargeBinary)
        ]
        if not columns or not needles:
            continue
        named = {column.name: or_(*(_says(column, needle) for needle in needles)) for column in columns}
        query = select(table.c.id, *(one.label(f"in_{name}") for name, one in named.items())).where(
            or_(*named.values())
        )
        for row in session.connection().execute(query):
            for name, hit in zip(named, row[1:], strict=True):
                if hit:
                    yield Mention(table.name, name, row[0])


def said_by_others(session: Session, phrases: Sequence[bytes]) -> set[bytes]:
    """Which of these octets stand in a row as it is now, in any column with words: what an erased person wrote that
    somebody else wrote, too. For SQLite, whose file holds a row's octets as they are.
    """
    found: set[bytes] = set()
    for table in SQLModel.metadata.sorted_tables:
        columns = [cast(column, LargeBinary) for column in table.columns if holds_words(column)]
        for phrase in phrases:
            if columns and phrase not in found:
                here = or_(*(func.instr(column, literal(phrase, LargeBinary)) > 0 for column in columns))
                if session.connection().execute(select(table.c.id).where(here).limit(1)).first() is not None:
                    found.add(phrase)
    return found


def rub_out(session: Session, found: Sequence[Mention], needles: Sequence[str]) -> list[Mention]:
    """Take the person's name out of what machines wrote; the same mentions, with those marked."""
    any_needle = re.compile("|".join(re.escape(one) for one in needles), re.IGNORECASE)
    told = []
    for one in found:
        table = _tables()[one.table]
        column = table.c[one.column]
        if one.table in WRITTEN or _is_unique(column):
            told.append(one)
            continue
        text = session.connection().execute(select(column).where(table.c.id == one.id)).scalar()
        whole = isinstance(_plain(column), JSON)
        clean = any_needle.sub(GONE, json.dumps(text, ensure_ascii=False) if whole else str(text))
        session.connection().execute(
            update(table).where(table.c.id == one.id).values({one.column: json.loads(clean) if whole else clean})
        )
        told.append(Mention(one.table, one.column, one.id, replaced=True))
    return told


def _says(column: Column[Any], needle: str) -> Any:
    return func.lower(cast(column, String)).contains(needle.lower(), autoescape=True)


def _plain(column: Column[Any]) -> Any:
    return column.type.impl if isinstance(column.type, TypeDecorator) else column.type


def _is_unique(column: Column[Any]) -> bool:
    return bool(column.unique) or column.primary_key


@cache
def _tables() -> dict[str, Table]:
    return dict(SQLModel.metadata.tables)


@cache
def _classes() -> dict[str, Any]:
    return {mapper.local_table.name: mapper.class_ for mapper in SQLModel._sa_registry.mappers}  # type: ignore[attr-defined]
