"""Files dropped into the watched folder: taken once, whole, and moved; a crash between loses and doubles nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outreach.records import Channel
from outreach.work import dropped
from outreach.work.collect import CollectCounts, collect_all, collect_files
from outreach.work.dropped import take_dropped, watched_folder
from outreach.work.workspace import Workspace

from .replying import inbounds

ROWS = "text,channel,at\nIt leaks,phone,2026-11-30\nIt smells,letter,2026-11-30\n"


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    found = watched_folder(workspace)
    assert found is not None
    return found


def lying(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def taken(workspace: Workspace, folder: Path) -> list[tuple[str, str]]:
    return [(one.file, one.where) for one in take_dropped(workspace, folder, settled=0)]


def kept(workspace: Workspace) -> int:
    with workspace.database.read() as session:
        return len(inbounds(session))


def test_files_are_taken_and_moved_and_never_written_over(workspace: Workspace, folder: Path) -> None:
    for number in (1, 2):
        (folder / "calls.csv").write_text(ROWS + f"more {number},phone,2026-11-30\n", encoding="utf-8")
        assert taken(workspace, folder) == [("calls.csv", "done/calls.csv" if number == 1 else "done/calls-2.csv")]
    assert kept(workspace) == 4
    assert lying(folder) == ["done/calls-2.csv", "done/calls.csv"]


def test_what_cannot_be_used_lies_in_rejected_with_its_reason(workspace: Workspace, folder: Path) -> None:
    (folder / "book.csv").write_bytes(b"PK\x03\x04rest")
    (folder / "some.csv").write_text(ROWS + "bad,smoke,\n", encoding="utf-8")
    assert taken(workspace, folder) == [("book.csv", "rejected/book.csv"), ("some.csv", "done/some.csv")]
    assert lying(folder) == [
        "done/some.csv",
        "rejected/book.csv",
        "rejected/book.csv.reason.txt",
        "rejected/some.rejects.csv",
    ]
    assert "Excel" in (folder / "rejected/book.csv.reason.txt").read_text(encoding="utf-8")
    assert kept(workspace) == 2


def test_what_may_still_be_written_waits(workspace: Workspace, folder: Path) -> None:
    for name in (".hidden.csv", "half.csv.part", "half.csv.filepart"):
        (folder / name).write_text(ROWS, encoding="utf-8")
    (folder / "link.csv").symlink_to(folder / ".hidden.csv")
    os.mkfifo(folder / "pipe.csv")
    assert taken(workspace, folder) == []
    (folder / "fresh.csv").write_text(ROWS, encoding="utf-8")
    os.utime(folder / "fresh.csv", (1_700_000_000, 1_700_000_000))
    assert [one.waits for one in take_dropped(workspace, folder, settled=60)] == [True], "a copied date is no proof"
    with (folder / "fresh.csv").open("a", encoding="utf-8") as writer:
        assert [(one.file, one.waits) for one in take_dropped(workspace, folder, settled=0)] == [("fresh.csv", True)]
        writer.write("It hisses,phone,2026-11-30\n")
    assert kept(workspace) == 0
    assert taken(workspace, folder) == [("fresh.csv", "done/fresh.csv")]
    assert kept(workspace) == 3


def test_a_crash_before_the_move_loses_and_doubles_nothing(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "calls.csv").write_text(ROWS, encoding="utf-8")

    def die(*_: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(dropped, "_move", die)
        with pytest.raises(KeyboardInterrupt):
            take_dropped(workspace, folder, settled=0)
    assert kept(workspace) == 2
    counts = [one.counts for one in take_dropped(workspace, folder, settled=0)]
    assert [(one.stored, one.known) for one in counts if one is not None] == [(0, 2)]
    assert lying(folder) == ["done/calls.csv"]


def test_a_file_that_grows_while_it_is_read_stays_until_all_of_it_is_in(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "calls.csv"
    path.write_text(ROWS, encoding="utf-8")
    real = dropped.import_file

    def read_and_grow(*given: object) -> object:
        counts = real(*given)  # type: ignore[arg-type]
        with path.open("a", encoding="utf-8") as writer:
            writer.write("It hisses,phone,2026-11-30\n")
        return counts

    with monkeypatch.context() as busy:
        busy.setattr(dropped, "import_file", read_and_grow)
        assert taken(workspace, folder) == []
    assert taken(workspace, folder) == [("calls.csv", "done/calls.csv")]
    assert kept(workspace) == 3


def test_a_round_takes_the_folder_in_and_tells_of_a_bad_file_once(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.work.collect.take_dropped", lambda w, f: take_dropped(w, f, settled=0))
    (folder / "calls.csv").write_text(ROWS, encoding="utf-8")
    (folder / "noise.bin").write_bytes(b"\x00\x01")
    counts = collect_all(workspace)
    assert (counts.stored, counts.read, [one.file for one in counts.files]) == (2, 2, ["calls.csv", "noise.bin"])
    assert "noise.bin in incoming/ cannot be used" in counts.troubles[-1].message
    again = CollectCounts()
    assert (collect_files(workspace, again), again.troubles) == ([], [])
    with workspace.database.read() as session:
        assert {one.channel for one in inbounds(session)} == {Channel.PHONE, Channel.LETTER}
