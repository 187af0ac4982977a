"""Many messages read by several processes: as one would, whatever becomes of the others; a few start none."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.records import Case, CaseEntry, Channel, Hold, Inbound, InboundState, Verdict
from outreach.store.replies import insert_inbound, unread_ids
from outreach.work import reading_room
from outreach.work.collect import read_stored
from outreach.work.read import Outcome
from outreach.work.reading_room import ReadingRoom
from outreach.work.take import inbound_values
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .replying import send_newsletter

WORDS = (
    "The pump is broken again, this is unacceptable. I want my money back.",
    "Where do I find the filter for the small machine?",
    "Please unsubscribe me.",
    "Thank you so much, the tip about the amber light helped!",
)
MANY = 24


@pytest.fixture
def several(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace that reads in three processes, two messages at a time."""
    monkeypatch.setattr(reading_room, "ENOUGH", 4)
    monkeypatch.setattr(reading_room, "TOGETHER", 2)
    return with_processes(workspace, 3)


def with_processes(workspace: Workspace, count: int) -> Workspace:
    replies = workspace.settings.replies.model_copy(update={"processes": count})
    settings = workspace.settings.model_copy(update={"replies": replies})
    return Workspace(workspace.root, settings, workspace.keys, workspace.database, workspace.clock)


