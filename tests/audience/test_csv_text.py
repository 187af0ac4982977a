"""What programs really write, and what nobody should."""

from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.audience import csv_text
from outreach.audience.csv_text import (
    DELIMITERS,
    choose_narrow,
    guess_wide,
    read_records,
    refuse_other_kinds,
    sniff_delimiter,
)
from outreach.audience.headings import means_address
from outreach.errors import InputError

from ..examples import examples


def _cells(text: str, delimiter: str = ",") -> list[list[str]]:
    records = read_records(io.StringIO(text, newline=""), delimiter)
    return [record.cells for record in records if not record.fault and record.cells]


def _faults(text: str) -> list[tuple[int, str]]:
    records = read_records(io.StringIO(text, newline=""), ",")
    return [(record.row, record.cells[0]) for record in records if record.fault]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
        ('a,b\n"1,5",2', [["a", "b"], ["1,5", "2"]]),
        ('a,b\n"say ""hi""",2', [["a", "b"], ['say "hi"', "2"]]),
        ('a,b\n"1\n2",3\n', [["a", "b"], ["1\n2", "3"]]),
        ('a,b\n"1\r\n2",3\r\n', [["a", "b"], ["1\r\n2", "3"]]),
        ('a,b\n1, "2, 3"\n', [["a", "b"], ["1", "2, 3"]]),
        ("a,b\n\n\n1,2\n", [["a", "b"], ["1", "2"]]),
        ('a,b\n"",""\n', [["a", "b"], ["", ""]]),
        ('a,b\n{"x": 1},2\n', [["a", "b"], ['{"x": 1}', "2"]]),
        ('a,b\n5" pipe,2\n', [["a", "b"], ['5" pipe', "2"]]),
        ('a,b\n"Best" shop,2\n', [["a", "b"], ["Best shop", "2"]]),
        ("sep=,\na,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a,b\n1,2,,\n", [["a", "b"], ["1", "2", "", ""]]),
        ("a,b\n1\n", [["a", "b"], ["1"]]),
    ],
)
def test_what_programs_write_is_read(text: str, expected: list[list[str]]) -> None:
    assert _cells(text) == expected


def test_a_quotation_mark_never_closed_costs_its_own_line_only() -> None:
    text = 'a,b\n1,"oops\n3,4\n5,6\n'
    assert _cells(text) == [["a", "b"], ["3", "4"], ["5", "6"]]
    assert _faults(text) == [(2, '1,"oops')]


def test_one_that_swallows_rows_up_to_the_next_costs_its_own_line_only() -> None:
    text = 'a,b\n1,"oops\n3,4\n5,"six"\n7,8\n'
    assert _faults(text) == [(2, '1,"oops')]
    assert _cells(text)[1:] == [["3", "4"], ["5", "six"], ["7", "8"]]


def test_one_before_a_very_long_file_costs_its_own_line_only() -> None:
    rows = "".join(f"{n},x{n}\n" for n in range(30_000))
    text = f'a,b\n1,"oops\n{rows}'
    assert len(_cells(text)) == 30_001
    assert [row for row, _ in _faults(text)] == [2]


def test_a_row_of_ten_megabytes_is_refused_and_the_next_is_read() -> None:
    text = f'a,b\n"{"x" * 10_000_000}",2\n3,4\n'
    begin = time.process_time()
    assert _cells(text)[1:] == [["3", "4"]]
    assert len(_faults(text)[0][1]) == 10_000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("piece", ['1,"x\n', '1,"x\n' + "2,3\n" * 300, '1,"""x\n2,3"\n', '"\n,\n', '1,"x"y"\n"'])
