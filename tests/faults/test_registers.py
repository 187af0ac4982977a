"""The registers of stops and erasures are killed at each of their steps, cut by a full disk, and see the clock jump.

The promise: whoever said stop or was erased is not written to after a restore, though the database be lost in that very
instant. Where a register lacks what it once held, it does not say that it is whole, and the restore says so.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from outreach.address import KeyRing, address_key
from outreach.errors import OutreachError
from outreach.records import Customer, SuppressionReason
from outreach.store.consents import find_suppression
from outreach.work import register, stops
from outreach.work.backup import back_up_workspace
from outreach.work.block import unblock
from outreach.work.enter import Entered, add_customer
from outreach.work.erase import erase_customer
from outreach.work.restore import restore_workspace, told_known
from outreach.work.stop_again import accept_restored
from outreach.work.stops import HEADER, STOPS, prune_stops, read_register, since_of
from outreach.work.workspace import Workspace, check_may_send, open_workspace, stop_book

from ..conftest import START, HandClock, MakeCustomer
from ..work.test_stop_again import come_back, leave, may

LEFT = tuple(f"left{number}@example.com" for number in range(5))
GONE, ED = "gone@example.com", "ed@example.com"
Work = Callable[[Workspace, Path], object]


@dataclass
class Death:
    """Ends this process at one of the steps by which a register is written: before it, after it, or in its middle."""

    number: int
    when: str
    seen: int = 0

    def at(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            self.seen += 1
            here = self.seen == self.number
            if here and self.when == "in the middle" and step is WRITE:
                WRITE(given[0], given[1][: len(given[1]) // 2])
            if here and self.when != "after":
                os.kill(os.getpid(), signal.SIGKILL)
            done = step(*given, **named)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return stepped

    def lie_in_wait(self) -> None:
        for owner, name in (
            (os, "write"),
            (os, "pwrite"),
            (os, "ftruncate"),
            (register, "sync"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "write_bytes"),
            (DefaultDialect, "do_commit"),
        ):
            setattr(owner, name, self.at(getattr(owner, name)))


@dataclass
class FullDisk:
    """Takes so many octets more, and then only a part of what it is given, before it says that it is full."""

    room: int
    asked: int = 0

    def write(self, file: int, data: bytes) -> int:
        self.asked += len(data)
        if data and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = WRITE(file, data[: self.room])
        self.room -= taken
        return taken

    def lie_in_wait(self) -> None:
        os.write = self.write  # type: ignore[assignment]


WRITE = os.write


def live(root: Path, clock: HandClock, work: Work, fault: Death | FullDisk | None = None) -> int:
    """Do this in a process of its own; its exit status, -9 where it met its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            workspace = open_workspace(root, clock)
            stops.SLICE = 1
            if fault is not None:
                fault.lie_in_wait()
            with suppress(OutreachError):
                work(workspace, root.parent)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@dataclass(frozen=True)
class Before:
    """A folder `acme` whose people said stop after the backup in `kept` was made, to be copied for each death."""

    folder: Path
    clock: HandClock
    backup: str
    keys: KeyRing

    @contextmanager
    def copied(self, name: str) -> Iterator[Path]:
        place = self.folder.parent / name
        shutil.copytree(self.folder, place)
        yield place / "acme"
        shutil.rmtree(place)


@pytest.fixture
def before(workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path) -> Before:
    people = [make_customer(one) for one in (*LEFT, GONE, ED)]
    folder = tmp_path / "before"
    made = back_up_workspace(workspace.root, _made(folder / "kept"), clock=clock)
    clock.advance(hours=1)
    for one in people[: len(LEFT)]:
        leave(workspace, one, "customers")
        clock.advance(minutes=1)
    erase_customer(workspace, GONE, by="maria")
    clock.advance(hours=1)
    workspace.database.close()
    shutil.copytree(workspace.root, folder / "acme")
    return Before(folder, clock, made.file.name, workspace.keys)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def number_of(workspace: Workspace, address: str) -> int:
    with workspace.database.read() as session:
        return session.exec(select(Customer.id).where(Customer.address == address)).one() or 0


def ed_leaves(workspace: Workspace, _folder: Path) -> None:
    leave(workspace, number_of(workspace, ED), "customers")


def somebody_leaves_who_finds_none(workspace: Workspace, folder: Path) -> None:
    (workspace.root / STOPS).unlink()
    ed_leaves(workspace, folder)


def look_where_there_is_none(workspace: Workspace, _folder: Path) -> None:
    (workspace.root / STOPS).unlink()
    stop_book(workspace).follow()


def look_where_it_is_damaged(workspace: Workspace, _folder: Path) -> None:
    (workspace.root / STOPS).write_text("what is of other keys\nx\n")
    stop_book(workspace).follow()


