"""Whatever file is given: no traceback, nothing lost, each refused row named with file, line and remedy.

The long form makes 5,000 files: OUTREACH_LONG=1 pytest -m long -n 0 tests/work/test_import_hostile.py
"""

from __future__ import annotations

import csv
import resource
from pathlib import Path

import pytest

from outreach.errors import InputError
from outreach.work.workspace import Workspace

from .hostile import make_hostile
from .importing import kept, take_file

SHORT, LONG = 60, 5_000
PARTS = ("created", "updated", "unchanged", "invalid", "duplicate", "suppressed")


def _try(workspace: Workspace, number: int) -> str:
    """Import one file, and check what became of it; what that was."""
    folder = workspace.root / f"h{number}"
    folder.mkdir()
    file, good = make_hostile(folder, number)
    try:
        result = take_file(workspace, file)
    except InputError as told:
        assert file.name in told.message and told.remedy, (number, told.message)
        assert good is None, (number, told.message)
        return "refused"
    counts = result.counts
    assert counts["rows"] == sum(counts[part] for part in PARTS), number
    if good is not None:
        assert good <= kept(workspace).keys(), (number, good - kept(workspace).keys())
    assert (result.rejects is None) is (result.invalid == 0)
    if result.rejects is not None:
        limit = csv.field_size_limit(200_000_000)
        with result.rejects.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.reader((line.replace("\0", "") for line in handle), delimiter=_delimiter(result.delimiter)))
        csv.field_size_limit(limit)
        assert len(rows) == result.invalid + 1, number
        assert all(row[0].isdigit() and row[1] for row in rows[1:]), number
        assert [(int(row[0]), row[1]) for row in rows[1:]][:100] == [
            (row, reason.replace("\0", "")) for row, reason in result.faults
        ]
    return "taken" if result.invalid == 0 else "some"


def _delimiter(name: str) -> str:
    return {"semicolon": ";", "tab": "\t", "pipe": "|"}.get(name, ",")


def test_hostile_files_are_refused_politely_and_good_rows_among_them_are_kept(workspace: Workspace) -> None:
    seen = [_try(workspace, number) for number in range(SHORT)]
    assert {"refused", "some"} <= set(seen)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(10))
def test_five_thousand_hostile_files_do_no_harm(workspace: Workspace, part: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(SHORT + part * LONG // 10, SHORT + (part + 1) * LONG // 10):
        _try(workspace, number)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 600, f"{grown:.0f} MB more for files of 10 MB at most"


def test_a_field_of_ten_megabytes_is_refused_by_its_row_and_costs_no_memory(
    workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,note\na@example.com,x\nb@example.com," + "x" * 10_000_000 + "\nc@example.com,y\n")
    result = take_file(workspace, file)
    assert (result.created, result.invalid) == (2, 1) and result.faults[0][0] == 3
    assert result.rejects is not None and result.rejects.stat().st_size < 1_000_000
