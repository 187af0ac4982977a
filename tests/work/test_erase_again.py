"""An erasure outlives a restore: whoever was erased since the backup is erased again before anything can be sent."""

from __future__ import annotations

import resource
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.address import address_key
from outreach.errors import DatabaseError, NeedsPerson
from outreach.records import Customer, SuppressionReason
from outreach.store.backup import copy_database
from outreach.store.consents import find_suppression, suppress
from outreach.work.backup import BackupMade, back_up_workspace
from outreach.work.block import unblock
from outreach.work.erase import erase_customer
from outreach.work.erasures import REGISTER, Entry, Register, note, parse_register, person_key, read_register
from outreach.work.intake import import_customers
from outreach.work.restore import Restored, restore_workspace
from outreach.work.stop_again import accept_restored
from outreach.work.workspace import Workspace, check_may_send, open_workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .canary import MARK, marks_in_files, marks_in_rows, plant
from .planning_kit import make_campaign
from .replying import receive

ANN = "ann.canary@example.com"


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer(ANN, first_name=f"Ann {MARK}", phone="+442079460018", attributes={"plan": f"pro {MARK}"})


def back_up(workspace: Workspace, clock: HandClock, folder: Path) -> BackupMade:
    folder.mkdir(exist_ok=True)
    made = back_up_workspace(workspace.root, folder, clock=clock)
    clock.advance(hours=1)
    return made


def restore(workspace: Workspace, made: BackupMade, clock: HandClock) -> Restored:
    done = restore_workspace(workspace.root, made.file, clock=clock)
    clock.advance(hours=1)
    return done


def block_of(workspace: Workspace, address: str = ANN) -> SuppressionReason | None:
    with workspace.database.read() as session:
        found = find_suppression(session, address_key(workspace.keys, address))
    return found.reason if found is not None else None


@BOTH
def test_no_canary_comes_back_with_a_backup_made_before_the_erasure(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, clock: HandClock, tmp_path: Path
) -> None:
    make_customer("bob@example.com", first_name="Bob")
    plant(workspace, ann, address_key(workspace.keys, ANN), make_campaign(workspace))
    made = back_up(workspace, clock, tmp_path / "kept")
    erase_customer(workspace, ANN, by="maria")
    clock.advance(hours=1)
    done = restore(workspace, made, clock)
    assert done.erased is not None and done.erased.people == 1 and done.erased.washed
    assert done.erased.files == (), "the copy that was poured back is gone by then"
    assert marks_in_rows(workspace.database) == []
    assert marks_in_files(workspace.root) == []
    assert block_of(workspace) is SuppressionReason.ERASED
    with workspace.database.read() as session:
        assert session.scalars(select(Customer.first_name).order_by(col(Customer.id))).all() == [None, "Bob"]
    with pytest.raises(NeedsPerson):
        check_may_send(workspace)
    assert accept_restored(workspace)[0].people == 0, "once is enough"
    check_may_send(workspace)


def test_the_register_holds_no_name_and_a_restore_never_rolls_it_back(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, clock: HandClock, tmp_path: Path
) -> None:
    make_customer("bob@example.com")
    first = back_up(workspace, clock, tmp_path / "kept")
    erase_customer(workspace, ANN, by="maria")
    erase_customer(workspace, "bob@example.com", by="maria")
    text = (workspace.root / REGISTER).read_text(encoding="utf-8")
    assert "@" not in text and "ann" not in text and "maria" not in text
    assert len(text.splitlines()) == 3
    assert (workspace.root / REGISTER).stat().st_mode & 0o777 == 0o600
    clock.advance(hours=1)
    for _ in range(2):
        done = restore(workspace, first, clock)
        assert done.erased is not None and done.erased.people == 2
        assert (workspace.root / REGISTER).read_text(encoding="utf-8") == text


def test_a_later_backup_beside_it_tells_an_empty_folder_who_was_erased(
    workspace: Workspace, ann: int, clock: HandClock, tmp_path: Path
) -> None:
    monday = back_up(workspace, clock, tmp_path / "kept")
    erase_customer(workspace, ANN, by="maria")
    (tmp_path / "kept" / "other.tar.gz").write_bytes(b"no backup at all")
    back_up(workspace, clock, tmp_path / "kept")
    done = restore_workspace(tmp_path / "new", monday.file, clock=clock)
    assert done.erased is not None and done.erased.people == 1
    assert marks_in_files(tmp_path / "new") == []


def test_somebody_who_came_back_by_their_own_wish_stays(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, clock: HandClock, tmp_path: Path
) -> None:
    erase_customer(workspace, ANN, by="maria")
    clock.advance(hours=1)
    assert unblock(workspace, address_key(workspace.keys, ANN))
    back = make_customer(ANN, first_name="Ann")
    made = back_up(workspace, clock, tmp_path / "kept")
    done = restore(workspace, made, clock)
    assert done.erased is not None and (done.erased.people, done.erased.blocked) == (0, 0)
    with workspace.database.read() as session:
        assert session.get_one(Customer, back).address == ANN
    assert block_of(workspace) is None


