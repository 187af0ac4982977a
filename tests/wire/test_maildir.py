"""Maildir: everything is read once, nothing is lost when somebody else moves it, nothing is deleted."""

from __future__ import annotations

import mailbox as oracle
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreach.errors import MailboxError
from outreach.settings import MailboxSettings
from outreach.wire.mailbox import Mailbox, Mark, open_mailbox
from outreach.wire.maildir_file import file_mail, make_maildir

RAW = b"Message-ID: <%d@x.example>\r\n\r\nhello\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_maildir(tmp_path / "inbox")
    return tmp_path / "inbox"


def put(path: Path, number: int, *, age: float = 0, name: str = "", flags: str | None = None) -> Path:
    """File a mail as if it had come `age` seconds ago; with flags it lies in cur."""
    made = file_mail(path, RAW % number)
    if name:
        made = made.rename(made.with_name(name))
    if flags is not None:
        made = made.rename(path / "cur" / f"{made.name}:2,{flags}")
    os.utime(made, (time.time() - age, time.time() - age))
    return made


def open_it(path: Path, marks: dict[str, Mark] | None = None, **more: object) -> Mailbox:
    max_bytes = int(str(more.pop("max_bytes", 1_000_000)))
    box = MailboxSettings.model_validate({"name": "care", "kind": "maildir", "path": str(path), **more})
    return open_mailbox(box, Path("/"), marks or {}, max_bytes=max_bytes)


def read(
    path: Path, marks: dict[str, Mark] | None = None, *, acknowledge: bool = True
) -> tuple[list[bytes], dict[str, Mark]]:
    """All that a look finds, and the marks after it."""
    found = []
    with open_it(path, marks) as box:
        for one in box.fetch():
            found.append(one.raw)
            if acknowledge:
                box.acknowledge(one)
        return found, box.marks


def test_mails_are_read_whole_oldest_first(path: Path) -> None:
    put(path, 2, age=10)
    put(path, 1, age=20)
    put(path, 3)
    with open_it(path) as box:
        found = list(box.fetch())
    assert [one.raw for one in found] == [RAW % 1, RAW % 2, RAW % 3]
    assert all(one.folder == "INBOX" and one.place.startswith("INBOX/") and not one.cut for one in found)
    assert found[2].received_at is not None
    assert abs((found[2].received_at - datetime.now(UTC)).total_seconds()) < 60


def test_acknowledging_moves_a_mail_from_new_to_cur_as_seen_and_not_before(path: Path) -> None:
    made = put(path, 1)
    with open_it(path) as box:
        (one,) = box.fetch()
        assert made.exists()
        box.acknowledge(one)
    assert [entry.name for entry in (path / "cur").iterdir()] == [f"{made.name}:2,S"]
    assert list((path / "new").iterdir()) == []
    assert [message["Message-ID"] for message in oracle.Maildir(path)] == ["<1@x.example>"]


def test_what_is_acknowledged_is_not_read_again(path: Path) -> None:
    put(path, 1, age=1000)
    put(path, 2, age=500)
    found, marks = read(path)
    assert len(found) == 2
    put(path, 3)
    assert read(path, marks)[0][-1:] == [RAW % 3]
    assert RAW % 1 not in read(path, marks)[0]


def test_one_open_mailbox_never_gives_a_mail_twice_after_its_acknowledgement(path: Path) -> None:
    put(path, 1)
    with open_it(path) as box:
        for one in box.fetch():
            box.acknowledge(one)
        assert list(box.fetch()) == []


def test_what_is_not_acknowledged_is_read_again(path: Path) -> None:
    put(path, 1)
    found, marks = read(path, acknowledge=False)
    assert (found, marks) == ([RAW % 1], {})
    assert read(path, marks)[0] == [RAW % 1]


def test_at_first_the_whole_of_cur_is_read(path: Path) -> None:
    put(path, 1, age=90_000, flags="S")
    put(path, 2, age=80_000, flags="RS")
    put(path, 3, age=70_000, flags="")
    assert read(path)[0] == [RAW % 1, RAW % 2, RAW % 3]


def test_a_mail_that_its_owner_opened_or_moved_before_us_is_read_all_the_same(path: Path) -> None:
    put(path, 0, age=5000)
    put(path, 1, age=1000)
    _, marks = read(path)
    put(path, 2, flags="S")
    put(path, 3, age=5000, flags="")
    put(path, 4, age=9000)
    found = read(path, marks)[0]
    assert {RAW % 2, RAW % 3, RAW % 4} <= set(found)
    assert RAW % 0 not in found


def test_only_what_is_close_to_the_mark_may_come_again_so_that_the_hash_tells_it(path: Path) -> None:
    put(path, 1, age=1000)
    put(path, 2, age=60)
    put(path, 3)
    _, marks = read(path)
    assert sorted(read(path, marks)[0]) == [RAW % 2, RAW % 3]


def test_the_flags_that_a_mail_has_are_kept(path: Path) -> None:
    made = put(path, 1, flags="FR")
    read(path)
    assert [entry.name for entry in (path / "cur").iterdir()] == [made.name.partition(":")[0] + ":2,FRS"]


