"""A long file by several processes: to the letter what one process makes of it, whatever breaks."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from outreach.audience.csv_text import read_runs, without_blank
from outreach.errors import DatabaseError, InputError
from outreach.records import (
    Consent,
    ContactKind,
    Customer,
    GroupKind,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from outreach.store.consents import suppress
from outreach.work import import_room, intake, piles
from outreach.work.import_hand import Hand
from outreach.work.import_room import pieces_of
from outreach.work.stride import Stride
from outreach.work.text_pieces import runs_in
from outreach.work.workbook import Workbook
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import BOTH
from .hostile import make_hostile
from .importing import kept, states, take, take_file, workbook
from .test_import_piles import HEADINGS, _outcome, _people, _rows, _text, belongings


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Take small files by pieces and many piles; with so many child processes."""

    def begin(processes: int) -> None:
        monkeypatch.setattr(import_room, "ENOUGH", 1)
        monkeypatch.setattr(intake, "cores", lambda: 2)
        monkeypatch.setattr(import_room, "cores", lambda: processes + 1)
        monkeypatch.setattr(import_room, "PIECE", 700)
        monkeypatch.setattr(piles, "PILE", 20)
        monkeypatch.setattr(import_room, "AHEAD", 100)  # children, where there are some, do all
        monkeypatch.setattr(import_room.ImportRoom, "deal", deal)

    honest = import_room.ImportRoom.deal

    def deal(self: Any, take: Any) -> None:
        while not all(child.ready for child in self._children):
            self._hear(deque())
        honest(self, take)

    return begin


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The child processes that were started."""
    started: list[Any] = []
    honest = import_room.Child.__init__

    def note(self: Any, *given: Any) -> None:
        honest(self, *given)
        started.append(self)

    monkeypatch.setattr(import_room.Child, "__init__", note)
    yield started
    for child in started:
        assert child._process.returncode is not None, "nobody is left behind"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("seed", "processes"), [(0, 0), (1, 0), (2, 0), (3, 2)])
def test_several_processes_make_of_a_file_what_one_makes(
    workspace: Workspace, pieces: Callable[[int], None], children: list[Any], seed: int, processes: int
) -> None:
    before, text = take(workspace, _text(_rows(seed + 100, 20))), _text(_rows(seed, 160))
    assert before.created
    copy = workspace.root.with_name("copy")
    workspace.database.close()
    shutil.copytree(workspace.root, copy)
    other = open_workspace(copy, workspace.clock)
    alone = _outcome(other, text, preview=0)
    other.database.close()
    pieces(processes)
    together = _outcome(workspace, text, preview=0)
    assert len(children) == 3 * processes
    for name, value in alone.items():
        assert together[name] == value, name


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("processes", [0, 2])
def test_several_processes_make_of_json_lines_what_one_makes_whatever_keys_come_late(
    workspace: Workspace, pieces: Callable[[int], None], children: list[Any], processes: int
) -> None:
    assert take(workspace, _text(_rows(105, 20))).created
    rows = [dict(zip(HEADINGS, row, strict=True)) for row in _rows(5, 150)]
    lines = [json.dumps({key: cell for key, cell in row.items() if cell} | {"seats": n}) for n, row in enumerate(rows)]
    lines[40:40] = ["", "{broken", "[1]", json.dumps({"email": "late@b.de", "seats": "many", "tags": ["a", 'b"']})]
    text = "\n".join([*(json.dumps({"email": f"j{n}@b.de", "seats": n}) for n in range(1_100)), *lines])
    copy = workspace.root.with_name("copy")
    workspace.database.close()
    shutil.copytree(workspace.root, copy)
    other = open_workspace(copy, workspace.clock)
    alone, before = take(other, text, "people.jsonl"), _people(other)
    other.database.close()
    pieces(processes)
    together = take(workspace, text, "people.jsonl")
    assert len(children) == 3 * processes, "keys are found, then types, and then all is known"
    assert (together.counts, together.faults, together.warnings) == (alone.counts, alone.faults, alone.warnings)
    assert _people(workspace) == before
    assert kept(workspace)["late@b.de"]["attributes"]["seats"] == "many"
    assert kept(workspace)["j7@b.de"]["attributes"]["seats"] == "7", "a late cell that is no number belies the column"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("processes", [0, 2])
def test_a_workbook_is_read_once_and_judged_by_several_processes_as_by_one(
    workspace: Workspace,
    pieces: Callable[[int], None],
    children: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    processes: int,
) -> None:
    opened: list[Any] = []
    honest = Workbook.runs
    monkeypatch.setattr(Workbook, "runs", lambda self, most=1_000: (opened.append(self), honest(self, 30))[1])
    rows: list[list[Any]] = [["", ""], ["E-Mail", "Vorname", "Seats", "Seit", "PLZ"]]
    rows += [[f"u{n}@b.de", f"N{n}", n, 45_000 + n, "01067"] for n in range(1_100)]
    rows[120:120] = [["", "", "", "", ""], ["=1+1", "Bob", 6], [" ", "", ""], ["broken", "", 3, 1.5], ["u7@b.de"]]
    rows += [["late@b.de", "", "many", "", ""]]
    file = workbook(workspace.root / "people.xlsx", rows, dates=3)
    copy = workspace.root.with_name("copy")
    workspace.database.close()
    shutil.copytree(workspace.root, copy)
    other = open_workspace(copy, workspace.clock)
    alone, before = take_file(other, copy / "people.xlsx"), _people(other)
    other.database.close()
    assert alone.created == 1_101 and [row for row, _ in alone.faults] == [122, 124], "by the spreadsheet's numbers"
    pieces(processes)
    opened.clear()
    together = take_file(workspace, file)
    assert len(opened) == 1 and len(children) == 2 * processes, "a late cell belies a type"
    assert (together.counts, together.faults, together.warnings) == (alone.counts, alone.faults, alone.warnings)
    assert _people(workspace) == before
    told = kept(workspace)
    assert told["u5@b.de"]["attributes"] == {"seats": "5", "seit": "2023-03-20", "plz": "01067"}
    assert told["late@b.de"]["attributes"] == {"seats": "many"}


@BOTH
def test_plain_people_are_taken_over_with_all_that_their_rows_say(
    workspace: Workspace, pieces: Callable[[int], None]
) -> None:
    head = "email,vorname,telefon,land,plan,status,consent_at,consent_words\n"
    rows = [f"u{n}@b.de,Zoë {n},030 12345{n},DE,pro,,,\n" for n in range(60)]
    rows += [f'v{n}@b.de,"A ""b""\nc",,,"x,y",subscribed,2024-05-0{n + 1},"yes, ""I"" do"\n' for n in range(9)]
    rows += [f"w{n}@b.de,,,,,unsubscribed,,\n" for n in range(5)] + [f"x{n}@b.de,,,,,pending,,\n" for n in range(5)]
    alone = take(workspace, head + "".join(rows), list_name="alone")
    said, whose = _proofs(workspace), kept(workspace)
    undone(workspace)
    pieces(0)
    together = take(workspace, head + "".join(rows), list_name="alone")
    assert together.counts == alone.counts and together.unsubscribed == 5 and together.created == 79
    assert _proofs(workspace) == said and kept(workspace) == whose
    assert next(one for one in said if one[0] == "v3@b.de")[3:] == ("import", 'yes, "I" do', "people.csv:65")
    assert states(workspace)["w1@b.de"] == "unsubscribed" and states(workspace)["x1@b.de"] == "pending"
    again = take(workspace, head + "".join(rows), list_name="alone")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 79)


@BOTH
def test_companies_and_further_numbers_are_taken_over_and_those_known_by_then_join_them(
    workspace: Workspace, pieces: Callable[[int], None]
) -> None:
    take(workspace, "email,firma\nknown@b.de,ACME Ltd\nmoves@b.de,Old\n", list_name="alone")
    head = "email,vorname,telefon,mobil,firma,haushalt,land\n"
    rows = [f"u{n}@b.de,N{n},030 1234{n:02}; 040 1234{n:02},0170 12{n:02},acme  ltd,,DE\n" for n in range(40)]
    rows += [f"v{n}@b.de,N{n},,,{('Firm', 'FIRM', 'firm')[n % 3]} {n % 7},Elm {n},Atlantis\n" for n in range(40)]
    text = head + "".join(rows) + "moves@b.de,,,,New,,\n"
    pieces(0)
    result = take(workspace, text, list_name="alone")
    assert (result.created, result.updated, result.warnings) == (80, 1, {"unknown country: Atlantis": 40})
    found = belongings(workspace)
    assert len(found) == 2 + 40 * 3 + 40 * 2
    assert ("u7@b.de", None, GroupKind.COMPANY, "ACME Ltd", "people.csv:9") in found
    assert ("u7@b.de", None, ContactKind.PHONE, "", "040123407", "40123407", "people.csv") in found
    assert ("moves@b.de", None, GroupKind.COMPANY, "New", "people.csv:82") in found
    names = {one[3] for one in found if len(one) == 5 and one[2] == GroupKind.COMPANY and one[0][0] == "v"}
    assert len(names) == 7, "a company is called by one name"
    for address, one in kept(workspace).items():
        told = {row[3] for row in found if len(row) == 5 and row[0] == address and row[2] == GroupKind.COMPANY}
        assert told == {one["attributes"]["company"]}
    again = take(workspace, text, list_name="alone")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 81) and belongings(workspace) == found


def undone(workspace: Workspace) -> None:
    """Take all away that imports have made."""
    with workspace.database.write() as session:
        for table in (Consent, Subscription, Customer):
            for row in session.exec(select(table)):
                session.delete(row)
            session.flush()


def _proofs(workspace: Workspace) -> set[tuple[Any, ...]]:
    query = select(Customer.address, Consent.act, Consent.at, Consent.how, Consent.words, Consent.evidence)
    with workspace.database.read() as session:
        now = workspace.clock()
        rows = session.exec(query.join(Consent))
        return {(row[0], row[1], None if row[2] == now else row[2], *row[3:]) for row in rows}


@BOTH
@pytest.mark.parametrize("who", ["known", "blocked"])
def test_who_comes_to_be_known_or_blocked_between_look_and_write_is_noticed(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    pieces(0)
    honest = Hand.prepare

    def late(self: Hand, *given: Any) -> Any:
        ready = honest(self, *given)
        with workspace.database.write() as session:
            key = intake.Judge(self._task.manner, workspace.keys)._keys.key("u7@b.de")
            if who == "blocked":
                suppress(session, address_key=key, reason=SuppressionReason.BY_HAND, at=workspace.clock(), evidence="x")
            elif not session.exec(select(Customer.id).where(Customer.address_key == key)).first():
                one = {"public_id": "p" * 26, "address": "u7@b.de", "address_key": key, "first_name": "Here"}
                session.add(Customer(**one, created_at=workspace.clock(), updated_at=workspace.clock()))
        return ready

    monkeypatch.setattr(Hand, "prepare", late)
    result = take(workspace, "email,vorname\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(100)))
    assert result.counts["rows"] == 100 and result.created == 99
    if who == "blocked":
        assert result.suppressed == 1 and "u7@b.de" not in states(workspace)
    else:
        assert result.updated == 1 and kept(workspace)["u7@b.de"]["first_name"] == "N7"
        assert states(workspace)["u7@b.de"] == "subscribed"


def test_those_of_whom_somebody_came_in_between_are_written_in_turns_as_short_as_others(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stride(rows: Iterator[int] = iter((100, 5))) -> Stride:
        one = Stride(5, 100)
        one.rows = next(rows)
        return one

    def plan(session: Any, into: Any, people: Any) -> Any:
        sizes.append(len(people))
        return honest(session, into, people)

    sizes: list[int] = []
    honest = intake.plan_chunk
    pieces(0)
    monkeypatch.setattr(piles, "PILE", 50)
    monkeypatch.setattr(intake.Turns, "stride", stride)
    monkeypatch.setattr(intake, "met_since", lambda *_: True)
    monkeypatch.setattr(intake, "plan_chunk", plan)
    assert take(workspace, "email\n" + "".join(f"u{n}@b.de\n" for n in range(120))).created == 120
    assert sum(sizes) == 120 and sizes[1] < 40, "made ready in one turn, written one by one in several"


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_server_that_goes_away_between_two_piles_is_told_in_words(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces(0)
    honest, calls = intake.put_staged, [0]

    def put(much: Any, staged: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            number = much.connection.connection.driver_connection.info.backend_pid
            with workspace.database.write() as session:
                session.connection().exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (number,))
        honest(much, staged)

    monkeypatch.setattr(intake, "put_staged", put)
    text = "email\n" + "".join(f"u{n}@b.de\n" for n in range(200))
    with pytest.raises(DatabaseError):
        take(workspace, text)
    made = _count(workspace, Customer)
    assert 0 < made < 200
    result = take(workspace, text)
    assert (result.unchanged, result.created) == (made, 200 - made)


def test_a_late_cell_that_belies_its_columns_type_is_heeded_for_all_rows(
    workspace: Workspace, pieces: Callable[[int], None]
) -> None:
    pieces(0)
    rows = [f"u{n}@b.de,{n},,{'broken' if n == 3 else n}\n" for n in range(1_200)]
    text = "email,seats,late,whole\n" + "".join(rows) + "last@b.de,many,7,8\nbroken,1,1,1\n"
    told: list[int] = []
    result = take(workspace, text, progress=lambda done, whole: told.append(done))
    assert (result.created, result.invalid, result.rows) == (1_201, 1, 1_202) and told[-1] == 1_202
    assert [row for row, _ in result.faults] == [1_203]
    assert result.rejects is not None and result.rejects.read_text("utf-8-sig").count("\n") == 2
    assert not result.rejects.with_name("people.rejects-2.csv").exists()
    found = kept(workspace)
    assert found["u5@b.de"]["attributes"] == {"seats": "5", "whole": "5"}
    assert found["last@b.de"]["attributes"] == {"seats": "many", "late": 7, "whole": "8"}


def _in_pieces(path: Path, width: int, begin: int) -> list[tuple[int, list[str], str]]:
    """The rows of a text, piece by piece as the room takes them in."""
    found: list[tuple[int, list[str], str]] = []
    waiting, more = list(pieces_of(path, begin)), 0
    while waiting:
        start, size = waiting.pop(0)
        read = runs_in(path, "utf-8", ",", width=width, begin=start, size=size)
        while read[2] and waiting:
            size += waiting.pop(0)[1]
            read = runs_in(path, "utf-8", ",", width=width, begin=start, size=size)
        found += [(one.row + more, one.cells, one.fault) for run in read[0] for one in run.records()]
        more += read[1]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_the_same_wherever_a_text_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(import_room, "PIECE", 97)
    chance = random.Random(seed)
    cells = ["a", 'x"y', '"', '"two\nlines"', '"q""q"', '"open', "", " ", "\r", "b,c", '"', 'z"', "\u00fc"]
    weights = [9, 1, 0.1, 3, 2, 0.2, 3, 1, 0.1, 1, 0.1, 0.3, 3]
    lines = [",".join(chance.choices(cells, weights, k=3)) + chance.choice("\n\n\n\r") for _ in range(120)]
    text = "".join(line if chance.random() < 0.95 else line + "\n" for line in lines)
    file = tmp_path / "people.csv"
    file.write_text("a,b,c\n" + text, encoding="utf-8", newline="")
    with file.open(encoding="utf-8", newline="") as handle:
        runs = [without_blank(run) for run in read_runs(handle, ",")]
    whole = [(one.row - 1, one.cells, one.fault) for run in runs for one in run.records()][1:]
    assert _in_pieces(file, 3, 6) == whole


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_hostile_files_become_in_pieces_what_they_become_as_a_whole(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(number: int, folder: Path) -> Any:
        folder.mkdir()
        file, _ = make_hostile(folder, number)
        try:
            result = take(workspace, file.read_bytes(), file.name, dry_run=True)
        except InputError as told:
            return told.message
        return result.counts, result.faults, result.warnings

    numbers = range(200, 225)
    whole = [tried(number, workspace.root / f"a{number}") for number in numbers]
    pieces(0)
    monkeypatch.setattr(import_room, "PIECE", 5_000)
    assert [tried(number, workspace.root / f"b{number}") for number in numbers] == whole


@pytest.mark.parametrize("word", ["deal", "prepare"])
def test_what_a_child_owes_that_is_killed_is_done_here(
    workspace: Workspace, pieces: Callable[[int], None], children: list[Any], monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    pieces(2)
    asked: list[str] = []
    honest = import_room.Child.ask

    def ask(self: Any, message: Any) -> None:
        honest(self, message)
        asked.append(message[0])
        if asked.count(word) == 3:
            os.kill(self._process.pid, signal.SIGKILL)

    monkeypatch.setattr(import_room.Child, "ask", ask)
    result = take(workspace, "email,n\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(400)) + "u3@b.de,\nbad,\n")
    assert asked.count(word) >= 3 and len(children) == 2
    assert (result.created, result.duplicate, result.invalid, result.rows) == (400, 1, 1, 402)
    assert result.faults[0][0] == 403 and len(states(workspace)) == 400


def test_a_child_that_stands_still_is_given_up(
    workspace: Workspace, pieces: Callable[[int], None], children: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces(1)
    honest = import_room.Child.ask

    def ask(self: Any, message: Any) -> None:
        monkeypatch.setattr(import_room, "PATIENCE", 0.3)
        os.kill(self._process.pid, signal.SIGSTOP)
        honest(self, message)

    monkeypatch.setattr(import_room.Child, "ask", ask)
    assert take(workspace, "email\n" + "".join(f"u{n}@b.de\n" for n in range(200))).created == 200


def test_a_text_in_which_no_line_ends_is_read_as_a_whole(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces(0)
    monkeypatch.setattr(import_room, "MOST_PIECE", 1_000)
    text = "email,name\r\n" + "".join(f"u{n}@b.de,N{n}\r" for n in range(400)) + "broken,\r"
    result = take(workspace, text)
    assert (result.created, result.invalid, result.rows) == (400, 1, 401)
    assert result.faults == [(402, "'broken' is no e-mail address: it has no @")]


def test_a_file_that_is_read_as_a_whole_after_all_leaves_one_file_of_rejects(
    workspace: Workspace, pieces: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces(0)
    monkeypatch.setattr(import_room, "MOST_PIECE", 1_000)
    many = "".join(f"u{n}@b.de,N{n}\n" for n in range(800))  # some pieces are taken in before no line ends
    result = take(workspace, "email,name\nbroken,\n" + many + "".join(f"v{n}@b.de,N{n}\r" for n in range(200)))
    assert (result.created, result.invalid, result.rows) == (1_000, 1, 1_001)
    assert [path.name for path in workspace.root.glob("*.rejects*")] == ["people.rejects.csv"] and result.rejects


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("how", ["cut", "replaced", "gone"])
def test_a_file_that_changes_while_it_is_read_is_not_imported(
    workspace: Workspace,
    pieces: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    together: bool,
    how: str,
) -> None:
    file = workspace.root / "people.csv"
    whole = b"email,name\nbroken,\n" + b"".join(b"u%d@b.de,N%d\n" % (n, n) for n in range(400))
    honest = intake.Judge.judge

    def judge(self: Any, run: Any) -> Any:
        if how == "gone":
            file.unlink(missing_ok=True)
        elif file.stat().st_size == len(whole):
            other = file.with_name("other")
            other.write_bytes(whole[:1_500] if how == "cut" else whole.replace(b"N", b"Name "))
            if how == "replaced":
                other.rename(file)
            else:
                file.write_bytes(other.read_bytes())
        return honest(self, run)

    monkeypatch.setattr(intake.Judge, "judge", judge)
    if together:
        pieces(0)
    else:
        monkeypatch.setattr(piles, "PILE", 20)
    with pytest.raises(InputError, match=r"people.csv.*(changed while|cannot be read: No such)") as told:
        take(workspace, whole)
    assert told.value.remedy and _count(workspace, Customer) == 0


def test_a_process_is_forked_only_where_it_has_one_thread_and_goes_on_in_its_parent_alone() -> None:
    program = textwrap.dedent(
        """
        import signal, threading
        from outreach.work.children import Forked, may_fork
        print(may_fork())
        def fail():
            raise KeyboardInterrupt
        try:
            forked = Forked(fail)
        finally:
            print("one went on", flush=True)
        print(forked.wait(), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        print(may_fork())
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    alone = "True" if sys.platform == "linux" else "False"
    assert done.stdout.splitlines() == [alone, "one went on", "0 set()", "False"], done.stderr


def test_an_import_that_is_killed_leaves_nobody_behind_and_runs_again(workspace: Workspace) -> None:
    count = 4_000
    file = workspace.root / "people.csv"
    file.write_text("email,name\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(count)))
    before = {path.name for path in workspace.root.iterdir()}
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from outreach.work import import_room, intake, piles
        from outreach.work.workspace import open_workspace
        root, piles.PILE, import_room.ENOUGH, import_room.PIECE = Path(sys.argv[1]), 300, 1, 10_000
        intake.cores = import_room.cores = lambda: 3
        honest = import_room.Child.__init__
        def note(self, *given):
            honest(self, *given)
            print("child", self._process.pid, flush=True)
        import_room.Child.__init__ = note
        intake.import_customers(open_workspace(root), root / "people.csv", list_name="customers",
                                progress=lambda done, whole: print(done, whole, flush=True))
        """
    )
    running = subprocess.Popen([sys.executable, "-c", program, str(workspace.root)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    pids: list[int] = []
    for line in running.stdout:
        if line.startswith("child"):
            pids.append(int(line.split()[1]))
        elif int(line.split()[0]) > count // 2:
            break
    running.send_signal(signal.SIGKILL)
    running.communicate()
    _nobody_is_left(workspace, pids, before)
    _is_completed(workspace, file, count)
    assert set(states(workspace).values()) == {SubscriptionState.SUBSCRIBED}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_ctrl_c_ends_all_of_an_import_that_reads_or_writes_and_the_next_run_completes_it(workspace: Workspace) -> None:
    count = 12_000
    file = workspace.root / "people.csv"
    file.write_text("email,name\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(count)))
    before = {path.name for path in workspace.root.iterdir()}
    lines = textwrap.dedent(
        """
        import signal
        from outreach.cli import main
        from outreach.work import import_room, import_turns, intake, piles
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        piles.PILE, import_room.ENOUGH, import_room.PIECE = 300, 1, 20_000
        import_turns.CHUNK, import_turns.AT_A_STRETCH = import_turns.SMALLEST_CHUNK, 0.0
        import_turns.BREATH = 0.5  # it would write for ten seconds
        intake.cores = import_room.cores = lambda: 3
        main()
        """
    )
    words = ["-w", str(workspace.root), "customers", "import", str(file), "--list", "customers"]
    for at_work in ("reading", "writing"):
        command = [sys.executable, "-c", lines, *words]
        how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(command, start_new_session=True, **how) as running:  # a terminal tells all of them
            children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
            pids: list[str] = []
            while running.poll() is None and (
                len(pids) < 2 or (at_work == "writing" and not _count(workspace, Customer))
            ):
                pids = children.read_text().split()
            os.killpg(running.pid, signal.SIGINT)
            said, _ = running.communicate(timeout=30)
        assert running.returncode == 130, said
        assert "Traceback" not in said and "rror" not in said, said
        _nobody_is_left(workspace, list(map(int, pids)), before)
    _is_completed(workspace, file, count)


def _nobody_is_left(workspace: Workspace, pids: list[int], before: set[str]) -> None:
    """Both children are gone soon, and so are their files."""
    deadline = time.monotonic() + 10
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(map(_alive, pids))
    left = {path.name for path in workspace.root.iterdir()} - before
    assert {name for name in left if not name.startswith("outreach.db")} == set()


def _is_completed(workspace: Workspace, file: Path, count: int) -> None:
    """The next run makes those of so many people whom one that was broken off had not made."""
    written = _count(workspace, Customer)
    assert 0 < written < count
    result = take(workspace, file.read_bytes())
    assert (result.unchanged, result.created) == (written, count - written)
    assert [_count(workspace, table) for table in (Customer, Subscription, Consent)] == [count] * 3


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def _count(workspace: Workspace, table: Any) -> int:
    with workspace.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()