def test_reading_hostile_quotation_marks_takes_linear_time(piece: str) -> None:
    times = []
    for size in (100_000, 400_000):
        begin = time.process_time()
        for _ in read_records(io.StringIO("a,b\n" + piece * (size // len(piece)), newline=""), ","):
            pass
        times.append(time.process_time() - begin)
    assert times[1] < 12 * times[0] + 0.2


def test_too_many_cells_are_a_fault_and_rows_are_numbered_like_a_spreadsheets() -> None:
    text = 'a,b\n\n"1\n2",3\n1,2,3\n'
    records = list(read_records(io.StringIO(text, newline=""), ","))
    assert [(record.row, bool(record.fault)) for record in records] == [(1, False), (2, False), (3, False), (4, True)]
    assert records[-1].cells == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("email,name\na@b.c,Ann\n", ","),
        ("E-Mail;Name\na@b.c;Müller, Ann\nb@b.c;Maier, Bo\n", ";"),
        ("email\tname\na@b.c\tAnn, B; C\n", "\t"),
        ("email|name\na@b.c|Ann\n", "|"),
        ('"E-Mail";"Notiz"\n"a@b.c";"1,2,3,4\n5,6,7,8"\n', ";"),
        ('"Name, first","E-Mail"\n"A;B;C",a@b.c\n', ","),
        ("email\na@b.c\n", ","),
        ("sep=|\nemail|a\n", "|"),
        ("Name;Kontakt,Ort\nx;y,z\nu;v,w\n", ","),
        ("", ","),
    ],
)
def test_the_delimiter_is_found(sample: str, delimiter: str) -> None:
    assert sniff_delimiter(sample, True, means_address) == delimiter


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=20)
FILES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(
    rows=FILES,
    delimiter=st.sampled_from(list(DELIMITERS)),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
)
@settings(max_examples=examples(400), deadline=None)
def test_what_is_written_comes_back(
    rows: list[list[str]], delimiter: str, quoting: int, ending: str, encoding: str
) -> None:
    head = ["email", *(f"c{n}" for n in range(1, len(rows[0])))]
    if quoting == csv.QUOTE_MINIMAL:  # csv.writer leaves a newline unquoted that is not its own
        rows = [
            ["".join(sign for sign in cell if sign not in "\r\n" or sign in ending) for cell in row] for row in rows
        ]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=ending).writerows([head, *rows])  # type: ignore[arg-type]
    raw = buffer.getvalue().encode(encoding)
    found = guess_wide(raw) or "utf-8"
    text = raw.decode(found)
    assert text.removeprefix("\ufeff") == buffer.getvalue()
    assert sniff_delimiter(text, True, means_address) == delimiter
    read = list(read_records(io.StringIO(text, newline=""), delimiter))
    assert [[cell.strip() for cell in record.cells] for record in read if record.cells] == [
        [cell.strip() for cell in row] for row in [head, *rows]
    ]
    assert not any(record.fault for record in read)


@given(st.binary(max_size=400))
@settings(max_examples=examples(200), deadline=None)
def test_no_bytes_whatever_make_reading_fail(raw: bytes) -> None:
    text = raw.decode(guess_wide(raw) or "utf-8", errors="replace")
    records = list(read_records(io.StringIO(text, newline=""), sniff_delimiter(text, True, means_address)))
    assert len(records) <= text.count("\n") + text.count("\r") + 1


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"\xef\xbb\xbfa", "utf-8-sig"),
        ("email,ä\n".encode("utf-16"), "utf-16"),
        ("email,name\n".encode("utf-16-le"), "utf-16-le"),
        ("email,name\n".encode("utf-16-be"), "utf-16-be"),
        ("a".encode("utf-32"), "utf-32"),
        (b"email,name\n", None),
        (b"", None),
    ],
)
def test_wide_encodings_are_known_by_mark_or_by_their_nuls(raw: bytes, encoding: str | None) -> None:
    assert guess_wide(raw) == encoding


@pytest.mark.parametrize(
    ("foreign", "broken", "undefined", "encoding"),
    [(0, 0, 0, "utf-8"), (9, 0, 4, "utf-8"), (0, 5, 0, "cp1252"), (0, 5, 1, "latin-1"), (100, 1, 0, "utf-8")],
)
def test_narrow_encodings_are_told_by_what_reads_well(foreign: int, broken: int, undefined: int, encoding: str) -> None:
    assert choose_narrow(foreign, broken, undefined) == encoding


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04\x14\x00", "Excel or OpenDocument"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n", "picture"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\n<html><body>", "web page"),
        (b"<?xml version", "XML"),
        (b'[{"email": "a@b.c"}]', "JSON"),
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (bytes(range(256)) * 4 + b"\0" * 200, "binary"),
    ],
)
def test_other_kinds_of_file_are_named_with_a_remedy(head: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        refuse_other_kinds(head, file="people.csv")
    assert told.value.remedy and "people.csv" in told.value.message


LINE = st.lists(st.sampled_from(["a", "", " b ", '"c"', '"d', 'e"', '"f""g"', '"h"i', "'", "x;y", "\0"]), max_size=5)
LINES = st.lists(LINE.map(",".join), max_size=60)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 9))
@settings(max_examples=examples(400), deadline=None)
def test_many_lines_at_once_are_read_as_they_are_one_by_one(lines: list[str], ending: str, most: int) -> None:
    """Also where a record is cut off by the end of the lines that are looked at together."""
    text = ending.join(["one,two,three", *lines])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "MOST_LINES", most)
        patch.setattr(csv_text, "CAREFUL", 1 + most // 3)
        at_once = list(read_records(io.StringIO(text, newline=""), ","))
        patch.setattr(csv_text, "_read_strictly", lambda lines, delimiter, width: ([], 0))
        one_by_one = list(read_records(io.StringIO(text, newline=""), ","))
    assert at_once == one_by_one