@BOTH
def test_who_was_no_customer_yet_in_the_backup_is_blocked_and_their_messages_go(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    words = f"Where can I buy spare parts? {MARK}"
    receive(workspace, f"From: Ann <{ANN}>\r\nSubject: Parts\r\nMessage-ID: <1@x>\r\n\r\n{words}\r\n".encode())
    assert marks_in_rows(workspace.database) != []
    made = back_up(workspace, clock, tmp_path / "kept")
    ann = make_customer(ANN)
    erase_customer(workspace, ANN, by="maria")
    clock.advance(hours=1)
    restore(workspace, made, clock)
    assert marks_in_rows(workspace.database) == []
    file = tmp_path / "people.csv"
    file.write_text(f"email\n{ANN}\n", encoding="utf-8")
    assert import_customers(workspace, file, "customers").counts["suppressed"] == 1
    with workspace.database.read() as session:
        assert session.get(Customer, ann) is None


@BOTH
def test_another_address_a_merge_and_another_machines_erasure_are_known_too(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, clock: HandClock, tmp_path: Path
) -> None:
    bob = make_customer("bob@example.com", first_name="Bob")
    made = back_up(workspace, clock, tmp_path / "kept")
    with workspace.database.write() as session:
        customer = session.get_one(Customer, ann)
        customer.address, moved = "ann@example.org", address_key(workspace.keys, "ann@example.org")
        customer.address_key = moved
        session.add(customer)
    erase_customer(workspace, "ann@example.org", by="maria")
    with workspace.database.write() as session:  # as another machine on this database leaves it behind
        key = address_key(workspace.keys, "bob@example.com")
        reason = SuppressionReason.ERASED
        suppress(session, address_key=key, reason=reason, at=clock(), evidence="erased there")
    clock.advance(hours=1)
    done = restore(workspace, made, clock)
    assert done.erased is not None and done.erased.people == 2
    with workspace.database.read() as session:
        assert [session.get_one(Customer, one).first_name for one in (ann, bob)] == [None, None]


@pytest.mark.sqlite
def test_a_database_put_back_by_hand_is_seen_to_when_a_person_accepts_it(
    workspace: Workspace, ann: int, clock: HandClock, tmp_path: Path
) -> None:
    assert workspace.database.path is not None
    copy_database(workspace.database, tmp_path / "old.db")
    erase_customer(workspace, ANN, by="maria")
    workspace.database.close()
    for end in ("-wal", "-shm"):
        workspace.database.path.with_name(workspace.database.path.name + end).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "old.db", workspace.database.path)
    again = open_workspace(workspace.root, clock)
    with closing(again.database):
        with pytest.raises(NeedsPerson):
            check_may_send(again)
        assert accept_restored(again)[0].people == 1
        assert marks_in_files(again.root) == []


def test_a_register_of_other_keys_or_a_cut_line_says_nothing(workspace: Workspace, ann: int, tmp_path: Path) -> None:
    erase_customer(workspace, ANN, by="maria")
    data = (workspace.root / REGISTER).read_bytes()
    whole = parse_register(data, workspace.keys)
    assert len(whole.entries) == 1
    assert parse_register(data[:-9], workspace.keys) == Register()
    other = type(workspace.keys)(b"another key", workspace.keys.signing, workspace.keys.current)
    assert parse_register(data, other) == Register()
    assert read_register(tmp_path / "nowhere", workspace.keys) == Register()


def test_a_register_of_other_keys_is_put_aside_and_not_lost(workspace: Workspace, ann: int) -> None:
    register = workspace.root / REGISTER
    register.write_text("outreach erasures 1 0123456789abcdef\n2026-12-01T10:00:00+00:00 erased - aa\n")
    theirs = register.read_bytes()
    erase_customer(workspace, ANN, by="maria")
    assert len(read_register(register, workspace.keys).entries) == 1
    assert [path.read_bytes() for path in workspace.root.glob(f"{REGISTER}.*")] == [theirs]


def test_a_disk_that_fills_up_in_the_middle_of_a_line_is_no_line(workspace: Workspace, clock: HandClock) -> None:
    first, second = (Entry(clock(), "erased", name * 40, ("a" * 40,)) for name in "pq")
    note(workspace.root, workspace.keys, [first])
    register = workspace.root / REGISTER
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (register.stat().st_size + 20, before[1]))
    try:
        with pytest.raises(DatabaseError, match="cannot be written"):
            note(workspace.root, workspace.keys, [second])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_register(register, workspace.keys).entries == (first,)
    note(workspace.root, workspace.keys, [second])
    assert read_register(register, workspace.keys).entries == (first, second)


def test_what_was_lifted_later_is_not_blocked_again(workspace: Workspace, clock: HandClock) -> None:
    who, key = person_key(workspace.keys, "x"), address_key(workspace.keys, ANN)
    erased, lifted = Entry(clock(), "erased", who, (key,)), Entry(clock.advance(days=1), "lifted", "-", (key,))
    assert set(Register((erased,)).blocked()) == {key}
    assert Register((erased, lifted)).blocked() == {}
    again = Entry(clock.advance(days=1), "erased", "another", (key,))
    assert Register((erased, lifted, again)).blocked() == {key: again.at}
    assert Register((erased,)).knows(Entry(clock(), "erased", who, (key,)))
    assert not Register((erased, lifted)).knows(again)