def answers(workspace: Workspace, make_customer: MakeCustomer, count: int = MANY) -> list[bytes]:
    """Answers to real mails of ours, quoting them; each person says two things, one after the other."""
    people = [make_customer(f"p{number}@example.com") for number in range(count // 2)]
    mails = send_newsletter(workspace, people)
    made = []
    for number in range(count):
        who = number % len(people)
        mail = mails[people[who]].decode()
        head = {line.split(": ")[0]: line for line in mail.split("\r\n\r\n")[0].split("\r\n") if ": " in line}
        quoted = "\r\n".join(f"> {line}" for line in mail.split("\r\n\r\n", 1)[1].splitlines()[:20])
        made.append(
            (
                f"From: p{who}@example.com\r\nMessage-ID: <{number}@example.com>\r\nSubject: Re: News {number}\r\n"
                f"{head['Message-ID'].replace('Message-ID', 'In-Reply-To')}\r\nDate: Tue, 1 Dec 2026 09:00:00 +0000\r\n"
                f"\r\n{WORDS[(number * 7 + number // len(people)) % len(WORDS)]}\r\n\r\n{quoted}\r\n"
            ).encode()
        )
    return made


def keep(workspace: Workspace, raws: Sequence[bytes]) -> list[int]:
    with workspace.database.write() as session:
        made = [inbound_values(workspace, raw, Channel.EMAIL, "replies", "", None) for raw in raws]
        return [number for one in made if (number := insert_inbound(session, one)) is not None]


def everything(workspace: Workspace) -> dict[str, list[Any]]:
    """All that reading wrote down, in order."""
    columns: dict[str, Sequence[Any]] = {
        "inbound": (Inbound.id, Inbound.state, Inbound.text, Inbound.category, Inbound.customer_id, Inbound.case_id),
        "quoted": (Inbound.quoted, Inbound.copy_of, Inbound.clue, Inbound.flagged, Inbound.language),
        "verdict": (Verdict.inbound_id, Verdict.by, Verdict.category, Verdict.reasons, Verdict.confidence),
        "case": (Case.id, Case.customer_id, Case.category, Case.state, Case.summary, Case.version),
        "entry": (CaseEntry.case_id, CaseEntry.kind, CaseEntry.inbound_id, CaseEntry.text),
        "hold": (Hold.customer_id, Hold.case_id, Hold.scope, Hold.reason),
    }
    with workspace.database.read() as session:
        return {
            name: [tuple(row) for row in session.execute(select(*map(col, which)).order_by(col(which[0])))]
            for name, which in columns.items()
        }


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The child processes that were started."""
    started: list[Any] = []
    honest = reading_room.Child.__init__

    def note(self: Any, *given: Any) -> None:
        honest(self, *given)
        started.append(self)

    monkeypatch.setattr(reading_room.Child, "__init__", note)
    yield started
    for child in started:
        assert child._process.returncode is not None, "nobody is left behind"


def test_several_processes_write_to_the_letter_what_one_does(
    several: Workspace, make_customer: MakeCustomer, children: list[Any], tmp_path: Path, clock: HandClock
) -> None:
    if not several.database.is_sqlite:
        pytest.skip("it copies the file")
    ids = keep(several, answers(several, make_customer))
    several.database.close()  # to close a copied file drops the locks of this process on it, and a child starts it anew
    shutil.copytree(several.root, tmp_path / "alone")
    alone = open_workspace(tmp_path / "alone", clock)
    read_stored(with_processes(alone, 1))
    assert not children
    told: list[Outcome] = []
    with ReadingRoom(several, told.append) as room:
        offer(room, ids, children)
        room.finish()
    assert len(children) == 2
    assert len(told) == MANY
    together = everything(several)
    assert together == everything(alone)
    alone.database.close()
    assert {row[1] for row in together["inbound"]} == {InboundState.READ}
    assert all(row[0] for row in together["quoted"]), "what we sent was found, and taken off"
    assert together["case"] and together["hold"]


def offer(room: ReadingRoom, ids: Sequence[int], children: list[Any]) -> None:
    """Offer the first, wait until every child is ready, then offer the rest: each has some of it in hand."""
    room.offer(ids[:4])
    until = time.monotonic() + 60
    while not all(child.ready for child in children):
        assert time.monotonic() < until
        time.sleep(0.02)
        room._hear_all()
    room.offer(ids[4:])
    assert any(child.asked for child in children)


@BOTH
def test_a_child_that_dies_loses_nothing_and_its_messages_are_read_here(
    several: Workspace, make_customer: MakeCustomer, children: list[Any]
) -> None:
    ids = keep(several, answers(several, make_customer))
    told: list[Outcome] = []
    with ReadingRoom(several, told.append) as room:
        offer(room, ids, children)
        for child in children:
            child._process.kill()
        room.finish()
    assert len(told) == MANY
    assert_all_read_once(several)


def test_a_child_that_is_stopped_is_given_up(
    several: Workspace, make_customer: MakeCustomer, children: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_room, "PATIENCE", 0.3)
    ids = keep(several, answers(several, make_customer, 12))
    with ReadingRoom(several, lambda _: None) as room:
        offer(room, ids, children)
        for child in children:
            child._process.send_signal(signal.SIGSTOP)
        room.finish()
    assert_all_read_once(several, 12)


def test_what_defeats_a_child_is_read_here_in_its_turn(
    several: Workspace, make_customer: MakeCustomer, children: list[Any]
) -> None:
    ids = keep(several, answers(several, make_customer, 12))
    with ReadingRoom(several, lambda _: None) as room:
        offer(room, ids, children)
        for batch in room._batches:
            if batch.child is not None:
                room._hear(batch.child, ("understood", batch.number, None))
        room.finish()
    assert_all_read_once(several, 12)


def assert_all_read_once(workspace: Workspace, count: int = MANY) -> None:
    found = everything(workspace)
    assert [row[1] for row in found["inbound"]] == [InboundState.READ] * count
    assert [row[0] for row in found["verdict"]] == [row[0] for row in found["inbound"]], "each once, in their order"
    with workspace.database.read() as session:
        assert not unread_ids(session)


def test_a_handful_of_messages_starts_no_process(
    workspace: Workspace, make_customer: MakeCustomer, children: list[Any]
) -> None:
    keep(workspace, answers(workspace, make_customer, 8))
    assert read_stored(with_processes(workspace, 4)) == 8
    assert not children


def test_who_wants_one_process_gets_one(several: Workspace, make_customer: MakeCustomer, children: list[Any]) -> None:
    keep(several, answers(several, make_customer, 8))
    assert read_stored(with_processes(several, 1)) == 8
    assert not children
