"""Reading a relay's log files: doubts settled by evidence only, the next server's word beside the relay's."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.errors import InputError
from outreach.records import (
    Bounce,
    Delivery,
    DeliveryMove,
    DeliveryState,
    FailureClass,
    Onward,
    Suppression,
    SuppressionReason,
)
from outreach.store.bounces import paused_domains
from outreach.store.onward import onward_counts
from outreach.work.maillog import LogResult, read_logs
from outreach.work.workspace import Workspace

from ..store.rows import delivery, lay_edition
from .logging_relay import ACCEPTED, BUSY, UNKNOWN, RelayLog

People = Callable[..., int]
ADDRESSES = [f"p{number}@example.com" for number in range(4)]


@pytest.fixture
def doubted(workspace: Workspace, make_customer: People, clock: Any) -> list[Delivery]:
    """Four mails in doubt; the relay's log may tell of them. An hour has passed."""
    lay_edition(workspace, [make_customer(address) for address in ADDRESSES])
    doubt = {"state": DeliveryState.IN_DOUBT, "intent_at": clock.now, "relay": "127.0.0.1:25", "owner": "w1"}
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(**doubt))
    clock.advance(hours=1)
    return [delivery(workspace, number) for number in range(1, 5)]


@pytest.fixture
def log(workspace: Workspace, clock: Any) -> RelayLog:
    return RelayLog(workspace, clock.now - timedelta(hours=1))


def read(workspace: Workspace, *files: Path, **how: Any) -> LogResult:
    return read_logs(workspace, files, zone=UTC, **how)


def moves(workspace: Workspace, number: int) -> list[DeliveryMove]:
    with workspace.database.read() as session:
        query = select(DeliveryMove).where(col(DeliveryMove.delivery_id) == number).order_by(col(DeliveryMove.id))
        return list(session.execute(query).scalars())


