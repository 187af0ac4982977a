"""What is judged many at once is judged as it is one by one."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.address import KeyMaker, new_key_ring
from outreach.audience.headings import read_headings
from outreach.audience.intake import Person, RowFault, RowReader, column_types
from outreach.audience.plain_rows import PlainRows, person_of, plain_row
from outreach.audience.profiles import PROFILES, Profile
from outreach.audience.values import typed_reader

from ..examples import examples
from ..work.hostile import HEADINGS, NASTY

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEYS = KeyMaker(new_key_ring())
ZONES = {name.lower(): name for name in zoneinfo.available_timezones()}
PLAIN = (
    *("", "", "", " ", "Ann", " Ann  Lee ", "O'Neil", "'=1", "'x", '="01067"', "=1", "Zoë", "5", "-7", "01", "1.50"),
    *("31.12.2025", "2025-12-31", "2999-01-01", "[1, 2]", "ja", "no", "x" * 201, "de", "Deutsch", "US", "Österreich"),
    *("Europe/Berlin", "subscribed", "abgemeldet", "bounced", "pending", "enabled", "disabled", "+49 30 1234567"),
    *(
        "030 1; 040 2",
        "@ann",
        "@ann, @bob",
        "Atlantis",
        "Acme",
        "x:ann",
        '{"plan": "pro"}',
        "a\nb",
        "|",
        "a | b",
        "\u00ad",
        "\u200b5",
        "\xa0",
        "–",
        "a\\b",
    ),
)
ADDRESSES = (
    *("a@b.de", "b.c@d-e.example.com", "A.B@Example.COM", " c@d.de ", "mailto:d@e.de", "'+e@f.de", "x", "", "-"),
    *("a@b@c.de", "Ann <ann@b.de>", "a@b.c1", "a@b.1", "a@b", ".a@b.de", "a..b@c.de", "a@-b.de", "a@b-.de", "+@b.de"),
    *(
        "a@b.de\nc@d.de",
        "a" * 64 + "@b.de",
        "a" * 65 + "@b.de",
        "a@" + "b" * 63 + ".de",
        "ü@b.de",
        "a@ü.de",
        "a!b@c.de",
    ),
)
CELLS = st.sampled_from(PLAIN) | st.sampled_from(NASTY) | st.text(max_size=6)
NAMES = (
    "vorname",
    "nachname",
    "land",
    "sprache",
    "zeitzone",
    "telefon",
    "status",
    "plan",
    "note",
    "firma",
    "haushalt",
    "mobil",
    "twitter",
    "consent_at",
)
MORE = ("consent_how", "consent_words", "unsubscribed", "attributes", "name")


def _one_by_one(reader: RowReader, number: int, cells: list[str]) -> Person | None:
    try:
        return reader.read(number, cells)
    except RowFault:
        return None


def _compare(headings: list[str], rows: list[list[str]], profile: Profile | None, *, told: bool, empty: bool) -> int:
    """Judge rows both ways; how many are plain."""
    columns = read_headings(headings, {"attributes": "attributes"} if "attributes" in headings else {}, rows, file="f")
    wanted: dict[str, Any] = (
        {".seats": typed_reader("whole", "seats"), ".day": typed_reader("day", "day")} if told else {}
    )
    wanted = {name: way for name, way in wanted.items() if name in columns.meanings}
    types = {name: kind.reader() for name, kind in column_types(columns, [rows], wanted).items()} | wanted
    all_rows = profile.of_file("cleaned.csv") if profile else None
    reader = RowReader(columns, types, ZONES, NOW, profile=profile, all_rows=all_rows, note_empty=empty)
    at_once = PlainRows(columns, types, reader, KEYS.keys)
    numbers: Sequence[int] = range(2, 2 + len(rows))
    plain, left, warnings = at_once.judge(numbers, rows)
    said: list[str] = []
    assert sorted([row[1] for row in plain] + [number for number, _ in left]) == list(numbers)
    assert [row[1] for row in plain] == sorted(row[1] for row in plain)
    assert all(rows[number - 2] is cells for number, cells in left)
    for row in plain:
        person = _one_by_one(reader, row[1], rows[row[1] - 2])
        assert person is not None
        assert person.block is None and not (empty and person.warnings)
        said += person.warnings
        person.warnings.clear()
        assert row == plain_row(KEYS.key(person.address), person)
        assert person_of(row, at_once.names) == person
    assert sorted(warnings) == sorted(said)
    return len(plain)


@given(
    headings=st.lists(st.sampled_from([*NAMES, *MORE, "seats", "day", *HEADINGS]), max_size=6, unique=True),
    width=st.integers(0, 1),
    rows=st.lists(st.tuples(st.sampled_from(ADDRESSES), st.lists(CELLS, max_size=7)), min_size=1, max_size=12),
    profile=st.sampled_from([None, None, *PROFILES.values()]),
    told=st.booleans(),
    empty=st.booleans(),
)
@settings(max_examples=examples(1_000), deadline=None)
def test_a_plain_row_says_what_is_read_in_it_alone(
    headings: list[str],
    width: int,
    rows: list[tuple[str, list[str]]],
    profile: Profile | None,
    told: bool,
    empty: bool,
) -> None:
    headings = ["e-mail", *(head for head in headings if head.lower() not in ("email", "attributes") or width)]
    cells = [[address, *more][: len(headings)] for address, more in rows]
    _compare(headings, cells, profile, told=told, empty=empty)


def test_what_most_files_hold_is_plain_also_where_cells_are_many_and_different() -> None:
    headings = ["e-mail", "vorname", "nachname", "land", "status", "plan", "seats", "note", "telefon", "zeitzone"]
    rows = [
        *(
            [
                f"u{n}@b{n % 5}.de",
                "Zoë",
                f"O'Neil {n}",
                "Österreich",
                "ja",
                "pro",
                str(n),
                f"said {n}",
                "030 1234567",
                "",
            ]
            for n in range(300)
        ),
        ["x@y.de", "A", "B", "", "", "", "", "two\nlines", "", "Europe/Paris"],
    ]
    assert _compare(headings, rows, None, told=False, empty=False) == len(rows)
    assert _compare(headings, rows, None, told=True, empty=True) == len(rows)


def test_companies_households_second_numbers_and_unknown_places_are_plain() -> None:
    headings = ["e-mail", "land", "zeitzone", "telefon", "mobil", "firma", "haushalt"]
    rows = [
        [
            *(
                f"u{n}@b.de",
                "Atlantis",
                "Mars/Base" if n % 2 else "",
                f"030 123{n:03}; 040 456{n:03}",
                f"0170 12{n:03}",
            ),
            *(f"Firm {n % 7}" if n % 3 else "", f"House {n}" if n % 2 else ""),
        ]
        for n in range(300)
    ]
    assert _compare(headings, rows, None, told=False, empty=False) == len(rows)
    assert _compare(headings, rows, None, told=False, empty=True) == 0, "what is unknown is not empty"


def test_among_many_rows_the_unusual_ones_are_left_to_be_read_alone() -> None:
    rows = [[f"u{n}@b.de", f"N{n}", f"t{n}"] for n in range(400)]
    for place, cells in (
        (0, ["broken", "N", "t"]),
        (77, ["A@B.DE", " two  words ", "'=1"]),
        (399, ["b@c.de", "=1", "t"]),
    ):
        rows[place] = cells
    rows[200] = ["short@b.de"]
    assert _compare(["e-mail", "vorname", "text"], rows, None, told=False, empty=True) == 398
