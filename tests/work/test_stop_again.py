"""A stop outlives a restore: whoever left, was blocked or paused since the backup is left alone before mail goes."""

from __future__ import annotations

import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.address import address_key, new_key_ring, write_key_ring
from outreach.audience.consent import may_mail
from outreach.errors import DatabaseError
from outreach.records import Consent, ConsentAct, Customer, Delivery, Kind, MailingList, StrangerStop, SuppressionReason
from outreach.store.consents import (
    find_suppression,
    mail_facts,
    resubscribe,
    subscribe,
    subscriptions_of,
    suppress,
    unsubscribe,
)
from outreach.store.customers import ensure_list, list_id_of
from outreach.store.wishes import keep_wish, wish_of
from outreach.work import import_room, intake, piles
from outreach.work.backup import back_up_workspace
from outreach.work.block import block, blocked_key, unblock
from outreach.work.duplicates import merge
from outreach.work.enter import Entered, add_customer
from outreach.work.erase import erase_customer
from outreach.work.prune import prune
from outreach.work.restore import restore_workspace, told_known
from outreach.work.sign_up import sign_up
from outreach.work.stop_again import accept_restored
from outreach.work.stops import STOPS, prune_stops, read_register, still_said
from outreach.work.undo import undo_import
from outreach.work.workspace import KEYS, Workspace, check_may_send, open_workspace, stop_book

from ..conftest import BOTH, HandClock, MakeCustomer
from .importing import take
from .test_erase_again import back_up, restore

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


def leave(workspace: Workspace, customer: int, *lists: str, how: str = "page") -> None:
    with workspace.database.write() as session:
        for name in lists or (None,):
            list_id = None if name is None else list_id_of(session, name)
            way = {"at": workspace.clock(), "how": how, "evidence": "a link"}
            unsubscribe(session, customer_id=customer, list_id=list_id, **way)


def come_back(workspace: Workspace, customer: int, name: str | None = None) -> None:
    with workspace.database.write() as session:
        list_id = None if name is None else list_id_of(session, name)
        way = {"at": workspace.clock(), "how": "page", "evidence": "a button", "words": "yes"}
        assert resubscribe(session, customer_id=customer, list_id=list_id, **way)


def join(workspace: Workspace, customer: int, *names: str) -> None:
    with workspace.database.write() as session:
        for name in names:
            number = ensure_list(session, name, workspace.clock())
            way = {"at": workspace.clock(), "how": "form", "evidence": "x"}
            subscribe(session, customer_id=customer, list_id=number, **way)


def may(workspace: Workspace, customer: int, name: str = "customers") -> bool:
    with workspace.database.read() as session:
        facts = mail_facts(session, list_id_of(session, name), [customer])[customer]
    return may_mail(facts, Kind.NEWS, workspace.clock()).allowed


def blocked(workspace: Workspace, who: str) -> SuppressionReason | None:
    with workspace.database.read() as session:
        found = find_suppression(session, blocked_key(workspace, who)[1])
    return found.reason if found is not None else None


def lines_of(workspace: Workspace) -> list[str]:
    return (workspace.root / STOPS).read_text(encoding="utf-8").splitlines()


