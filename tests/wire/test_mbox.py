"""mbox: read behind the mark under the owner's locks, from the start again where the file is another one."""

from __future__ import annotations

import fcntl
import mailbox as oracle
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.errors import MailboxError
from outreach.settings import MailboxSettings
from outreach.wire import mbox
from outreach.wire.mailbox import Mailbox, Mark, open_mailbox

FROM = b"From ann@example.com Fri Nov 20 08:30:%02d 2026\n"


def mail(number: int, body: bytes = b"hello\n") -> bytes:
    return FROM % (number % 60) + b"Message-ID: <%d@x.example>\n\n%b\n" % (number, body)


def raw(number: int, body: bytes = b"hello\n") -> bytes:
    return b"Message-ID: <%d@x.example>\n\n%b" % (number, body)


def open_it(path: Path, marks: dict[str, Mark] | None = None, max_bytes: int = 1_000_000) -> Mailbox:
    box = MailboxSettings.model_validate({"name": "care", "kind": "mbox", "path": str(path)})
    return open_mailbox(box, Path("/"), marks or {}, max_bytes=max_bytes)


def read(path: Path, marks: dict[str, Mark] | None = None) -> tuple[list[bytes], dict[str, Mark]]:
    found = []
    with open_it(path, marks) as box:
        for one in box.fetch():
            found.append(one.raw)
            box.acknowledge(one)
        return found, box.marks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "care"
    made.write_bytes(mail(1) + mail(2))
    return made


def test_mails_are_read_whole_with_the_time_of_their_arrival(path: Path) -> None:
    with open_it(path) as box:
        found = list(box.fetch())
    assert [one.raw for one in found] == [raw(1), raw(2)]
    assert found[0].received_at == datetime(2026, 11, 20, 8, 30, 1, tzinfo=UTC)
    assert len({one.place for one in found}) == 2


def test_only_what_came_behind_the_mark_is_read(path: Path) -> None:
    _, marks = read(path)
    assert read(path, marks)[0] == []
    with path.open("ab") as file:
        file.write(mail(3))
    assert read(path, marks)[0] == [raw(3)]


def test_the_mark_stays_before_what_was_not_acknowledged(path: Path) -> None:
    with open_it(path) as box:
        one, two = box.fetch()
        box.acknowledge(two)
        assert read(path, box.marks)[0] == [raw(1), raw(2)]
        box.acknowledge(one)
        assert read(path, box.marks)[0] == []


def test_the_file_is_never_changed(path: Path) -> None:
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_file_that_was_cut_is_read_from_its_start(path: Path) -> None:
    _, marks = read(path)
    path.write_bytes(mail(1))
    assert read(path, marks)[0] == [raw(1)]


def test_a_file_that_was_replaced_by_a_longer_one_is_read_from_its_start(path: Path) -> None:
    _, marks = read(path)
    path.write_bytes(b"".join(mail(number) for number in range(7, 15)))
    assert read(path, marks)[0] == [raw(number) for number in range(7, 15)]


def test_a_file_out_of_which_its_owner_took_a_mail_is_read_from_its_start(path: Path) -> None:
    path.write_bytes(mail(1) + mail(2, b"a long text\n" * 9) + mail(3))
    _, marks = read(path)
    path.write_bytes(mail(1) + mail(3) + mail(4, b"an even longer text\n" * 30))
    assert raw(4, b"an even longer text\n" * 30) in read(path, marks)[0]


def test_an_empty_file_is_no_trouble_and_what_comes_later_is_read(path: Path) -> None:
    path.write_bytes(b"")
    found, marks = read(path)
    assert found == []
    path.write_bytes(mail(1))
    assert read(path, marks)[0] == [raw(1)]


def test_a_from_line_inside_a_mail_is_text_unless_a_blank_line_stands_before_it(path: Path) -> None:
    body = b"He wrote:\nFrom here on it is bad.\n\n>From there too\n>>From quoted twice\n"
    path.write_bytes(mail(1, body) + mail(2))
    assert read(path)[0] == [
        raw(1, b"He wrote:\nFrom here on it is bad.\n\nFrom there too\n>From quoted twice\n"),
        raw(2),
    ]


def test_a_mail_reads_the_same_whether_or_not_another_follows(path: Path) -> None:
    path.write_bytes(mail(1))
    alone = read(path)[0]
    path.write_bytes(mail(1) + mail(2))
    assert read(path)[0][:1] == alone


