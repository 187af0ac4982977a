"""The demo's people are the same at every run, varied, and never real."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from outreach.address import canonical_address
from outreach.cli.demo.people import (
    DUPLICATE,
    HEADINGS,
    MALFORMED,
    SUPPRESSED,
    sample_people,
    write_people_csv,
)
from outreach.errors import InputError


def test_there_are_200_and_each_run_has_the_same() -> None:
    assert len(sample_people()) == 200
    assert sample_people() == sample_people()


def test_they_live_in_many_places_and_speak_many_languages() -> None:
    people = sample_people()
    assert len({person["Country"] for person in people}) >= 8
    assert len({person["Time zone"] for person in people}) >= 8
    assert len({person["Language"] for person in people}) >= 4
    for person in people:
        ZoneInfo(person["Time zone"])
    assert 5 <= sum(not person["First name"] for person in people) <= 20
    assert 3 <= Counter(person["Status"] for person in people)["unsubscribed"] <= 15


def test_addresses_are_nobodys_and_one_is_malformed() -> None:
    people = sample_people()
    addresses = [person["E-Mail"] for person in people]
    assert len(set(addresses)) == 200
    with pytest.raises(InputError):
        canonical_address(MALFORMED)
    for address in addresses:
        if address != MALFORMED:
            domain = canonical_address(address).partition("@")[2]
            assert domain.split(".")[-2] == "example"
            assert address.isascii()
    suppressed = next(person for person in people if person["E-Mail"] == SUPPRESSED)
    assert suppressed["Status"] == "subscribed", "only the suppression keeps mail from her"
    assert addresses.count(MALFORMED) == 1


def test_the_file_is_such_as_a_spreadsheet_exports(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    write_people_csv(path)
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfE-Mail;First name;")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert list(rows[0]) == list(HEADINGS)
    assert len(rows) == 201
    assert canonical_address(rows[-1]["E-Mail"]).lower() == rows[0]["E-Mail"] == DUPLICATE.lower()
    assert any("\n" in row["Note"] for row in rows), "a quoted line break, as real notes have"