@BOTH
def test_nobody_who_said_stop_after_the_backup_is_written_to_when_it_is_put_back(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann, bob, _, di, ed, fay = (make_customer(f"{one}@example.com") for one in ("ann", "bob", "cy", "di", "ed", "fay"))
    join(workspace, ann, "tips")
    join(workspace, fay, "tips")
    leave(workspace, ed)
    made = back_up(workspace, clock, tmp_path / "kept")
    leave(workspace, ann, "tips")
    leave(workspace, bob)
    with workspace.database.write() as session:
        key, reason = address_key(workspace.keys, CY), SuppressionReason.ABUSE_REPORT
        suppress(session, address_key=key, reason=reason, at=clock(), evidence="a report")
        keep_wish(
            session, di, paused_until=clock() + timedelta(days=30), every_days=7, no_topics=(), channel="",
            at=clock(), how="page", evidence="x",
        )  # fmt: skip
    block(workspace, blocked_key(workspace, "@spam.example")[1], "a lawyer's letter", by="maria")
    leave(workspace, fay)
    clock.advance(hours=1)
    come_back(workspace, ed)
    come_back(workspace, fay, "tips")
    done = restore(workspace, made, clock)
    assert done.stopped is not None
    assert (done.stopped.people, done.stopped.strangers) == (6, 1), "ann, bob, cy, di, fay and the domain"
    assert (may(workspace, ann, "tips"), may(workspace, ann), may(workspace, bob)) == (False, True, False)
    assert (blocked(workspace, BOB), blocked(workspace, CY)) == (
        SuppressionReason.UNSUBSCRIBED_ALL,
        SuppressionReason.ABUSE_REPORT,
    )
    assert blocked(workspace, "@spam.example") is SuppressionReason.BY_HAND
    assert (may(workspace, fay, "tips"), may(workspace, fay)) == (True, False), "she came back to one of them"
    assert not may(workspace, ed), "that he came back is proved by nothing any more: he stays as the backup has him"
    with workspace.database.read() as session:
        wish = wish_of(session, di)
        assert wish is not None and wish.paused_until is not None and wish.every_days == 0
        act = session.exec(select(Consent).where(Consent.customer_id == bob, Consent.list_id == None)).one()  # noqa: E711
        assert act.act is ConsentAct.WITHDRAWN and "register of stops" in act.evidence
    assert accept_restored(workspace)[1].people == 0, "once is enough"
    check_may_send(workspace)


@BOTH
def test_a_later_word_with_proof_in_the_database_wins_over_an_earlier_stop(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    leave(workspace, ann, "customers")
    leave(workspace, bob)
    key = blocked_key(workspace, "@spam.example")[1]
    block(workspace, key, "a letter", by="maria")
    clock.advance(hours=1)
    come_back(workspace, ann, "customers")
    come_back(workspace, bob)
    assert unblock(workspace, key)
    made = back_up(workspace, clock, tmp_path / "kept")
    done = restore(workspace, made, clock)
    assert done.stopped is not None and done.stopped.people == 0
    assert may(workspace, ann) and may(workspace, bob) and blocked(workspace, "@spam.example") is None
    leave(workspace, ann, "customers")
    again = restore(workspace, made, clock)
    assert again.stopped is not None and again.stopped.people == 1 and not may(workspace, ann)


@BOTH
def test_a_file_brings_nobody_back_who_was_no_customer_in_the_backup(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    made = back_up(workspace, clock, tmp_path / "kept")
    join(workspace, make_customer(ANN), "offers")
    bob = make_customer(BOB)
    join(workspace, bob, "offers")
    with workspace.database.read() as session:
        ann = session.exec(select(Customer.id).where(Customer.address == ANN)).one() or 0
    leave(workspace, ann, "offers")
    done = restore(workspace, made, clock)
    assert done.stopped is not None and (done.stopped.people, done.stopped.strangers) == (1, 1)
    assert done.stopped.lists == ("offers",)
    assert blocked(workspace, ANN) is None, "she left one list"
    counts = take(workspace, f"email\n{ANN}\n{BOB}\n", list_name="offers").counts
    assert (counts["created"], counts["suppressed"]) == (2, 0)
    ann, bob = number_of(workspace, ANN), number_of(workspace, BOB)
    assert (may(workspace, ann, "offers"), may(workspace, bob, "offers")) == (False, True)
    join(workspace, ann, "customers")
    assert may(workspace, ann), "of the other list nothing was said"
    clock.advance(hours=1)
    come_back(workspace, ann, "offers")
    assert may(workspace, ann, "offers") and accept_restored(workspace)[1].people == 0


def number_of(workspace: Workspace, address: str) -> int:
    with workspace.database.read() as session:
        return session.exec(select(Customer.id).where(Customer.address == address)).one() or 0


@BOTH
@pytest.mark.parametrize("way", ["file", "large file", "page", "colleague"])
def test_what_was_said_before_the_restore_holds_however_somebody_becomes_a_customer_again(
    workspace: Workspace,
    clock: HandClock,
    make_customer: MakeCustomer,
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if way == "large file":  # is read in pieces, as by several processes
        monkeypatch.setattr(import_room, "ENOUGH", 1)
        monkeypatch.setattr(intake, "cores", lambda: 2)
        monkeypatch.setattr(import_room, "cores", lambda: 1)
        monkeypatch.setattr(piles, "PILE", 20)
    with workspace.database.write() as session:
        mailing_list = session.exec(select(MailingList).where(MailingList.name == "customers")).one()
        mailing_list.sign_up, mailing_list.words, mailing_list.double_opt_in = True, "A tip a week.", way == "page"
        session.add(mailing_list)
    made = back_up(workspace, clock, tmp_path / "kept")
    ann, bob = make_customer(ANN), make_customer(BOB)
    leave(workspace, ann, "customers")
    with workspace.database.write() as session:
        until = clock() + timedelta(days=60)
        told = {"every_days": 0, "no_topics": (), "channel": "", "at": clock(), "how": "page", "evidence": "x"}
        keep_wish(session, bob, paused_until=until, **told)
    done = restore(workspace, made, clock)
    assert done.stopped is not None and (done.stopped.people, done.stopped.strangers, done.stopped.stops) == (2, 2, 2)
    if "file" in way:
        more = "".join(f"p{number}@example.com\n" for number in range(60 if way == "large file" else 0))
        take(workspace, f"email\n{more}{ANN}\n{BOB}\n")
    else:
        for who in (ANN, BOB):
            if way == "page":
                sign_up(workspace, "customers", who, language="en", place="the page")
            else:
                add_customer(workspace, who, Entered({}, [], []), by="maria", list_name="customers", consent="yes")
    ann, bob = number_of(workspace, ANN), number_of(workspace, BOB)
    assert not may(workspace, ann)
    assert may(workspace, bob) is (way != "page"), "on the page he has yet to press the button"
    with workspace.database.read() as session:
        wish, act = (
            wish_of(session, bob),
            session.exec(select(Consent).where(Consent.act == ConsentAct.WITHDRAWN)).one(),
        )
        mails = session.exec(select(Delivery.occasion).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        assert wish is not None and wish.paused_until == until and wish_of(session, ann) is None
        assert act.customer_id == ann and "register of stops" in act.evidence
    assert [one.split("/")[0] for one in mails] == (["back", "confirm"] if way == "page" else [])
    assert accept_restored(workspace)[1].stops == 0
    assert ANN not in str(rows_of(workspace))


def rows_of(workspace: Workspace) -> list[dict[str, object]]:
    with workspace.database.read() as session:
        return [one.model_dump() for one in session.exec(select(StrangerStop))]


@BOTH
def test_an_import_that_is_taken_back_takes_no_stop_with_it_and_an_erasure_does(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    made = back_up(workspace, clock, tmp_path / "kept")
    leave(workspace, make_customer(ANN), "customers")
    restore(workspace, made, clock)
    for _ in range(2):
        summary = take(workspace, f"email\n{ANN}\n")
        assert not may(workspace, number_of(workspace, ANN))
        undo_import(workspace, summary.import_id or 0, by="maria")
    assert len(rows_of(workspace)) == 1
    if number := find_number(workspace, ANN):
        assert not may(workspace, number)
    take(workspace, f"email\n{ANN}\n")
    erase_customer(workspace, ANN, by="maria")
    assert rows_of(workspace) == []


def find_number(workspace: Workspace, address: str) -> int | None:
    with workspace.database.read() as session:
        return session.exec(select(Customer.id).where(Customer.address == address)).first()


def test_the_register_holds_no_address_and_each_stop_is_on_the_disk_at_once(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    leave(workspace, make_customer(ANN, first_name="Ann"))
    first = lines_of(workspace)
    assert [one.split(" ")[1] for one in first[1:]] == ["stop", "stop"]
    assert [one.split(" ")[4] for one in first[1:]] == ["list:customers", "all"]
    assert "ann" not in "".join(first) and "@" not in "".join(first)
    assert (workspace.root / STOPS).stat().st_mode & 0o777 == 0o600
    leave(workspace, make_customer(BOB), "customers")
    assert len(lines_of(workspace)) == len(first) + 1
    assert stop_book(workspace).follow() == 0, "what the database knows is there already"


@BOTH
def test_what_was_stored_past_the_register_is_read_out_of_the_database(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    book = stop_book(workspace)
    ann = make_customer(ANN)
    assert book.follow() == 0 and len(lines_of(workspace)) == 1
    workspace.database.on_noted = lambda _said: None  # as a process that is killed between the two, or another machine
    leave(workspace, ann, "customers")
    clock.advance(hours=1)
    take(workspace, "email,status\nzoe@example.com,unsubscribed\n")
    assert book.follow() >= 2
    scopes = {(one.address, one.scope) for one in read_register(book.path, workspace.keys).stops}
    assert (address_key(workspace.keys, ANN), "list:customers") in scopes
    assert {who for who, _ in scopes} == {address_key(workspace.keys, one) for one in (ANN, "zoe@example.com")}
    assert book.follow() == 0
    long_import = {"at": clock() - timedelta(days=2), "reason": SuppressionReason.IMPORTED, "evidence": "a file"}
    with workspace.database.write() as session:
        suppress(session, address_key=address_key(workspace.keys, BOB), **long_import)
    assert (book.follow(), book.follow()) == (1, 0), "its instant is that of the import's beginning"
    workspace.database.on_noted = stop_book(workspace).keep
    come_back(workspace, ann, "customers")
    assert stop_book(workspace).follow() == 0


@contextmanager
def room(octets: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_stop_that_cannot_be_written_down_holds_and_is_made_up_for(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    path = workspace.root / STOPS
    leave(workspace, ann, "customers")
    noted = workspace.database.on_noted

    def on_a_full_disk(said: list[object]) -> None:
        with room(path.stat().st_size + 20):
            noted(said)

    workspace.database.on_noted = on_a_full_disk
    leave(workspace, bob, "customers")
    assert not may(workspace, bob)
    assert len(read_register(path, workspace.keys).stops) == 1, "half a line is no line"
    assert stop_book(workspace).follow() == 1
    assert len(read_register(path, workspace.keys).stops) == 2


def test_those_who_leave_at_one_time_are_all_written_down_by_few_writes(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outreach.store.stops import Said
    from outreach.work import register

    leave(workspace, make_customer(ANN), "customers")
    book, synced, gate = stop_book(workspace), list[int](), threading.Event()
    real = register.sync

    def slow(file: int) -> None:
        synced.append(file)
        gate.wait(5)
        real(file)

    monkeypatch.setattr(register, "sync", slow)
    one = Said(workspace.clock(), "stop", "", "k", "all")
    threads = [
        threading.Thread(target=book.keep, args=([one._replace(address_key=f"k{n}")],), daemon=True) for n in range(40)
    ]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(read_register(book.path, workspace.keys).stops) == 41
    assert len(synced) < 10


def test_old_stops_go_and_the_register_says_from_when_on_it_is_whole(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    made = back_up(workspace, clock, tmp_path / "kept")
    leave(workspace, ann, "customers")
    clock.advance(days=700)
    leave(workspace, bob, "customers")
    clock.advance(days=40)
    assert prune(workspace, dry_run=True).removed["stops"] == 1
    assert prune(workspace).removed["stops"] == 1
    register = read_register(workspace.root / STOPS, workspace.keys)
    assert len(register.stops) == 1 and register.since == clock() - timedelta(days=730)
    assert prune_stops(workspace.root, workspace.keys, 730, clock(), dry_run=False) == 0
    leave(workspace, ann)
    assert len(read_register(workspace.root / STOPS, workspace.keys).stops) == 2, "written into the new file"
    done = restore(workspace, made, clock)
    assert not may(workspace, bob) and not may(workspace, ann), "the database that goes knew the older ones too"
    assert list(told_known(done)) and "begins on" in next(told_known(done))


def test_a_pause_that_is_over_still_stands_for_the_longer_one_before_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    """Once it was let go of, the pause that they had cut short held again; and each look brought it back."""
    ann = make_customer(ANN)
    for days in (180, 30):
        told = {"every_days": 0, "no_topics": (), "channel": "", "how": "page", "evidence": "x"}
        with workspace.database.write() as session:
            keep_wish(session, ann, paused_until=clock() + timedelta(days=days), at=clock(), **told)
        clock.advance(hours=1)
    clock.advance(days=60)
    assert prune(workspace).removed["stops"] == 0
    assert still_said(workspace.root, workspace.keys, clock()) == []
    assert stop_book(workspace).follow() == 0
    clock.advance(days=730)
    assert prune(workspace).removed["stops"] == 2
    assert stop_book(workspace).follow() == 0


def test_a_count_of_what_would_go_touches_no_register(workspace: Workspace, clock: HandClock) -> None:
    """It wrote to the file, where that could not be written it failed, and another workspace's was put aside."""
    path = workspace.root / STOPS
    path.write_bytes(foreign := b"a register of other keys\nof which nobody here can tell\n")
    assert prune_stops(workspace.root, workspace.keys, 730, clock(), dry_run=True) == 0
    assert path.read_bytes() == foreign


@pytest.mark.sqlite
def test_an_empty_folder_learns_from_the_copy_beside_the_backups_or_says_that_there_is_none(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    monday = back_up(workspace, clock, tmp_path / "kept")
    leave(workspace, ann, "customers")
    back_up_workspace(workspace.root, tmp_path / "kept", keep=2, clock=clock)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(monday.file, alone / monday.file.name)
    blind = restore_workspace(tmp_path / "blind", alone / monday.file.name, clock=clock)
    assert blind.known.sources == () and "No register" in next(told_known(blind))
    assert blind.stopped is not None and blind.stopped.people == 0
    shutil.copy(tmp_path / "kept" / f"{workspace.root.name}.stops", alone / f"{workspace.root.name}.stops")
    leave(workspace, bob, "customers")
    done = restore_workspace(tmp_path / "new", alone / monday.file.name, clock=clock)
    assert done.known.sources == (f"{workspace.root.name}.stops",) and done.known.until is not None
    assert "copy them here" in next(told_known(done))
    assert done.stopped is not None and done.stopped.people == 1
    shutil.copy(workspace.root / STOPS, tmp_path / "new" / STOPS)
    found = open_workspace(tmp_path / "new", clock)
    assert accept_restored(found)[1].people == 1, "bob, whom only the living register knew"
    assert not may(found, ann) and not may(found, bob)
    found.database.close()


@pytest.mark.sqlite
def test_a_list_that_the_backup_did_not_have_is_kept_closed_to_who_had_left_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann = make_customer(ANN)
    made = back_up(workspace, clock, tmp_path / "kept")
    join(workspace, ann, "more-offers")
    leave(workspace, ann, "more-offers")
    done = restore(workspace, made, clock)
    assert done.stopped is not None and done.stopped.lists == ("more-offers",)
    take(workspace, f"email\n{ANN}\n", list_name="more-offers")
    assert not may(workspace, ann, "more-offers") and may(workspace, ann)
    with workspace.database.read() as session:
        assert session.exec(select(MailingList.name)).all() == ["customers", "more-offers"]
        assert len(subscriptions_of(session, ann)) == 2


def test_a_register_that_is_lost_while_we_run_is_begun_anew_with_all_that_the_database_knows(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.store.stops.OVERLAP", 0)
    ann, bob = make_customer(ANN), make_customer(BOB)
    book = stop_book(workspace)
    workspace.database.on_noted = book.keep
    leave(workspace, ann, "customers")
    clock.advance(days=5)
    leave(workspace, bob)
    assert book.follow() == 0 and book.follow() == 0
    whole = len(read_register(book.path, workspace.keys).stops)
    for lost in (
        lambda: book.path.unlink(),
        lambda: book.path.write_text("other keys\nx\n"),
        lambda: cut(book.path, 60),
    ):
        lost()
        assert book.follow() == whole, "it says that it is whole, so it must be"
        assert book.follow() == 0
    clock.advance(days=5)
    book.path.unlink()
    come_back(workspace, bob, "customers")
    assert len(read_register(book.path, workspace.keys).stops) == whole + 2, "also where somebody speaks first"


def test_who_speaks_first_after_a_register_was_lost_does_not_wait_until_a_large_database_is_read(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_customer(one) for one in (ANN, BOB, CY)]
    for one in people[:2]:
        leave(workspace, one, "customers")
    (workspace.root / STOPS).unlink()
    monkeypatch.setattr("outreach.work.stops.PATIENCE", 0.0)
    leave(workspace, people[2], "customers")
    told = read_register(workspace.root / STOPS, workspace.keys).stops
    assert [one.address for one in told] == [address_key(workspace.keys, CY)]
    leave(workspace, people[2])
    assert stop_book(workspace).follow() == 2, "the rest, by the next look of any process"
    assert len(still_said(workspace.root, workspace.keys, workspace.clock())) == 4


@BOTH
def test_a_stop_said_after_the_clock_was_set_back_outlives_the_restore(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    for who in (ann, bob):
        leave(workspace, who, "customers")
    clock.advance(hours=3)
    for who in (ann, bob):
        come_back(workspace, who, "customers")
    made = back_up(workspace, clock, tmp_path / "kept")
    clock.advance(hours=-3)
    leave(workspace, ann, "customers")
    done = restore(workspace, made, clock)
    assert done.stopped is not None and done.stopped.people == 1
    assert (may(workspace, ann), may(workspace, bob)) == (False, True)
    assert accept_restored(workspace)[1].people == 0


def test_what_was_missing_is_told_together_with_all_that_was_said_after_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = make_customer(ANN)
    leave(workspace, make_customer(BOB), "customers")
    book, kept = stop_book(workspace), workspace.database.on_noted
    book.follow()
    workspace.database.on_noted = lambda _said: None  # on another machine, which has a register of its own
    leave(workspace, ann, "customers")
    workspace.database.on_noted = kept
    clock.advance(minutes=1)
    come_back(workspace, ann, "customers")
    assert book.follow() == 2, "the stop, and once more that it was taken back"
    key = address_key(workspace.keys, ANN)
    assert [one.what for one in read_register(book.path, workspace.keys).stops if one.address == key][-2:] == [
        "stop",
        "back",
    ]
    assert key not in {one.address for one in still_said(workspace.root, workspace.keys, clock())}
    assert (book.follow(), stop_book(workspace).follow()) == (0, 0)


def test_a_register_that_is_a_link_stays_one_when_it_is_pruned(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    leave(workspace, make_customer(ANN), "customers")
    path, real = workspace.root / STOPS, tmp_path / "elsewhere" / "stops"
    real.parent.mkdir()
    shutil.move(path, real)
    real.chmod(0o660)
    path.symlink_to(real)
    clock.advance(days=800)
    leave(workspace, make_customer(BOB), "customers")
    assert prune(workspace).removed["stops"] == 1
    assert path.is_symlink() and path.resolve() == real
    assert len(read_register(real, workspace.keys).stops) == 1
    assert real.stat().st_mode & 0o777 == 0o660, "whoever could write it still can"
    assert list(real.parent.iterdir()) == [real]


def test_a_look_through_the_database_is_made_in_slices_between_which_others_are_written_down(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.work.stops.SLICE", 3)
    kept, workspace.database.on_noted = workspace.database.on_noted, lambda _said: None
    people = [make_customer(f"p{number}@example.com") for number in range(10)]
    for one in people:
        leave(workspace, one, "customers")
    workspace.database.on_noted = kept
    book, looks, late = stop_book(workspace), list[int](), make_customer(ANN)

    def beside() -> bool:
        looks.append(len(lines_of(workspace)))
        if len(looks) == 2:
            leave(workspace, late, "customers")
        return False

    assert book.follow(beside) == 10
    assert looks[:4] == [1, 4, 8, 11], "three people each time, and once one more between them"
    assert (book.follow(), len(lines_of(workspace))) == (0, 12)
    book.path.unlink()
    assert book.follow(lambda: len(lines_of(workspace)) > 4) == 6, "broken off by the end of the program"
    assert book.follow() == 5


def cut(path: Path, octets: int) -> None:
    path.write_bytes(path.read_bytes()[:octets])


def test_a_register_that_was_cut_within_its_first_line_is_begun_anew(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    leave(workspace, make_customer(ANN), "customers")
    path = workspace.root / STOPS
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    for octets in range(1, len(first) + 1):
        cut(path, octets)
        assert stop_book(workspace).follow() == 1
        register = read_register(path, workspace.keys)
        assert len(register.stops) == 1 and register.since is not None and register.since.tzinfo is not None
    path.write_bytes(path.read_bytes().replace(b"+00:00\n", b"\n", 1))
    damaged = read_register(path, workspace.keys)
    assert len(damaged.stops) == 1 and damaged.since == damaged.stops[0].at
    assert prune(workspace).removed["stops"] == 0


def test_a_line_that_a_full_disk_had_cut_is_no_stop_of_another_list(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    leave(workspace, make_customer(ANN), "customers")
    path = workspace.root / STOPS
    whole = path.read_bytes()
    bob = make_customer(BOB)
    for octets in range(1, len("tomers\n") + 1):
        cut(path, len(whole) - octets)
        leave(workspace, bob, "customers")
        assert {one.scope for one in read_register(path, workspace.keys).stops} == {"list:customers"}
        come_back(workspace, bob, "customers")
        path.write_bytes(whole)


def test_a_register_that_cannot_be_read_is_not_taken_for_none(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    leave(workspace, make_customer(ANN))
    path = workspace.root / STOPS
    path.unlink()
    path.mkdir()
    with pytest.raises(DatabaseError, match="cannot be read"):
        accept_restored(workspace)
    leave(workspace, make_customer(BOB))  # not answered with an error


def test_what_is_said_again_and_again_is_written_down_once(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = make_customer(ANN)
    key, report = address_key(workspace.keys, BOB), SuppressionReason.ABUSE_REPORT
    for _ in range(20):
        clock.advance(seconds=1)
        leave(workspace, ann, "customers")
        leave(workspace, ann)
        with workspace.database.write() as session:
            suppress(session, address_key=key, reason=report, at=clock(), evidence="a report")
            keep_wish(
                session, ann, paused_until=clock() + timedelta(days=30), every_days=0, no_topics=(), channel="",
                at=clock(), how="page", evidence="x",
            )  # fmt: skip
    assert len(lines_of(workspace)) == 1 + 4, "the list, all, the report, the pause"


def test_a_backup_is_made_also_where_the_register_cannot_be_written(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann = make_customer(ANN)
    (workspace.root / STOPS).mkdir()
    leave(workspace, ann, "customers")
    made = back_up(workspace, clock, tmp_path / "kept")
    assert STOPS in made.behind and made.file.exists()
    (workspace.root / STOPS).rmdir()
    assert back_up(workspace, clock, tmp_path / "kept").behind == ""
    restore(workspace, made, clock)
    assert not may(workspace, ann)


@pytest.mark.sqlite
def test_what_people_said_to_another_workspace_is_no_stop_here(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(workspace.root, other)
    (other / KEYS).unlink()
    write_key_ring(other / KEYS, new_key_ring())
    theirs = open_workspace(other, clock)
    made = back_up_workspace(other, tmp_path / "theirs.tar.gz", clock=clock)
    theirs.database.close()
    leave(workspace, make_customer(ANN))
    done = restore_workspace(workspace.root, made.file, clock=clock)
    assert done.stopped is not None and done.stopped.people == 0
    assert "the database that stood here" not in done.known.sources


@BOTH
@pytest.mark.parametrize("merged", ["before", "after"])
def test_a_stop_reaches_the_person_who_is_left_of_two_under_either_address(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path, merged: str
) -> None:
    """`merged`: before the backup or after it, when each of the two is a customer of it."""
    ann, old = make_customer(ANN), make_customer("ann.old@example.com")
    join(workspace, ann, "tips")
    join(workspace, old, "tips")
    made = back_up(workspace, clock, tmp_path / "kept") if merged == "after" else None
    merge(workspace, ANN, "ann.old@example.com", by="maria")
    made = made or back_up(workspace, clock, tmp_path / "kept")
    leave(workspace, ann, "tips")
    done = restore(workspace, made, clock)
    assert done.stopped is not None and done.stopped.strangers == 0
    assert done.stopped.people == (2 if merged == "after" else 1)
    assert (may(workspace, ann, "tips"), may(workspace, ann)) == (False, True)
    assert blocked(workspace, "ann.old@example.com") is None
    if merged == "after":
        assert (may(workspace, old, "tips"), may(workspace, old)) == (False, True), "her other address is hers too"


@BOTH
def test_what_was_noted_under_an_address_that_was_merged_away_is_no_strangers(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    ann = make_customer(ANN)
    old = make_customer("ann.old@example.com")
    join(workspace, old, "tips")
    leave(workspace, old, "tips")
    clock.advance(hours=1)
    merge(workspace, ANN, "ann.old@example.com", by="maria")
    made = back_up(workspace, clock, tmp_path / "kept")
    key, report = address_key(workspace.keys, "ann.old@example.com"), SuppressionReason.ABUSE_REPORT
    with workspace.database.write() as session:
        assert suppress(session, address_key=key, reason=report, at=clock(), evidence="a report on an old mail")
    assert blocked(workspace, ANN) is report, "she has another address now"
    done = restore(workspace, made, clock)
    assert done.stopped is not None and (done.stopped.people, done.stopped.strangers) == (1, 0)
    assert blocked(workspace, ANN) is blocked(workspace, "ann.old@example.com") is report
    assert not may(workspace, ann)
