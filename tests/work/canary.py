"""Canaries: a row of every table that tells of a person, with a mark of its own in every column that may hold words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Date, Float, Integer, LargeBinary, String, Table, cast, insert, select
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from outreach.records import UtcDateTime, Word
from outreach.store.database import Database
from outreach.store.personal import BY_KEY, HOUSE, KEPT, holds_words
from outreach.work.workspace import Workspace

MARK = "canary"
FIRST = ("customer", "edition", "delivery", "inbound", "case_file")
SET = {("edition", "kind"): "service", ("inbound", "state"): "read", ("customer", "erased_at"): None}


def plant(workspace: Workspace, customer_id: int, address_key: str, campaign_id: int) -> set[str]:
    """A row in every table that is not the house's own, all of them this customer's; the columns that were marked."""
    known = {"customer": customer_id, "campaign": campaign_id, "mailing_list": 1, "colleague": None, "cause": None}
    known["customer_import"] = None
    marks: set[str] = set()
    assert not any(map(holds_words, _table("subscription").columns)), "a subscription holds no words: it is not planted"
    with workspace.database.write() as session:
        run = session.connection().execute
        tables = SQLModel.metadata.sorted_tables
        for name in ("colleague", "cause", "sequence", "customer_import", "seminar", "seminar_session"):
            known[name] = run(
                insert(_table(name)).values(_row(_table(name), known, "", workspace.clock())[0])
            ).inserted_primary_key[0]
        for table in sorted(tables, key=lambda one: FIRST.index(one.name) if one.name in FIRST else len(FIRST)):
            if table.name in HOUSE or table.name in ("customer", "subscription"):
                continue
            values, set_here = _row(table, known, address_key, workspace.clock())
            if table.name in ("suppression", *BY_KEY):
                values["address_key"] = address_key
                set_here.discard(f"{table.name}.address_key")
            marks |= set_here
            known[table.name] = run(insert(table).values(values)).inserted_primary_key[0]
        customer, set_here = _row(_table("customer"), known, address_key, workspace.clock())
        kept = {"id", "public_id", "address", "address_key", "erased_at"}
        run(
            _table("customer")
            .update()
            .where(_table("customer").c.id == customer_id)
            .values({name: value for name, value in customer.items() if name not in kept})
        )
        marks |= set_here - {f"customer.{name}" for name in kept}
    return marks


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def _row(table: Table, known: dict[str, Any], address_key: str, now: datetime) -> tuple[dict[str, Any], set[str]]:
    values: dict[str, Any] = {}
    marks: set[str] = set()
    for column in table.columns:
        if column.name == "id" or (table.name, column.name) in SET:
            continue
        target = next((key.column.table.name for key in column.foreign_keys), None)
        if target is not None:
            values[column.name] = known.get(target) if target != table.name else None
        elif holds_words(column) and (table.name in HOUSE or column.name in KEPT.get(table.name, {})):
            values[column.name] = _plain(column, f"{table.name}-{column.name}", address_key)
        elif holds_words(column):
            values[column.name] = _marked(column, f"{MARK}-{table.name}-{column.name}")
            marks.add(f"{table.name}.{column.name}")
        else:
            values[column.name] = _any(column, now)
    values |= {column: value for (name, column), value in SET.items() if name == table.name}
    return values, marks


def _plain(column: Column[Any], words: str, address_key: str) -> Any:
    kind = _kind(column)
    if isinstance(kind, JSON):
        return _empty(column)
    if column.name == "address_key":
        return address_key
    return words.encode() if isinstance(kind, LargeBinary) else words


def _marked(column: Column[Any], mark: str) -> Any:
    """One of each sort, and a blob that overflows its page several times."""
    kind = _kind(column)
    if isinstance(kind, JSON):
        return [mark] if _empty(column) == [] else {"said": {"words": mark}}
    return f"{mark} ".encode() * 2_000 if isinstance(kind, LargeBinary) else mark


def _empty(column: Column[Any]) -> Any:
    classes = {mapper.local_table.name: mapper.class_ for mapper in SQLModel._sa_registry.mappers}  # type: ignore[attr-defined]
    made = classes[column.table.name].model_fields[column.name].default_factory
    return made() if made is not None else {}


def _any(column: Column[Any], now: datetime) -> Any:
    if isinstance(column.type, Word):
        return next(iter(column.type.vocabulary))
    if isinstance(column.type, UtcDateTime):
        return now
    kind = _kind(column)
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Date):
        return now.date()
    assert isinstance(kind, Integer | Float), f"{column} is of a type that this test does not know"
    return 1


def _kind(column: Column[Any]) -> Any:
    return column.type.impl if isinstance(column.type, TypeDecorator) else column.type


def marks_in_rows(database: Database) -> list[str]:
    """Columns of any table in which a mark can be read by SQL."""
    return sorted(_marks(database))


def _marks(database: Database) -> Iterator[str]:
    with database.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            for column in table.columns:
                if not holds_words(column):
                    continue
                if isinstance(_kind(column), LargeBinary):
                    rows = session.execute(select(column)).scalars()
                    hit = any(MARK.encode() in bytes(value or b"") for value in rows)
                else:
                    hit = bool(session.execute(select(column).where(cast(column, String).contains(MARK))).first())
                if hit:
                    yield f"{table.name}.{column.name}"


def marks_in_files(root: Path) -> list[str]:
    """Files below a folder that hold a mark, whatever they are."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [path.relative_to(root).as_posix() for path in files if MARK.encode() in path.read_bytes()]