def test_what_the_log_proves_settles_the_doubt_and_what_it_does_not_prove_stays(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    log.answered(log.taken(doubted[0]), ADDRESSES[0])
    log.taken(doubted[1], queued=False)
    log.answered(log.taken(doubted[2]), ADDRESSES[2], BUSY, done=False)
    result = read(workspace, log.write(tmp_path / "mail.log"))
    assert (result.settled_sent, result.mails, [one.delivery_id for one in result.left]) == (2, 2, [2, 4])
    sent = delivery(workspace, 1)
    assert (sent.state, sent.onward, sent.owner, sent.sent_at) == (
        DeliveryState.SENT,
        Onward.ACCEPTED,
        None,
        doubted[0].intent_at,
    )
    assert sent.evidence == "mail.log:3: the relay took it as 4F00000001 at 2026-12-01 10:00:02 UTC"
    assert "queued as 9XYZ" in sent.onward_words
    assert [(one.event, one.by) for one in moves(workspace, 1)] == [("evidence_sent", "maillog")]
    waits = delivery(workspace, 3)
    assert (waits.state, waits.onward) == (DeliveryState.SENT, Onward.DEFERRED)
    assert [one.event for one in moves(workspace, 3)] == ["evidence_sent", "onward_deferred"]
    assert delivery(workspace, 2).state is delivery(workspace, 4).state is DeliveryState.IN_DOUBT


def test_reading_the_same_log_twice_changes_nothing(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    queue = log.taken(doubted[0])
    log.answered(queue, ADDRESSES[0], BUSY, done=False)
    log.answered(queue, ADDRESSES[0], UNKNOWN)
    file = log.write(tmp_path / "mail.log")
    read(workspace, file)
    before = [(row.model_dump(), moves(workspace, row.id or 0)) for row in (delivery(workspace, 1),)]
    again = read(workspace, file)
    assert (again.settled_sent, sum(again.onward.values())) == (0, 0)
    after = [(row.model_dump(), moves(workspace, row.id or 0)) for row in (delivery(workspace, 1),)]
    assert [(row, [one.event for one in told]) for row, told in after] == [
        (row, [one.event for one in told]) for row, told in before
    ]


def test_a_later_log_brings_the_last_word_and_an_older_one_takes_nothing_back(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    queue = log.taken(doubted[0])
    log.answered(queue, ADDRESSES[0], BUSY, done=False)
    old = log.write(tmp_path / "mail.log.1")
    log.lines.clear()
    log.say("qmgr", f"{queue}: from=<care@acme.example>, size=1742, nrcpt=1 (queue active)")
    log.answered(queue, ADDRESSES[0])
    new = log.write(tmp_path / "mail.log")
    read(workspace, new, old)
    assert delivery(workspace, 1).onward is Onward.ACCEPTED, (
        "rotated files are read oldest first, however they are named"
    )
    read(workspace, old)
    assert delivery(workspace, 1).onward is Onward.ACCEPTED


def test_an_answer_about_somebody_elses_address_is_not_taken_for_ours(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    queue = log.taken(doubted[0])
    log.answered(queue, "archive@acme.example", done=False)
    log.answered(queue, ADDRESSES[0].upper(), UNKNOWN)
    result = read(workspace, log.write(tmp_path / "mail.log"))
    assert (result.strangers, delivery(workspace, 1).onward) == (1, Onward.BOUNCED)


def test_a_mail_that_bounced_at_the_next_server_stays_handed_over(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    log.answered(log.taken(doubted[0]), ADDRESSES[0], UNKNOWN)
    read(workspace, log.write(tmp_path / "mail.log"))
    row = delivery(workspace, 1)
    assert (row.state, row.onward) == (DeliveryState.SENT, Onward.BOUNCED)
    with workspace.database.read() as session:
        assert onward_counts(session, [row.edition_id])[row.edition_id][Onward.BOUNCED] == 1
        [bounce] = session.execute(select(Bounce)).scalars()
        [block] = session.execute(select(Suppression)).scalars()
    assert (bounce.source, bounce.failure, bounce.at) == ("maillog", FailureClass.BAD_ADDRESS, row.onward_at)
    assert (block.address_key, block.reason) == (row.address_key, SuppressionReason.BAD_ADDRESS)
    read(workspace, tmp_path / "mail.log")
    with workspace.database.read() as session:
        assert len(session.execute(select(Bounce)).all()) == 1


def test_bounces_in_an_old_log_are_no_storm_of_today(
    workspace: Workspace, doubted: list[Delivery], make_customer: People, log: RelayLog, clock: Any, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, [make_customer(f"q{number}@storm.example") for number in range(40)], name="other")
    with workspace.database.write() as session:
        sent = {"state": DeliveryState.SENT, "sent_at": clock.now, "intent_at": log.at, "domain_key": "storm"}
        session.connection().execute(update(Delivery).where(col(Delivery.edition_id) == edition).values(**sent))
        rows = session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars().all()
    for number, row in enumerate(rows):
        log.answered(log.taken(row), f"q{number}@storm.example", UNKNOWN)
    clock.advance(days=3)
    result = read(workspace, log.write(tmp_path / "mail.log"))
    assert result.onward == {Onward.BOUNCED: 40}
    with workspace.database.read() as session:
        assert paused_domains(session, clock.now) == {}
        assert session.execute(select(Suppression)).all() == [], "a storm blocks nobody, whenever it is heard of"
        assert all(one.storm for one in session.execute(select(Bounce)).scalars())
    assert len(result.storms) == 1 and "40 of 40 addresses at storm.example bounced within an hour" in result.storms[0]
    assert read(workspace, tmp_path / "mail.log").storms == [], "it is told once"


def test_some_bad_addresses_in_an_old_log_stay_blocked(
    workspace: Workspace, doubted: list[Delivery], make_customer: People, log: RelayLog, clock: Any, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, [make_customer(f"q{number}@large.example") for number in range(80)], name="other")
    with workspace.database.write() as session:
        tried = {"state": DeliveryState.SENT, "sent_at": clock.now, "intent_at": log.at, "domain_key": "large"}
        session.connection().execute(update(Delivery).where(col(Delivery.edition_id) == edition).values(**tried))
        rows = session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars().all()
    for number, row in enumerate(rows):
        log.answered(log.taken(row), f"q{number}@large.example", UNKNOWN if number < 12 else ACCEPTED)
    clock.advance(days=3)
    assert read(workspace, log.write(tmp_path / "mail.log")).storms == []
    with workspace.database.read() as session:
        assert len(session.execute(select(Suppression)).all()) == 12


def test_a_refusal_at_the_dot_settles_that_it_was_not_sent(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    queue = log.taken(doubted[0], queued=False)
    log.say(
        "cleanup",
        f"{queue}: milter-reject: END-OF-MESSAGE from app[10.0.0.5]: 5.7.1 Looks like spam; from=<x@y.example>",
    )
    assert read(workspace, log.write(tmp_path / "mail.log")).settled_failed == 1
    row = delivery(workspace, 1)
    assert (row.state, row.failure) == (DeliveryState.FAILED, FailureClass.REFUSED)


def test_what_is_not_in_a_complete_log_is_proposed_and_never_settled(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    log.at -= timedelta(hours=1)
    log.say("smtpd", "connect from app[10.0.0.5]")
    log.at += timedelta(hours=1)
    log.answered(log.taken(doubted[0]), ADDRESSES[0])
    short = log.write(tmp_path / "short.log")
    assert read(workspace, short, complete=True).absent == [], "it ends too soon after the doubt to prove anything"
    log.at += timedelta(hours=1)
    log.say("smtpd", "connect from app[10.0.0.5]")
    whole = log.write(tmp_path / "mail.log")
    assert read(workspace, whole).absent == [], "nobody said that it is complete"
    assert read(workspace, whole, complete=True, relay="other:25").absent == []
    result = read(workspace, whole, complete=True)
    assert [one.delivery_id for one in result.absent] == [2, 3, 4]
    assert {delivery(workspace, number).state for number in (2, 3, 4)} == {DeliveryState.IN_DOUBT}


def test_a_mail_that_we_hold_as_not_sent_but_the_relay_took_is_pointed_out(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).where(col(Delivery.id) == 1).values(state=DeliveryState.FAILED))
    log.answered(log.taken(doubted[0]), ADDRESSES[0])
    result = read(workspace, log.write(tmp_path / "mail.log"))
    assert result.unexpected == [(doubted[0].public_id, DeliveryState.FAILED, "mail.log:3")]
    row = delivery(workspace, 1)
    assert (row.state, row.onward) == (DeliveryState.FAILED, None)


def test_packed_cut_and_damaged_files_are_read_as_far_as_they_go(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    log.answered(log.taken(doubted[0]), ADDRESSES[0])
    packed = gzip.compress(("\n".join([*log.lines, ""]) * 1).encode())
    (tmp_path / "mail.log.2.gz").write_bytes(packed)
    assert read(workspace, tmp_path / "mail.log.2.gz").settled_sent == 1
    log.lines.clear()
    log.taken(doubted[1])
    growing = tmp_path / "mail.log"
    growing.write_text("\n".join(log.lines), encoding="utf-8")
    assert read(workspace, growing).settled_sent == 0, "the last line has no end yet"
    for _ in range(3000):
        log.say("anvil", f"statistics: max connection rate 1/60s for (smtp:10.0.0.5) {time.perf_counter_ns()}")
    packed = gzip.compress(("\n".join([*log.lines, ""])).encode())
    (tmp_path / "mail.log.1.gz").write_bytes(packed[: len(packed) // 2])
    result = read(workspace, tmp_path / "mail.log.1.gz", complete=True)
    assert result.settled_sent == 1
    assert "damaged behind line" in result.troubles[0]
    assert result.absent == []


def test_files_that_are_none_are_told(workspace: Workspace, tmp_path: Path) -> None:
    for path, words in ((tmp_path / "missing.log", "cannot be read"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=words):
            read(workspace, path)


def test_octets_of_any_kind_do_no_harm(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path
) -> None:
    log.taken(doubted[0])
    file = tmp_path / "mail.log"
    good = "".join(f"{line}\n" for line in log.lines).encode()
    file.write_bytes(b"\x00\xff\xfe" * 10_000 + b"\n" + b"A" * 100_000 + b"\n" + good + b"\xc3\x28\n" + b"\x1f\x8b\n")
    result = read(workspace, file)
    assert (result.settled_sent, result.lines) == (1, 5)


@pytest.mark.parametrize("lines", [40_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_long_log_of_other_peoples_mail_is_read_in_linear_time(
    workspace: Workspace, doubted: list[Delivery], log: RelayLog, tmp_path: Path, lines: int
) -> None:
    log.answered(log.taken(doubted[0]), ADDRESSES[0])
    row = doubted[0].model_copy()
    block = RelayLog(workspace, log.at)
    for number in range(200):
        row.public_id = f"{number:026d}"
        block.answered(block.taken(row), "x@example.com")
    with (tmp_path / "mail.log").open("w") as file:
        file.write("".join(f"{line}\n" for line in log.lines))
        for _ in range(lines // len(block.lines)):
            file.write("".join(f"{line}\n" for line in block.lines))
    began = time.process_time()
    result = read(workspace, tmp_path / "mail.log")
    assert (result.settled_sent, result.mails) == (1, 1)
    assert time.process_time() - began < lines * 40e-6
