"""Files of people made to break an import: each from a number, so that one that does can be made again.

Each tells how many rows it has that anybody would call good, so that a lost one is noticed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

from .importing import packed, workbook

NASTY = (
    "\0", "a\0b", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")', "@SUM(1)", "+1+1", "-2+3", "\u202egpj.exe",
    "x" * 11_000, "x" * 140_000, "\ufffd", '"', '""', '"unclosed', "a\r\nb", "a\rb", "\u2028", "Robert'); DROP TABLE--",
    "<script>alert(1)</script>", "{{ 7*7 }}", "{% for x in y %}", "%s%n", "../../etc/passwd", "\ud83d\ude00".encode(
        "utf-16", "surrogatepass").decode("utf-16"), "NaN", "1e999", "-0", "9" * 400, "0x1F", "٣٤", "½", "None", "null",
    "[" * 5_000, '{"a":' * 2_000, "31.02.2025", "9999-99-99", "0000-00-00", "subscribed", "unsubscribed", "bounced",
    "gold", "ja", "DE", "Atlantis", "Mars/Base", "+49 30 123", "call me", "x:ann", "https://", "http://[::1", "\ufeff",
    "a@b@c.de", "@example.com", "a@", "a b@example.com", "<a@example.com>", "mailto:a@example.com", "a@exämple.com",
    "a@example.com,b@example.com", "a" * 65 + "@example.com", "a@" + "b" * 260 + ".com", "a@[127.0.0.1]", ".a@b.de",
)  # fmt: skip
HEADINGS = (
    "status", "unsubscribed", "bounced at", "land", "sprache", "zeitzone", "telefon", "twitter", "consent_at", "plan",
    "seats", "", "straße", "plz", "ort", "email", "Email", "reject_reason", "and", "1", "a" * 300, "x [json]",
    ".status", "id", "public_id", "address_key", "attributes", "phone", "more handles", "x [whole]", "[text]", ". .",
    "\u202e",
)  # fmt: skip


class Hostile(NamedTuple):
    """A file, and the addresses that stand in good rows of it; None where nobody can say."""

    file: Path
    good: frozenset[str] | None


def make_hostile(folder: Path, number: int) -> Hostile:
    """The file with this number."""
    chance = random.Random(number)
    return chance.choice((_table, _table, _table, _lines, _book, _bytes, _long))(folder, chance)


def _table(folder: Path, chance: random.Random) -> Hostile:
    """Rows with separated cells: some good, among nasty ones that cannot reach them."""
    delimiter = chance.choice(",;\t|")
    headings = ["e-mail", "vorname", *chance.sample(HEADINGS, chance.randint(0, 5))]
    plain = [place for place, heading in enumerate(headings) if heading not in ("status", "unsubscribed", "bounced at")]
    rows, good = [], set()
    for row in range(chance.randint(1, 25)):
        if chance.random() < 0.5:
            address = f"good{row}@example.com"
            good.add(address)
            rows.append([address, "Ann"] + [""] * (len(headings) - 2))
        else:
            cells = [chance.choice(NASTY) for _ in headings]
            cells = cells[: chance.randint(0, len(cells))] if chance.random() < 0.2 else cells
            rows.append(cells + ["more"] * chance.choice((0, 0, 0, 1, 40)))
    raw = [_quoted(headings, delimiter)] + [_quoted(row, delimiter) for row in rows]
    if chance.random() < 0.15:
        raw.insert(chance.randint(1, len(raw)), delimiter.join(["evil@example.com", '"never closed']))
    ending = chance.choice(("\n", "\r\n", "\n\n"))
    text = ending.join(raw) + chance.choice(("", ending, "\0", '"'))
    encoding = chance.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"))
    file = folder / "people.csv"
    file.write_bytes(text.encode(encoding, "replace"))
    return Hostile(file, frozenset(good) if plain and text[-1] not in '\0"' else None)


def _quoted(cells: list[str], delimiter: str) -> str:
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if set(cell) & set(f'{delimiter}"\r\n') else cell for cell in cells
    )


def _lines(folder: Path, chance: random.Random) -> Hostile:
    """JSON lines: objects of all sorts, and lines that are none."""
    good, lines = set(), ['{"email": "first@example.com"}']
    for row in range(chance.randint(1, 25)):
        if chance.random() < 0.4:
            good.add(f"good{row}@example.com")
            lines.append(json.dumps({"email": f"good{row}@example.com", "vorname": "Ann"}))
        else:
            value: Any = chance.choice((*NASTY, None, True, 1e308, [1, [2]], {"a": {"b": []}}, -1, []))
            told = json.dumps({"email": chance.choice(NASTY), chance.choice(HEADINGS): value})
            lines.append(chance.choice((told, told[:-1], "[]", "3", '"x"', "nul", "{" * 3000, "NaN", '{"email": 1}')))
    file = folder / "people.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    return Hostile(file, frozenset({*good, "first@example.com"}))


def _book(folder: Path, chance: random.Random) -> Hostile:
    """Workbooks: bombs, far corners, formulas, broken XML, and some that are sound."""
    file = folder / "people.xlsx"
    sort = chance.randint(0, 5)
    if sort == 0:
        packed(file, "<sheetData/>", bomb=bytes(60_000_000))
        return Hostile(file, None)
    if sort == 1:
        far = f"{chance.choice(('XFD', 'ZZ', 'A'))}{chance.choice((1048576, 99999999, 5))}"
        row = far.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        packed(file, f'<sheetData><row r="{row}"><c r="{far}"><v>1</v></c></row></sheetData>')
        return Hostile(file, None)
    rows: list[list[Any]] = [["email", "vorname", "x"]]
    good = set()
    for row in range(chance.randint(1, 12)):
        if chance.random() < 0.5:
            good.add(f"good{row}@example.com")
            rows.append([f"good{row}@example.com", "Ann", chance.choice((1, 1.5, True, ""))])
        else:
            nasty = [one for one in NASTY if len(one) < 200 and one.isprintable()]
            rows.append([chance.choice(nasty), chance.choice(nasty), chance.choice((1, True, 1e300, -1))])
    workbook(file, rows)
    if sort == 2:
        raw = bytearray(file.read_bytes())
        for _ in range(chance.randint(1, 30)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        file.write_bytes(raw[: chance.randint(1, len(raw))])
        return Hostile(file, None)
    return Hostile(file, frozenset(good))


def _bytes(folder: Path, chance: random.Random) -> Hostile:
    """Bytes that are no file of people, whatever they begin with."""
    heads = (
        b"",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"{",
        b"[",
        b"\x1f\x8b",
        b"email\n",
        b"\x00" * 50,
        b"%PDF",
        b'"',
        b"\xef\xbb\xbf",
    )
    file = folder / chance.choice(("people.csv", "people.xlsx", "people.json", "people", ".csv"))
    file.write_bytes(chance.choice(heads) + chance.randbytes(chance.randint(0, 400)))
    return Hostile(file, None)


def _long(folder: Path, chance: random.Random) -> Hostile:
    """One cell of ten megabytes between good rows."""
    huge = chance.choice(("x", "é", "=", " ", "1")) * (10_000_000 if chance.random() < 0.1 else 300_000)
    cells = chance.choice((f"huge@example.com,{huge}", f"{huge},Ann", f'huge@example.com,"{huge}"', f'"{huge}",Ann'))
    file = folder / "people.csv"
    text = f"email,vorname\ngood1@example.com,Ann\n{cells}\ngood2@example.com,Bob\n"
    file.write_text(text, encoding="utf-8")
    return Hostile(file, frozenset({"good1@example.com", "good2@example.com"}))
