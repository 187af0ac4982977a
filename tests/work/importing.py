"""Files of people for tests, and looking up what an import made of them."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sqlmodel import select

from outreach.audience.merge import read_ways
from outreach.records import Customer, Subscription, Suppression
from outreach.store.consents import find_suppression
from outreach.store.customers import find_customer
from outreach.work.intake import import_customers
from outreach.work.intake_wishes import ImportResult, Wishes
from outreach.work.workspace import Workspace


def take(workspace: Workspace, text: str | bytes, name: str = "people.csv", **options: Any) -> ImportResult:
    """Write a file and import it."""
    file = workspace.root / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return take_file(workspace, file, **options)


def take_file(workspace: Workspace, file: Path, **options: Any) -> ImportResult:
    """Import a file."""
    wishes = Wishes(options.pop("mapping", {}), options.pop("types", {}), read_ways(options.pop("ways", [])))
    wishes = replace(wishes, source=options.pop("source", ""), by="ann")
    return import_customers(workspace, file, options.pop("list_name", "customers"), wishes, **options)


def person(workspace: Workspace, address: str) -> Customer:
    """The customer with this address."""
    with workspace.database.read() as session:
        found = find_customer(session, workspace.keys, address)
    assert found is not None, address
    return found


def block(workspace: Workspace, address: str) -> Suppression | None:
    """Why an address is blocked."""
    key = person(workspace, address).address_key or ""
    with workspace.database.read() as session:
        return find_suppression(session, key)


def states(workspace: Workspace) -> dict[str, str]:
    """The state of each subscription by address."""
    query = select(Customer.address, Subscription.state).join(Subscription)
    with workspace.database.read() as session:
        return {address or "": state.value for address, state in session.exec(query)}


def kept(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """What is kept of each customer, by address or name."""
    names = ("first_name", "last_name", "phone", "handle", "language", "country", "zone", "attributes")
    with workspace.database.read() as session:
        rows = session.exec(select(Customer)).all()
        return {row.address or row.last_name or "": {name: getattr(row, name) for name in names} for row in rows}


def workbook(path: Path, rows: list[list[Any]], *, dates: int = -1, **members: bytes) -> Path:
    """A small .xlsx with one sheet; a cell that begins with = is a formula; numbers in the column `dates` are days."""
    lines = "".join(
        f'<row r="{row}">{"".join(_cell(row, place, value, place == dates) for place, value in enumerate(cells))}</row>'
        for row, cells in enumerate(rows, 1)
    )
    return packed(path, f"<sheetData>{lines}</sheetData>", **members)


def packed(path: Path, sheet: str, **members: bytes) -> Path:
    """An .xlsx with this inside of its sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    one = '<sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets>'
    sheets = f'<workbook xmlns="{main}" xmlns:r="{relation}">{one}</workbook>'
    target = f'Type="{relation}/worksheet" Target="worksheets/s.xml"'
    link = f'<Relationships xmlns="{package}"><Relationship Id="r1" {target}/></Relationships>'
    target = f'Type="{relation}/officeDocument" Target="xl/workbook.xml"'
    root = f'<Relationships xmlns="{package}"><Relationship Id="r0" {target}/></Relationships>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{types}"/>')
        archive.writestr("_rels/.rels", root)
        archive.writestr("xl/workbook.xml", sheets)
        archive.writestr("xl/_rels/workbook.xml.rels", link)
        days = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{main}">{days}</styleSheet>')
        archive.writestr("xl/worksheets/s.xml", f'<worksheet xmlns="{main}">{sheet}</worksheet>')
        for name, data in members.items():
            archive.writestr(f"xl/media/{name}", data)
    return path


def _cell(row: int, place: int, value: Any, day: bool) -> str:
    at = f"{chr(65 + place)}{row}"
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        style = ' s="1"' if day and isinstance(value, int) else ""
        return f'<c r="{at}"{style}><v>{value}</v></c>'
    if str(value).startswith("="):
        return f'<c r="{at}" t="str"><f>{escape(value[1:])}</f><v>x@example.com</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>' if value else ""