def prune_some(workspace: Workspace, _folder: Path) -> None:
    """Of those who left the first two go."""
    now = FIRST + timedelta(days=1, minutes=1, seconds=30)
    prune_stops(workspace.root, workspace.keys, 1, now, dry_run=False)


FIRST = START + timedelta(hours=1)
"""When the first of those left."""


def erase_ed(workspace: Workspace, _folder: Path) -> None:
    erase_customer(workspace, ED, by="maria")


def back_up(workspace: Workspace, folder: Path) -> None:
    workspace.clock.advance(minutes=1)  # type: ignore[attr-defined]
    back_up_workspace(workspace.root, folder / "kept", clock=workspace.clock)


def restore_where_there_is_none(workspace: Workspace, folder: Path) -> None:
    (workspace.root / STOPS).unlink()
    workspace.database.close()
    restore_workspace(workspace.root, min((folder / "kept").glob("*.tar.gz")), clock=workspace.clock)


WORKS: list[Work] = [
    ed_leaves,
    somebody_leaves_who_finds_none,
    look_where_there_is_none,
    look_where_it_is_damaged,
    prune_some,
    erase_ed,
    back_up,
    restore_where_there_is_none,
]


def assert_honest(root: Path, keys: KeyRing) -> None:
    """What the register says that it holds, it holds."""
    found = read_register(root / STOPS, keys)
    known = {one.address for one in found.stops}
    for number, one in enumerate(LEFT):
        at = FIRST + timedelta(minutes=number)
        assert found.since is None or at < found.since or address_key(keys, one) in known, f"it lacks {one}"


def lose_database(root: Path) -> None:
    for path in root.glob("outreach.db*"):
        if not path.name.endswith("lock"):
            path.unlink()


def assert_nobody_revived(before: Before, root: Path, how: str, pruned: bool) -> None:
    """The older backup is put back: those who said stop are left alone, or it is told that some may not be.

    `how` the database ends before that: "lost" at once, "lost" after the next look (`outreach run`), or not.
    """
    before.clock.advance(seconds=1)
    with closing((workspace := open_workspace(root, before.clock)).database):
        if how == "lost later":
            stop_book(workspace).follow()
            assert read_register(root / STOPS, workspace.keys).since is not None
        with suppress(OperationalError), workspace.database.read() as session:
            ed = select(Customer.id).where(Customer.address_key == address_key(workspace.keys, ED))
            number = session.exec(ed).first()
            theirs = find_suppression(session, address_key(workspace.keys, ED))
        ed_erased = theirs is not None and theirs.reason is SuppressionReason.ERASED
        ed_left = number is not None and not may(workspace, number)
    if how != "kept":
        lose_database(root)
    done = restore_workspace(root, root.parent / "kept" / before.backup, clock=before.clock)
    told = list(told_known(done))
    with closing((workspace := open_workspace(root, before.clock)).database):
        accept_restored(workspace)
        check_may_send(workspace)
        there = numbers_of(workspace)
        assert GONE not in there and blocked(workspace, GONE), "revived"
        open_to = [one for one in LEFT if may(workspace, there[one])]
        assert not open_to or (how == "lost" and told), f"written to again, and nothing told: {open_to}"
        assert how == "lost" or pruned or not told
        if how != "lost":
            assert not (ed_erased and ED in there), "revived"
            assert not (ed_left and ED in there and may(workspace, there[ED]))


def numbers_of(workspace: Workspace) -> dict[str, int]:
    """The customers that there are, by address."""
    with workspace.database.read() as session:
        rows = session.exec(select(Customer.address, Customer.id)).all()
    return {address: number or 0 for address, number in rows if address}


def blocked(workspace: Workspace, address: str) -> bool:
    with workspace.database.read() as session:
        found = find_suppression(session, address_key(workspace.keys, address))
    return found is not None and found.reason is SuppressionReason.ERASED


def assert_promise(before: Before, root: Path, work: Work) -> None:
    """What must hold of a folder in which something went wrong in the midst of this work, whatever is lost next."""
    assert_honest(root, before.keys)
    for how in ("lost", "lost later", "kept"):
        with replace(before, folder=root.parent).copied("restored") as again:
            assert_nobody_revived(before, again, how, work is prune_some)


def die_at_each_step(before: Before, work: Work, one_of: int) -> int:
    """Die before, in and after each step of this work (or one of so many); how many deaths there were."""
    number = deaths = 0
    while True:
        number += 1
        for way, when in enumerate(("before", "in the middle", "after")):
            if (3 * (number - 1) + way) % one_of:
                continue
            with before.copied("dead") as root:
                ended = live(root, before.clock, work, Death(number, when))
                assert ended in (0, -signal.SIGKILL)
                if ended == 0:
                    return deaths
                deaths += 1
                assert_promise(before, root, work)