def test_crlf_files_are_read(path: Path) -> None:
    path.write_bytes((mail(1) + mail(2)).replace(b"\n", b"\r\n"))
    assert read(path)[0] == [raw(1).replace(b"\n", b"\r\n"), raw(2).replace(b"\n", b"\r\n")]


def test_a_huge_mail_is_cut_in_little_memory_and_the_next_is_found(path: Path) -> None:
    line_less = b"x" * 3_000_000
    path.write_bytes(mail(1, line_less + b"\n") + mail(2, b"y" * 70 + b"\n") + mail(3))
    with open_it(path, max_bytes=1000) as box:
        found = list(box.fetch())
    assert [(len(one.raw), one.cut) for one in found] == [
        (1000, True),
        (len(raw(2, b"y" * 70 + b"\n")), False),
        (len(raw(3)), False),
    ]


def test_many_mails_come_in_portions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "BATCH_MAILS", 7)
    path.write_bytes(b"".join(mail(number) for number in range(50)))
    assert read(path)[0] == [raw(number) for number in range(50)]


def test_what_is_appended_while_we_read_comes_too_and_nobody_waits_for_us(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox, "BATCH_MAILS", 1)
    with open_it(path) as box:
        fetching = box.fetch()
        next(fetching)
        with path.open("ab") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(mail(3))
        assert [one.raw for one in fetching] == [raw(2), raw(3)]


def test_a_file_that_is_replaced_while_we_read_ends_the_look_and_the_next_one_reads_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox, "BATCH_MAILS", 1)
    with open_it(path) as box:
        fetching = box.fetch()
        box.acknowledge(next(fetching))
        path.write_bytes(mail(8) + mail(9))
        assert list(fetching) == []
        marks = box.marks
    assert read(path, marks)[0] == [raw(8), raw(9)]


def hold_lock(path: Path, seconds: float) -> subprocess.Popen[str]:
    """Another program that holds the file's lock; returns when it does."""
    code = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_locked_file_is_waited_for(path: Path) -> None:
    with hold_lock(path, 0.5):
        start = time.monotonic()
        assert len(read(path)[0]) == 2
        assert time.monotonic() - start > 0.2


def test_a_file_that_stays_locked_is_told_with_a_remedy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "LOCK_SECONDS", 0.3)
    with hold_lock(path, 30) as other:
        with pytest.raises(MailboxError, match="locked by another program") as told:
            read(path)
        other.kill()
    assert told.value.remedy


def test_a_dot_lock_is_respected_and_a_stale_one_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "LOCK_SECONDS", 0.3)
    lock = path.with_name("care.lock")
    lock.touch()
    with pytest.raises(MailboxError, match="locked"):
        read(path)
    monkeypatch.setattr(mbox, "STALE_LOCK_SECONDS", 0.0)
    assert len(read(path)[0]) == 2


@pytest.mark.parametrize("kind", ["missing", "a folder", "text", "binary"])
def test_what_is_no_mbox_is_told_with_a_remedy(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "care"
    if kind == "a folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(b"hello\n" if kind == "text" else b"PK\x03\x04" + b"\x00" * 100)
    with open_it(path) as box:
        with pytest.raises(MailboxError) as told:
            box.check()
        with pytest.raises(MailboxError):
            list(box.fetch())
    assert "the mailbox care" in told.value.message and told.value.remedy


def test_a_file_that_vanishes_while_we_read_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "BATCH_MAILS", 1)
    with open_it(path) as box:
        fetching = box.fetch()
        next(fetching)
        path.unlink()
        with pytest.raises(MailboxError, match="cannot be opened"):
            list(fetching)


bodies = st.lists(st.sampled_from([b"text\n", b"\n", b">From x\n", b"xFrom y\n", b"Fro\n", b" From z\n"]), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(bodies.map(b"".join), min_size=1, max_size=5))
def test_any_mbox_is_cut_where_the_standard_library_cuts_it(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.mbox"
    path.write_bytes(b"".join(mail(number, body + b"end\n") for number, body in enumerate(texts)))
    known = oracle.mbox(path, create=False)
    expected = [known.get_bytes(key).replace(b"\n>From", b"\nFrom") for key in known.keys()]  # noqa: SIM118
    known.close()
    assert [found.rstrip(b"\n") for found in read(path)[0]] == [one.rstrip(b"\n") for one in expected]


def test_a_second_look_is_not_confused_by_what_the_first_left_unacknowledged(path: Path) -> None:
    path.write_bytes(mail(1) + mail(2) + mail(3))
    with open_it(path) as box:
        list(box.fetch())
        for one in box.fetch():
            box.acknowledge(one)
        marks = box.marks
    assert read(path, marks)[0] == []
