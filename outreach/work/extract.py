"""Customers as a CSV file that a spreadsheet opens safely and an import reads back as the same people.

Law: what a spreadsheet would run as a formula gets a ' in front; a column's type stands in its heading where the cells
alone would not tell it. Written in pages, from one snapshot, to a new file that takes its name when it is whole.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from ..audience.headings import read_headings
from ..audience.segment import Segment
from ..audience.values import ColumnType, fuse
from ..errors import InputError
from ..records import Consent, ConsentAct, ContactKind, SubscriptionState, SuppressionReason
from ..store.consents import suppressed_keys
from ..store.contacts import Known, contacts_by_customer
from ..store.customers import PAGE, CustomerRow, list_customers
from ..store.database import rows_in_chunks
from .workspace import Workspace

FIELDS = ("email", "first_name", "last_name", "phone", "handle", "language", "country", "zone")
TIES = ("status", "consent_at", "consent_how", "consent_words")
MORE = ("more_phones", "more_handles")
_STATUS = {
    SuppressionReason.BAD_ADDRESS: "bounced",
    SuppressionReason.ABUSE_REPORT: "complained",
    SuppressionReason.IMPORTED: "blocked",
    SuppressionReason.BY_HAND: "blocked",
}


@dataclass
class _Column:
    """An attribute over all people: which kinds of value it has, and whether its cells alone would tell them."""

    name: str
    kinds: set[type] = field(default_factory=set)
    guess: ColumnType = field(default_factory=ColumnType)

    def look(self, value: Any) -> None:
        """Take one value into account."""
        self.kinds.add(type(value))
        self.guess.look(self.cell(value))

    def cell(self, value: Any) -> str:
        """The value as a cell that is read back as the same, given the type in the heading."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)

    def type(self) -> str:
        """The type for the heading; empty where the cells tell it."""
        if len(self.kinds) > 1 or self.kinds & {dict}:
            return "json"
        kind = next(iter(self.kinds), str)
        read = self.guess.reader()
        told = {str: "text", int: "whole", float: "json", bool: "truth", list: "json"}.get(kind, "json")
        names = {"_truth": bool, "_integer": int, "_decimal": float, "_list": list, "str": str}
        return "" if names.get(read.__name__) is kind else told


@dataclass
class Extract:
    """What was written."""

    file: Path
    people: int = 0
    columns: list[str] = field(default_factory=list)


def extract_customers(
    workspace: Workspace,
    file: Path,
    *,
    list_id: int | None,
    segment: Segment,
    progress: Callable[[int], None] | None = None,
) -> Extract:
    """Write customers to a new CSV file. Raises InputError where it exists already or cannot be written."""
    if file.exists():
        raise InputError("the file exists already and is not overwritten", file=file, remedy="Give another name.")
    part = file.with_name(f".{file.name}.part")
    done = Extract(file)
    try:
        with workspace.database.read() as session, part.open("w", encoding="utf-8-sig", newline="") as handle:
            columns = _columns(session, list_id, segment)
            ties = TIES if list_id is not None else ()
            headings = _headings([*FIELDS, *MORE, *ties], columns)
            done.columns = headings
            writer = csv.writer(handle)
            writer.writerow(headings)
            for page in _pages(session, list_id, segment):
                writer.writerows(_rows(session, workspace, page, list_id, columns))
                done.people += len(page)
                if progress:
                    progress(done.people)
            handle.flush()
            os.fsync(handle.fileno())
        part.rename(file)
    except OSError as wrong:
        raise InputError(
            f"cannot be written: {wrong.strerror or wrong}", file=file, remedy="Make room, or name another folder."
        ) from wrong
    finally:
        part.unlink(missing_ok=True)
    return done


def _pages(
    session: Session, list_id: int | None, segment: Segment
) -> Iterator[list[tuple[CustomerRow, SubscriptionState | None]]]:
    after = 0
    while page := list_customers(session, list_id=list_id, segment=segment, limit=PAGE, after=after):
        yield page
        after = page[-1][0].id


def _columns(session: Session, list_id: int | None, segment: Segment) -> list[_Column]:
    found: dict[str, _Column] = {}
    for page in _pages(session, list_id, segment):
        for row, _ in page:
            for name, value in row.attributes.items():
                if value not in (None, ""):
                    found.setdefault(name, _Column(name)).look(value)
    return list(found.values())


def _headings(fixed: list[str], columns: list[_Column]) -> list[str]:
    """Headings that an import takes for just these fields and attributes."""
    plain = [*fixed, *(column.name for column in columns)]
    sample = [["subscribed" if name == "status" else "a@example.com" if name == "email" else "" for name in plain]]
    read = read_headings(plain, {}, sample, file="")
    headings = list(fixed)
    for place, column in enumerate(columns, len(fixed)):
        name = column.name if read.meanings[place] == f".{column.name}" else f".{column.name}"
        kind = column.type()
        headings.append(f"{name} [{kind}]" if kind else name)
    return headings


def _rows(
    session: Session,
    workspace: Workspace,
    page: list[tuple[CustomerRow, SubscriptionState | None]],
    list_id: int | None,
    columns: list[_Column],
) -> Iterator[list[str]]:
    ids = [row.id for row, _ in page]
    contacts = contacts_by_customer(session, ids)
    given = _last_given(session, list_id, ids) if list_id is not None else {}
    blocked = suppressed_keys(session, [row.address_key for row, _ in page if row.address_key], workspace.clock())
    kinds = [(column.name, column, column.type() == "json") for column in columns]
    for row, state in page:
        cells = [row.address, *(getattr(row, name) for name in FIELDS[1:])]
        cells += _more(contacts.get(row.id, set()))
        if list_id is not None:
            status = _STATUS.get(blocked[row.address_key]) if row.address_key in blocked else None
            cells += [status or (state.value if state else ""), *_proof(given.get(row.id))]
        made = [fuse(cell or "") for cell in cells]
        for name, column, as_json in kinds:
            value = row.attributes.get(name)
            if value in (None, ""):
                made.append("")
            else:
                made.append(json.dumps(value, ensure_ascii=False) if as_json else _safe(column, value))
        yield made


def _safe(column: _Column, value: Any) -> str:
    cell = column.cell(value)
    return fuse(cell) if isinstance(value, str) else cell


def _more(contacts: set[Known]) -> list[str]:
    phones = sorted(value for kind, _, value in contacts if kind is ContactKind.PHONE)
    handles = sorted(
        f"{network}:{value}" if network else value for kind, network, value in contacts if kind is ContactKind.HANDLE
    )
    return ["; ".join(phones), "; ".join(handles)]


def _proof(given: Consent | None) -> list[str]:
    if given is None:
        return ["", "", ""]
    return [given.at.isoformat(), given.how, given.words]


def _last_given(session: Session, list_id: int | None, customer_ids: Sequence[int]) -> dict[int, Consent]:
    """The newest consent of each of these customers to one list, taken back or not."""
    found: dict[int, Consent] = {}
    for part in rows_in_chunks(list(customer_ids), PAGE):
        query = select(Consent).where(Consent.list_id == list_id, Consent.act == ConsentAct.GIVEN)
        query = query.where(col(Consent.customer_id).in_(part)).order_by(col(Consent.at), col(Consent.id))
        found.update((act.customer_id, act) for act in session.exec(query))
    return found