def fill_the_disk(before: Before, work: Work, one_of: int) -> int:
    """Do this work on disks with more and more room, `one_of` octets at a time, until there is enough; how many."""
    room = disks = 0
    enough = _octets_of(before, work)
    while room < enough:
        with before.copied("full") as root:
            assert live(root, before.clock, work, FullDisk(room)) == 0
            disks += 1
            assert_promise(before, root, work)
        room += one_of
    return disks


def _octets_of(before: Before, work: Work) -> int:
    disk = FullDisk(1 << 30)
    told = before.folder.parent / "octets"

    def counted(workspace: Workspace, folder: Path) -> None:
        work(workspace, folder)
        told.write_text(str(disk.asked))

    with before.copied("counted") as root:
        assert live(root, before.clock, counted, disk) == 0
    return int(told.read_text())


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_a_kill_at_a_step_of_a_register_revives_nobody(before: Before, work: Work) -> None:
    assert die_at_each_step(before, work, 67 if work is restore_where_there_is_none else 7) >= 1


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_a_disk_that_fills_up_in_a_register_revives_nobody(before: Before, work: Work) -> None:
    assert fill_the_disk(before, work, 331) >= 1


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_a_kill_before_in_and_after_each_step_of_a_register_revives_nobody(before: Before, work: Work) -> None:
    print(f"{work.__name__}: {die_at_each_step(before, work, 1)} kills, nobody revived")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_disks_with_room_for_more_and_more_of_a_register_revive_nobody(before: Before, work: Work) -> None:
    print(f"{work.__name__}: {fill_the_disk(before, work, 13)} full disks, nobody revived")


OUT, BACK_AGAIN, TWICE = "out@example.com", "back@example.com", "twice@example.com"


class Story:
    """What happens to three people between backups, while the clock is set at one moment and set right at another.

    OUT leaves, comes back and leaves again; BACK_AGAIN is erased and comes back by their own wish; so does TWICE, who
    is erased once more.
    """

    def __init__(self, workspace: Workspace, clock: HandClock, kept: Path) -> None:
        self.workspace, self.clock, self.kept = workspace, clock, kept
        self.backups: list[Path] = []

    def steps(self) -> list[Callable[[], object]]:
        return [
            self.back_up,
            lambda: leave(self.workspace, self.number(OUT), "customers"),
            lambda: come_back(self.workspace, self.number(OUT), "customers"),
            lambda: erase_customer(self.workspace, BACK_AGAIN, by="maria"),
            lambda: erase_customer(self.workspace, TWICE, by="maria"),
            lambda: self.let_in(BACK_AGAIN),
            lambda: self.let_in(TWICE),
            self.back_up,
            lambda: leave(self.workspace, self.number(OUT), "customers"),
            lambda: erase_customer(self.workspace, TWICE, by="maria"),
        ]

    def number(self, address: str) -> int:
        return numbers_of(self.workspace)[address]

    def back_up(self) -> None:
        made = back_up_workspace(self.workspace.root, self.kept / f"{len(self.backups)}.tar.gz", clock=self.clock)
        self.backups.append(made.file)

    def let_in(self, address: str) -> None:
        assert unblock(self.workspace, address_key(self.workspace.keys, address))
        add_customer(self.workspace, address, Entered({}, [], []), by="maria", list_name="customers", consent="yes")

    def tell(self, leap: timedelta, at: int, until: int) -> None:
        for place, step in enumerate(self.steps()):
            self.clock.now += leap if place == at else -leap if place == until else timedelta()
            step()
            self.clock.advance(minutes=1)


def assert_clock_revives_nobody(workspace: Workspace, clock: HandClock, folder: Path, *leap: Any) -> None:
    """Tell the story so, and put each of its backups back, once with all that came after, once with the registers."""
    story = Story(workspace, clock, _made(folder / "kept"))
    story.tell(*leap)
    workspace.database.close()
    for number, backup in enumerate(story.backups):
        for lost in (False, True):
            place = folder / f"restored{number}{lost}"
            shutil.copytree(workspace.root, place)
            if lost:
                lose_database(place)
            restore_workspace(place, backup, clock=clock)
            with closing((again := open_workspace(place, clock)).database):
                accept_restored(again)
                there = numbers_of(again)
                assert not may(again, there[OUT]), "who left is written to again"
                assert TWICE not in there and blocked(again, TWICE), "who was erased is revived"
                assert (BACK_AGAIN in there) == (number > 0), "who came back is erased, or who was erased revived"
            shutil.rmtree(place)


LEAPS = [timedelta(days=-1), timedelta(days=365)]
PLACES = [(at, until) for at in range(10) for until in range(at + 1, 11)]