def test_drafts_hidden_files_folders_and_what_is_still_being_written_are_left_alone(path: Path) -> None:
    put(path, 1, flags="D")
    put(path, 2, name=".hidden")
    (path / "new" / "folder").mkdir()
    (path / "tmp" / "half").write_bytes(b"half a ma")
    assert read(path)[0] == []


def test_a_file_that_vanishes_while_we_look_is_passed_over(path: Path) -> None:
    for number in range(5):
        put(path, number, age=100 - number)
    with open_it(path) as box:
        fetching = box.fetch()
        found = [next(fetching).raw]
        for entry in sorted((path / "new").iterdir())[2:4]:
            entry.unlink()
        found += [one.raw for one in fetching]
    assert len(found) == 3


def test_a_file_that_somebody_moves_to_cur_while_we_look_is_found_there(path: Path) -> None:
    first, second = put(path, 1, age=10), put(path, 2, age=5)
    with open_it(path) as box:
        fetching = box.fetch()
        one = next(fetching)
        first.rename(path / "cur" / f"{first.name}:2,R")
        second.rename(path / "cur" / f"{second.name}:2,")
        two = next(fetching)
        assert two.raw == RAW % 2
        box.acknowledge(one)
        box.acknowledge(two)
    assert sorted(entry.name for entry in (path / "cur").iterdir()) == sorted(
        [f"{first.name}:2,RS", f"{second.name}:2,S"]
    )


def test_a_mail_that_is_gone_when_it_is_acknowledged_does_no_harm(path: Path) -> None:
    made = put(path, 1)
    with open_it(path) as box:
        (one,) = box.fetch()
        made.unlink()
        box.acknowledge(one)
    assert list((path / "cur").iterdir()) == []


def test_a_file_dated_in_the_future_does_not_hide_what_comes_after_it(path: Path) -> None:
    put(path, 1, age=-10_000_000)
    _, marks = read(path)
    assert marks["INBOX"].last_uid <= time.time()
    put(path, 2, flags="S")
    assert RAW % 2 in read(path, marks)[0]


def test_a_huge_mail_is_cut_and_flagged(path: Path) -> None:
    file_mail(path, b"x" * 300_000)
    with open_it(path, max_bytes=100_000) as box:
        assert [(len(one.raw), one.cut) for one in box.fetch()] == [(100_000, True)]


def test_junk_is_read_where_it_exists(path: Path) -> None:
    make_maildir(path / ".Junk")
    put(path, 1)
    put(path / ".Junk", 2)
    with open_it(path) as box:
        found = list(box.fetch())
        for one in found:
            box.acknowledge(one)
        assert set(box.marks) == {"INBOX", "Junk"}
    assert [(one.folder, one.raw) for one in found] == [("INBOX", RAW % 1), ("Junk", RAW % 2)]


def test_writers_and_a_reader_at_once_lose_and_double_nothing(path: Path) -> None:
    def write(worker: int) -> None:
        for number in range(50):
            file_mail(path, RAW % (worker * 1000 + number))

    writers = [threading.Thread(target=write, args=(worker,), daemon=True) for worker in range(4)]
    for writer in writers:
        writer.start()
    found: list[bytes] = []
    with open_it(path) as box:
        while True:
            ended = not any(writer.is_alive() for writer in writers)
            for one in box.fetch():
                found.append(one.raw)
                box.acknowledge(one)
            if ended:
                break
    assert sorted(found) == sorted(RAW % (worker * 1000 + number) for worker in range(4) for number in range(50))


@pytest.mark.parametrize("kind", ["missing", "a file", "no Maildir"])
def test_a_folder_that_is_no_maildir_is_told_with_a_remedy(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "inbox"
    if kind == "a file":
        path.write_text("hello")
    elif kind == "no Maildir":
        path.mkdir()
    with open_it(path) as box:
        with pytest.raises(MailboxError) as told:
            box.check()
        with pytest.raises(MailboxError):
            list(box.fetch())
    assert "the mailbox care" in told.value.message
    assert "path" in told.value.remedy


def test_a_maildir_that_vanishes_while_it_is_read_is_told(path: Path, tmp_path: Path) -> None:
    put(path, 1)
    with open_it(path) as box:
        list(box.fetch())
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(MailboxError, match="there is no folder"):
            list(box.fetch())


def test_settings_without_a_place_are_told(tmp_path: Path) -> None:
    for kind, key in (("maildir", "path"), ("mbox", "path"), ("imap", "host")):
        box = MailboxSettings.model_validate({"name": "care", "kind": kind})
        with pytest.raises(MailboxError, match=f"no {key} is set"):
            open_mailbox(box, tmp_path, {})


def test_a_second_look_is_not_confused_by_what_the_first_left_unacknowledged(path: Path) -> None:
    put(path, 1, age=5000)
    put(path, 2, age=4000)
    with open_it(path) as box:
        list(box.fetch())
        for one in box.fetch():
            box.acknowledge(one)
        marks = box.marks
    assert marks["INBOX"].last_uid > time.time() - 4100
