"""The catcher: what it says it took is on the disk, where it belongs, and it stops without leaving anything behind."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import SmtpReply
from outreach.errors import RelayError
from outreach.wire.catcher import LOG, Catcher
from outreach.wire.smtp import RelayTarget, SmtpSession

from ..servers import read_log

MESSAGE = b"Message-ID: <%s.o@acme.example>\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n"
INBOX = "care@acme.example"


def open_session(port: int) -> SmtpSession:
    made = SmtpSession(RelayTarget("127.0.0.1", port, hello="me.test", reply_timeout=10, dot_timeout=10))
    assert made.open() is None
    return made


def send(port: int, recipient: str, name: bytes = b"1", sender: str = "care+b1@acme.example") -> None:
    made = open_session(port)
    envelope = Envelope(sender, recipient, not recipient.isascii())
    assert made.offer(envelope, MESSAGE % name).ok
    answer = made.finish()
    assert isinstance(answer, SmtpReply) and answer.code == 250
    made.quit()


def mails(maildir: Path) -> list[bytes]:
    assert list((maildir / "tmp").iterdir()) == []
    return [path.read_bytes() for path in sorted((maildir / "new").iterdir())]


def test_a_mail_is_filed_as_it_came_behind_its_envelope(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher:
        send(catcher.port, "ann@example.com")
    assert mails(tmp_path / "mail") == [
        b"Return-Path: <care+b1@acme.example>\r\nDelivered-To: ann@example.com\r\n" + MESSAGE % b"1"
    ]


def test_the_log_names_every_mail_with_its_time(tmp_path: Path) -> None:
    now = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
    with Catcher(tmp_path / "mail", clock=lambda: now) as catcher:
        send(catcher.port, "ann@example.com", b"1")
        send(catcher.port, "jürgen@example.com", b"2")
        at = {"box": "mail", "at": "2026-12-01T10:00:00+00:00"}
        assert read_log(tmp_path / "mail" / LOG) == [
            {"message_id": "<1.o@acme.example>", "recipient": "ann@example.com", **at},
            {"message_id": "<2.o@acme.example>", "recipient": "jürgen@example.com", **at},
        ]


def test_the_log_has_the_mail_before_the_client_is_told(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher:
        made = open_session(catcher.port)
        for number in range(20):
            assert made.offer(Envelope("", "ann@example.com"), MESSAGE % str(number).encode()).ok
            assert isinstance(made.finish(), SmtpReply)
            assert read_log(tmp_path / "mail" / LOG)[-1]["message_id"] == f"<{number}.o@acme.example>"
            assert len(mails(tmp_path / "mail")) == number + 1
        made.quit()


@pytest.mark.parametrize(
    "address", [INBOX, "care+1abc@acme.example", "CARE+1ABC@ACME.example", "bounces+b1@acme.example"]
)
def test_mail_to_our_own_addresses_goes_to_the_inbox_with_any_tag(tmp_path: Path, address: str) -> None:
    mine = (INBOX, "bounces@acme.example")
    with Catcher(tmp_path / "mail", inbox=tmp_path / "inbox", inbox_address=mine) as catcher:
        send(catcher.port, address)
        send(catcher.port, "ann@example.com")
    assert [b"Delivered-To: " + address.encode() in mail for mail in mails(tmp_path / "inbox")] == [True]
    assert len(mails(tmp_path / "mail")) == 1
    assert [one["box"] for one in read_log(tmp_path / "mail" / LOG)] == ["inbox", "mail"]


@pytest.mark.parametrize("address", ["care@acme.example.com", "xcare@acme.example", "care@example.com"])
def test_an_address_that_only_looks_like_ours_is_not_ours(tmp_path: Path, address: str) -> None:
    with Catcher(tmp_path / "mail", inbox=tmp_path / "inbox", inbox_address=INBOX) as catcher:
        send(catcher.port, address)
    assert (len(mails(tmp_path / "mail")), mails(tmp_path / "inbox")) == (1, [])


def test_a_bounce_keeps_its_null_return_path(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail", inbox=tmp_path / "inbox", inbox_address=INBOX) as catcher:
        send(catcher.port, "care+b1x@acme.example", sender="")
    assert mails(tmp_path / "inbox")[0].startswith(b"Return-Path: <>\r\n")


def test_a_mail_to_several_is_filed_for_each(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher, smtplib.SMTP("127.0.0.1", catcher.port) as other:
        other.sendmail("a@b.example", ["one@x.example", "two@x.example"], (MESSAGE % b"1").decode())
        assert [one["recipient"] for one in read_log(tmp_path / "mail" / LOG)] == ["one@x.example", "two@x.example"]
        assert len(mails(tmp_path / "mail")) == 2


def test_pipelining_8bitmime_and_smtputf8_are_offered(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher:
        made = open_session(catcher.port)
        assert {"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "ENHANCEDSTATUSCODES"} <= set(made.extensions)
        made.quit()


def test_a_mail_that_breaks_off_before_the_dot_is_not_filed(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher:
        made = open_session(catcher.port)
        assert made.offer(Envelope("", "ann@example.com"), MESSAGE % b"1").ok
        made.drop()
        time.sleep(0.2)
        send(catcher.port, "bob@example.com", b"2")
    assert [one["message_id"] for one in read_log(tmp_path / "mail" / LOG)] == ["<2.o@acme.example>"]


def test_many_connections_at_once_lose_nothing(tmp_path: Path) -> None:
    def work(port: int, worker: int) -> None:
        made = open_session(port)
        for number in range(25):
            assert made.offer(Envelope("", f"p{worker}@example.com"), MESSAGE % f"{worker}-{number}".encode()).ok
            assert isinstance(made.finish(), SmtpReply)
        made.quit()

    with Catcher(tmp_path / "mail") as catcher:
        threads = [threading.Thread(target=work, args=(catcher.port, worker), daemon=True) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        names = {one["message_id"] for one in read_log(tmp_path / "mail" / LOG)}
        assert names == {f"<{worker}-{number}.o@acme.example>" for worker in range(8) for number in range(25)}
    assert len(mails(tmp_path / "mail")) == 200


def test_a_disk_that_takes_nothing_is_a_4yz_and_not_a_lie(tmp_path: Path) -> None:
    with Catcher(tmp_path / "mail") as catcher:
        made = open_session(catcher.port)
        (tmp_path / "mail" / "tmp").rmdir()
        assert made.offer(Envelope("", "ann@example.com"), MESSAGE % b"1").ok
        answer = made.finish()
        assert isinstance(answer, SmtpReply)
        assert (answer.code, answer.enhanced) == (452, "4.3.1")
        made.drop()
        assert read_log(tmp_path / "mail" / LOG) == []


def test_stopping_ends_open_connections_and_its_thread_and_frees_the_port(tmp_path: Path) -> None:
    catcher = Catcher(tmp_path / "mail")
    catcher.start()
    made = open_session(catcher.port)
    start = time.monotonic()
    catcher.stop()
    assert time.monotonic() - start < 3
    assert not any(thread.name == "catcher" for thread in threading.enumerate())
    assert not made.offer(Envelope("", "ann@example.com"), MESSAGE % b"1").ok
    with Catcher(tmp_path / "mail", port=catcher.port):
        pass
    catcher.stop()


def test_a_port_that_is_taken_is_told_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(RelayError) as told:
        Catcher(tmp_path / "mail", port=other.getsockname()[1]).start()
    assert "cannot listen" in told.value.message
    assert told.value.remedy


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(RelayError, match="cannot write"):
        Catcher(tmp_path / "mail").start()