@pytest.fixture
def three(make_customer: MakeCustomer, clock: HandClock) -> None:
    for one in (OUT, BACK_AGAIN, TWICE):
        make_customer(one)
    clock.advance(minutes=1)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("leap", LEAPS, ids=["a day back", "a year ahead"])
@pytest.mark.parametrize(("at", "until"), [(0, 2), (0, 10), (1, 4), (2, 9), (5, 6), (6, 9)])
def test_a_clock_that_is_set_and_set_right_revives_nobody(
    workspace: Workspace, clock: HandClock, tmp_path: Path, leap: timedelta, at: int, until: int
) -> None:
    assert_clock_revives_nobody(workspace, clock, tmp_path, leap, at, until)


@pytest.mark.long
@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("leap", LEAPS, ids=["a day back", "a year ahead"])
@pytest.mark.parametrize(("at", "until"), PLACES)
def test_a_clock_that_is_set_at_any_moment_and_set_right_at_any_later_one_revives_nobody(
    workspace: Workspace, clock: HandClock, tmp_path: Path, leap: timedelta, at: int, until: int
) -> None:
    assert_clock_revives_nobody(workspace, clock, tmp_path, leap, at, until)


def leave_one_by_one(root: Path, clock: HandClock, numbers: Sequence[int], told: Path) -> int:
    """Start a process in which these leave, and each is noted in `told` as soon as they are answered; its number.

    The second half waits until the register was lost once, and the last until it was lost twice.
    """
    gates = {len(numbers) // 2: 1, len(numbers) - 1: 2}
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        workspace = open_workspace(root, clock)
        for at, number in enumerate(numbers):
            while at in gates and not _lost(told, gates[at]).exists():
                time.sleep(0.001)
            leave(workspace, number, "customers")
            with told.open("a", encoding="ascii") as file:
                file.write(f"{number}\n")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _lost(told: Path, times: int) -> Path:
    """The mark of a register that was lost so often."""
    return told.with_name(f"lost {times}")


def assert_all_stand_there(workspace: Workspace, clock: HandClock, told: Path, addresses: dict[int, str]) -> None:
    """Who was answered stands in the register, unless it says that it is not whole."""
    answered = [int(line) for line in told.read_text().split()] if told.exists() else []
    found = read_register(workspace.root / STOPS, workspace.keys)
    known = {one.address for one in found.stops}
    missing = [one for one in answered if address_key(workspace.keys, addresses[one]) not in known]
    assert found.since is None or found.since > clock() or not missing, missing


def leave_together(workspace: Workspace, clock: HandClock, make: MakeCustomer, folder: Path, each: int) -> None:
    """Two processes write the register, while this one looks, prunes, backs up, and loses the register twice."""
    stops_of = {make(f"p{number}@example.com"): f"p{number}@example.com" for number in range(2 * each)}
    numbers, told = sorted(stops_of), folder / "told"
    made = back_up_workspace(workspace.root, _made(folder / "kept"), clock=clock)
    clock.advance(hours=1)
    workspace.database.close()
    children = [leave_one_by_one(workspace.root, clock, numbers[part::2], told) for part in range(2)]
    lost = 0
    while children:
        for work in (lambda: stop_book(workspace).follow(), lambda: prune_nothing(workspace, clock)):
            work()
            assert_all_stand_there(workspace, clock, told, stops_of)
        answered = len(told.read_text().split()) if told.exists() else 0
        if answered > (lost + 1) * each // 2 and lost < 2:
            lost += 1
            (workspace.root / STOPS).unlink()
            _lost(told, lost).touch()
        children = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]
    assert lost == 2 and len(told.read_text().split()) == 2 * each
    stop_book(workspace).follow()
    assert_all_stand_there(workspace, clock, told, stops_of)
    assert read_register(workspace.root / STOPS, workspace.keys).since is not None
    workspace.database.close()
    lose_database(workspace.root)
    assert list(told_known(restore_workspace(workspace.root, made.file, clock=clock))) == []
    with closing((again := open_workspace(workspace.root, clock)).database):
        accept_restored(again)
        assert not [one for one in numbers if may(again, one)]


def prune_nothing(workspace: Workspace, clock: HandClock) -> None:
    """Have the register written anew beside itself, with all of its lines."""
    path = workspace.root / STOPS
    since = since_of(path, workspace.keys)
    if since is not None:
        head = path.read_bytes().partition(b"\n")[0].decode()
        register.shorten(path, HEADER, workspace.keys, head, lambda line: b" stop " in line)


def test_processes_that_write_prune_and_lose_a_register_at_once_lose_nobody(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    leave_together(workspace, clock, make_customer, tmp_path, 20)


@pytest.mark.long
def test_processes_that_write_prune_and_lose_a_register_four_hundred_times_lose_nobody(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    leave_together(workspace, clock, make_customer, tmp_path, 400)
