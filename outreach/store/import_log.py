"""Which imports there were, how each stands, and how the files of a source were read the last time.

Law: an import that was killed stays `running`, with all that it did written down, so that it can be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..records import CustomerImport, ImportChange, ImportState
from .prepared import Change, Prepared

_CHANGE = Change(CustomerImport)
_RUNNING = Prepared(
    select(col(CustomerImport.id)).where(
        col(CustomerImport.id) == bindparam("number"), col(CustomerImport.state) == ImportState.RUNNING
    )
)


@dataclass(frozen=True)
class ImportRow:
    """An import, and how many customers it changed that were known already."""

    row: CustomerImport
    changed: int


def begin_import(
    session: Session, *, file: str, list_name: str, at: datetime, source: str, options: dict[str, Any], by: str
) -> int:
    """Note that an import begins; its id."""
    row = CustomerImport(file=file, list_name=list_name, at=at, source=source, options=options, by=by)
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id


def still_running(session: Session, import_id: int) -> bool:
    """Whether nobody has taken the import back meanwhile."""
    return bool(_RUNNING.rows(session, number=import_id))


def note_created(session: Session, import_id: int, created: list[list[int]]) -> None:
    """Keep which customers the import has made so far."""
    _CHANGE.write(session, import_id, {"created": created})


def finish_import(
    session: Session, import_id: int, *, at: datetime, counts: dict[str, int], rejects: str, found: bytes
) -> None:
    """Keep that the import is done, what it brought, and whom of those known already it found."""
    values = {"finished_at": at, "counts": counts, "rejects": rejects, "found": found}
    session.connection().execute(
        update(CustomerImport).where(col(CustomerImport.id) == import_id).values(state=ImportState.DONE, **values)
    )


def later_imports(session: Session, import_id: int) -> list[CustomerImport]:
    """The imports after this one that ended and stand, and kept whom they found; the newest first."""
    stand = col(CustomerImport.id) > import_id, col(CustomerImport.state) == ImportState.DONE
    query = orm_select(CustomerImport).where(*stand, col(CustomerImport.found).is_not(None))
    return list(session.exec(query.order_by(col(CustomerImport.id).desc())))


def find_import(session: Session, import_id: int) -> CustomerImport | None:
    """The import with this number."""
    return session.get(CustomerImport, import_id)


def list_imports(session: Session, *, limit: int = 50) -> list[ImportRow]:
    """The newest imports, newest first."""
    rows = list(session.exec(orm_select(CustomerImport).order_by(col(CustomerImport.id).desc()).limit(limit)))
    query = (
        select(col(ImportChange.import_id), func.count(func.distinct(col(ImportChange.customer_id))))
        .where(col(ImportChange.import_id).in_([row.id for row in rows]))
        .group_by(col(ImportChange.import_id))
    )
    changed = {row[0]: row[1] for row in session.execute(query)}
    return [ImportRow(row, changed.get(row.id or 0, 0)) for row in rows]


def options_of(session: Session, source: str) -> dict[str, Any] | None:
    """How the last file of this source was read; None where there was none."""
    query = orm_select(CustomerImport).where(CustomerImport.source == source)
    found = session.exec(query.order_by(col(CustomerImport.id).desc()).limit(1)).first()
    return None if found is None else dict(found.options)
