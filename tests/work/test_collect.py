"""Fetched, committed, acknowledged, read: nothing is lost at any point, and nothing is taken twice."""

from __future__ import annotations

import mailbox
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from outreach.errors import MailboxError
from outreach.records import Category, InboundState, MailboxMark, Verdict
from outreach.settings import MailboxSettings
from outreach.wire.maildir import Maildir
from outreach.work import collect as room
from outreach.work import read
from outreach.work.collect import collect, collect_all, read_stored
from outreach.work.workspace import Workspace

from .replying import drop_in, inbounds


def mail(number: int, text: str = "The pump is broken again, this is unacceptable.") -> bytes:
    return (
        f"From: p{number}@example.com\r\nMessage-ID: <{number}@example.com>\r\nSubject: no {number}\r\n"
        f"Date: Tue, 1 Dec 2026 09:00:00 +0000\r\n\r\n{text}\r\n"
    ).encode()


def with_boxes(workspace: Workspace, *boxes: MailboxSettings) -> Workspace:
    replies = workspace.settings.replies.model_copy(update={"mailboxes": boxes})
    return replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies}))


@pytest.fixture
def inbox(workspace: Workspace) -> Path:
    return workspace.root / "inbox"


def subjects(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        return [one.subject for one in inbounds(session)]


def test_a_maildir_is_read_and_a_second_look_changes_nothing(workspace: Workspace, inbox: Path) -> None:
    drop_in(inbox, mail(1), mail(2))
    counts = collect(workspace)
    assert (counts.fetched, counts.stored, counts.read, counts.kinds) == (2, 2, 2, {"complaint": 2})
    assert sorted(subjects(workspace)) == ["no 1", "no 2"]
    again = collect(workspace)
    assert (again.stored, again.read) == (0, 0)
    assert len(list((inbox / "cur").iterdir())) == 2


def test_an_mbox_is_read_from_where_it_was_left(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    box.add(mail(1))
    box.flush()
    ours = with_boxes(workspace, MailboxSettings(name="old", kind="mbox", path=str(path)))
    assert collect(ours).stored == 1
    box.add(mail(2))
    box.flush()
    counts = collect(ours)
    assert (counts.fetched, counts.stored) == (1, 1)
    assert subjects(ours) == ["no 1", "no 2"]


def test_one_failing_mailbox_is_told_and_the_others_are_read(workspace: Workspace, inbox: Path) -> None:
    drop_in(inbox, mail(1))
    gone = MailboxSettings(name="gone", kind="maildir", path="nowhere")
    ours = with_boxes(workspace, gone, *workspace.settings.replies.mailboxes)
    counts = collect_all(ours)
    assert (counts.stored, [one.mailbox for one in counts.troubles]) == (1, ["gone"])
    assert counts.troubles[0].remedy
    with ours.database.read() as session:
        marks = {row.mailbox: row.error for row in session.exec(select(MailboxMark))}
    assert marks["gone"]
    assert marks["inbox"] == ""
    with pytest.raises(MailboxError, match="gone"):
        collect(ours)


def test_nothing_is_acknowledged_before_it_is_committed(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(inbox, mail(1))
    seen: list[bool] = []
    honest = Maildir.acknowledge

    def watch(self: Maildir, fetched: Any) -> None:
        with workspace.database.read() as session:
            seen.append(any(one.raw == fetched.raw for one in inbounds(session)))
        honest(self, fetched)

    monkeypatch.setattr(Maildir, "acknowledge", watch)
    collect(workspace)
    assert seen == [True]


def test_a_crash_before_the_commit_leaves_the_mail_in_the_mailbox(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(inbox, mail(1))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(room, "insert_inbound", crash)
        collect(workspace)
    assert len(list((inbox / "new").iterdir())) == 1
    assert collect(workspace).stored == 1


def test_a_crash_between_commit_and_acknowledgement_takes_the_mail_once(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(inbox, mail(1))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Maildir, "acknowledge", crash)
        collect(workspace)
    with workspace.database.read() as session:
        assert [one.state for one in inbounds(session)] == [InboundState.STORED]
    counts = collect(workspace)
    assert (counts.fetched, counts.stored, counts.known, counts.read) == (1, 0, 1, 1)


def test_a_crash_while_reading_leaves_what_is_not_committed_to_be_read_later(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(inbox, mail(1), mail(2), mail(3))
    honest = read.Reader._settle
    calls: list[int] = []

    def crash_at_second(self: Any, session: Any, inbound_id: int, reading: Any) -> Any:
        calls.append(inbound_id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return honest(self, session, inbound_id, reading)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(read.Reader, "_settle", crash_at_second)
        collect(workspace)
    assert read_stored(workspace) == 3, "they share a transaction"
    with workspace.database.read() as session:
        assert {one.category for one in inbounds(session)} == {Category.COMPLAINT}
        assert len(session.exec(select(Verdict)).all()) == 3


def test_one_that_cannot_be_written_costs_the_others_of_its_transaction_nothing(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(inbox, mail(1), mail(2), mail(3))
    honest = read.Reader._settle

    def stumble(self: Any, session: Any, inbound_id: int, reading: Any) -> Any:
        outcome = honest(self, session, inbound_id, reading)
        if reading.mail.subject == "no 2":
            raise ValueError("no such thing")
        return outcome

    monkeypatch.setattr(read.Reader, "_settle", stumble)
    counts = collect(workspace)
    assert (counts.read, counts.unreadable) == (2, 1)
    with workspace.database.read() as session:
        assert sorted(one.state for one in inbounds(session)) == sorted(
            [InboundState.READ, InboundState.READ, InboundState.UNREADABLE]
        )
        assert len(session.exec(select(Verdict)).all()) == 2


def test_a_mail_that_defeats_the_reader_is_set_aside_and_the_others_are_read(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import outreach.work.understand as reading

    honest = reading.parse_inbound

    def stumble(raw: bytes, limits: Any) -> Any:
        if b"no 1" in raw:
            raise RecursionError("too deep")
        return honest(raw, limits)

    monkeypatch.setattr(reading, "parse_inbound", stumble)
    drop_in(inbox, mail(1), mail(2))
    counts = collect(workspace)
    assert (counts.read, counts.unreadable) == (1, 1)
    with workspace.database.read() as session:
        bad = next(one for one in inbounds(session) if b"no 1" in one.raw)
        assert bad.state is InboundState.UNREADABLE
        assert "RecursionError" in bad.flagged


def test_many_mails_are_taken_in_batches(workspace: Workspace, inbox: Path) -> None:
    drop_in(inbox, *(mail(number, f"Thank you, number {number}!") for number in range(60)))
    counts = collect(workspace)
    assert (counts.stored, counts.kinds) == (60, {"thanks": 60})
