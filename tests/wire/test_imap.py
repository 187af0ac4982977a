"""IMAP against Debian's dovecot: what is read, what is marked and when, and every way in which it can go wrong."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from imapclient import IMAPClient

from outreach.errors import MailboxError
from outreach.settings import MailboxSettings
from outreach.wire.mailbox import Mailbox, Mark, open_mailbox

from ..servers.certificates import Authority
from ..servers.dovecot import DOVECOT, Dovecot, free_port, start_dovecot

pytestmark = [
    pytest.mark.needs_debian,
    pytest.mark.skipif(DOVECOT is None, reason="dovecot is not installed (apt install dovecot-imapd)"),
]
RECEIVED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


class TokenServer(BaseHTTPRequestHandler):
    """Says of the token `good` that it is ann's."""

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        body = json.dumps({"user": "ann", "active": "yes"} if token == "good" else {"error": "invalid"}).encode()
        self.send_response(200 if token == "good" else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    certificate, key = authority.issue("imap", "DNS:localhost")
    tokens = HTTPServer(("127.0.0.1", 0), TokenServer)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{tokens.server_port}/?token="
    with start_dovecot(certificate, key, token_url=url) as running:
        yield running
    tokens.shutdown()
    tokens.server_close()


@pytest.fixture(autouse=True)
def _empty(dovecot: Dovecot) -> None:
    for user in ("ann", "bob"):
        shutil.rmtree(dovecot.maildir(user).parent, ignore_errors=True)


def settings(dovecot: Dovecot, authority: Authority, **more: object) -> MailboxSettings:
    values: dict[str, object] = {
        "name": "care",
        "kind": "imap",
        "host": "localhost",
        "port": dovecot.imaps,
        "tls": "tls",
        "ca_file": str(authority.file),
        "username": "ann",
        "password": "secret",
        **more,
    }
    return MailboxSettings.model_validate(values)


def client(dovecot: Dovecot, user: str = "ann") -> IMAPClient:
    made = IMAPClient("127.0.0.1", dovecot.imap, ssl=False)
    made.login(user, "secret")
    return made


def put(dovecot: Dovecot, *numbers: int, folder: str = "INBOX", size: int = 10) -> None:
    made = client(dovecot)
    for number in numbers:
        made.append(folder, mail(number, size), msg_time=RECEIVED)
    made.logout()


def mail(number: int, size: int = 10) -> bytes:
    return b"Message-ID: <%d@x.example>\r\n\r\n" % number + b"x" * size + b"\r\n"


def flags(dovecot: Dovecot, folder: str = "INBOX") -> list[bool]:
    """Whether each mail is seen."""
    made = client(dovecot)
    made.select_folder(folder, readonly=True)
    found = made.fetch(made.search(), ["FLAGS"])
    made.logout()
    return [b"\\Seen" in found[uid][b"FLAGS"] for uid in sorted(found)]


def open_it(box: MailboxSettings, marks: dict[str, Mark] | None = None, max_bytes: int = 1_000_000) -> Mailbox:
    return open_mailbox(box, Path("/"), marks or {}, max_bytes=max_bytes)


@pytest.mark.parametrize("tls", ["tls", "starttls", "none"])
def test_mails_are_read_whole_and_in_order(dovecot: Dovecot, authority: Authority, tls: str) -> None:
    put(dovecot, 1, 2, 3)
    port = dovecot.imaps if tls == "tls" else dovecot.imap
    with open_it(settings(dovecot, authority, tls=tls, port=port)) as mailbox:
        found = list(mailbox.fetch())
    assert [one.raw for one in found] == [mail(1), mail(2), mail(3)]
    assert [one.received_at for one in found] == [RECEIVED] * 3
    assert {one.folder for one in found} == {"INBOX"}
    assert len({one.place for one in found}) == 3
    assert not any(one.cut for one in found)


def test_reading_does_not_mark_and_acknowledging_does(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1, 2)
    with open_it(settings(dovecot, authority)) as mailbox:
        first, _ = mailbox.fetch()
        assert flags(dovecot) == [False, False]
        mailbox.acknowledge(first)
        assert flags(dovecot) == [True, False]


def test_what_is_acknowledged_is_not_read_again_even_by_another_connection(
    dovecot: Dovecot, authority: Authority
) -> None:
    put(dovecot, 1, 2)
    with open_it(settings(dovecot, authority)) as mailbox:
        for one in mailbox.fetch():
            mailbox.acknowledge(one)
        assert list(mailbox.fetch()) == []
        marks = mailbox.marks
    put(dovecot, 3)
    with open_it(settings(dovecot, authority), marks) as mailbox:
        assert [one.raw for one in mailbox.fetch()] == [mail(3)]


def test_a_crash_before_acknowledging_reads_again_and_misses_none(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1, 2, 3)
    with open_it(settings(dovecot, authority)) as mailbox:
        one, _, three = mailbox.fetch()
        mailbox.acknowledge(one)
        mailbox.acknowledge(three)
        marks = mailbox.marks
    with open_it(settings(dovecot, authority), marks) as mailbox:
        assert [found.raw for found in mailbox.fetch()] == [mail(2), mail(3)]


def test_a_mail_that_somebody_else_opened_first_is_read_all_the_same(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    with open_it(settings(dovecot, authority)) as mailbox:
        for one in mailbox.fetch():
            mailbox.acknowledge(one)
        marks = mailbox.marks
    put(dovecot, 2)
    made = client(dovecot)
    made.select_folder("INBOX")
    made.add_flags(made.search(), [b"\\Seen"])
    made.logout()
    with open_it(settings(dovecot, authority), marks) as mailbox:
        assert [one.raw for one in mailbox.fetch()] == [mail(2)]


def test_junk_is_read_too_whatever_it_is_called(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    put(dovecot, 2, folder="Spam")
    with open_it(settings(dovecot, authority)) as mailbox:
        found = list(mailbox.fetch())
        for one in found:
            mailbox.acknowledge(one)
        assert set(mailbox.marks) == {"INBOX", "Spam"}
    assert [(one.folder, one.raw) for one in found] == [("INBOX", mail(1)), ("Spam", mail(2))]
    assert flags(dovecot, "Spam") == [True]


def test_a_sent_folder_is_found_by_what_it_is_for(dovecot: Dovecot, authority: Authority) -> None:
    with client(dovecot) as there:
        there.append("Gesendet", mail(2), msg_time=datetime.now(UTC) - timedelta(days=60))
        there.append("Gesendet", mail(3))
    box = MailboxSettings.model_validate({**settings(dovecot, authority).model_dump(exclude={"folders"}), "sent": True})
    with open_it(box) as mailbox:
        found = [(one.folder, one.raw) for one in mailbox.fetch()]
    assert found == [("Gesendet", mail(3))], "what is older than a month is not read at the first look"


def test_acknowledging_may_come_after_another_folder_was_read(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    put(dovecot, 2, folder="Spam")
    with open_it(settings(dovecot, authority)) as mailbox:
        found = list(mailbox.fetch())
        for one in reversed(found):
            mailbox.acknowledge(one)
    assert (flags(dovecot), flags(dovecot, "Spam")) == ([True], [True])


def test_a_folder_that_does_not_exist_is_left_out_and_none_at_all_is_told(
    dovecot: Dovecot, authority: Authority
) -> None:
    put(dovecot, 1)
    with open_it(settings(dovecot, authority, folders=("INBOX", "Nowhere"))) as mailbox:
        assert len(list(mailbox.fetch())) == 1
    with open_it(settings(dovecot, authority, folders=("Nowhere",))) as mailbox, pytest.raises(MailboxError) as told:
        mailbox.check()
    assert "Nowhere" in told.value.message and "INBOX" in told.value.remedy


def test_a_new_uidvalidity_reads_the_folder_from_its_start(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1, 2)
    with open_it(settings(dovecot, authority)) as mailbox:
        for one in mailbox.fetch():
            mailbox.acknowledge(one)
        mark = mailbox.marks["INBOX"]
    assert mark.uidvalidity is not None and mark.last_uid == 2
    old = {"INBOX": Mark(mark.uidvalidity + 1, 2)}
    with open_it(settings(dovecot, authority), old) as mailbox:
        found = list(mailbox.fetch())
        assert [one.raw for one in found] == [mail(1), mail(2)]
        mailbox.acknowledge(found[0])
        assert mailbox.marks["INBOX"] == Mark(mark.uidvalidity, 1)


def test_a_huge_mail_is_cut_on_the_server_and_flagged(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    put(dovecot, 2, size=300_000)
    put(dovecot, 3)
    with open_it(settings(dovecot, authority), max_bytes=50_000) as mailbox:
        found = list(mailbox.fetch())
    assert [(len(one.raw), one.cut) for one in found] == [(len(mail(1)), False), (50_000, True), (len(mail(3)), False)]
    assert found[1].raw == mail(2, 300_000)[:50_000]


def test_a_mail_of_just_the_limit_is_whole(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    with open_it(settings(dovecot, authority), max_bytes=len(mail(1))) as mailbox:
        assert [(one.raw, one.cut) for one in mailbox.fetch()] == [(mail(1), False)]


def test_many_mails_come_in_portions(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, *range(130))
    with open_it(settings(dovecot, authority)) as mailbox:
        found = []
        for one in mailbox.fetch():
            mailbox.acknowledge(one)
            found.append(one.raw)
        assert mailbox.marks["INBOX"].last_uid == 130
    assert found == [mail(number) for number in range(130)]


def test_a_mail_that_vanishes_between_looking_and_reading_is_passed_over(
    dovecot: Dovecot, authority: Authority
) -> None:
    put(dovecot, *range(60))
    with open_it(settings(dovecot, authority)) as mailbox:
        fetching = mailbox.fetch()
        found = [next(fetching)]
        made = client(dovecot)
        made.select_folder("INBOX")
        made.delete_messages([55])
        made.expunge()
        made.logout()
        found += list(fetching)
        for one in found:
            mailbox.acknowledge(one)
        assert len(found) == 59
        assert mailbox.marks["INBOX"].last_uid == 60


def test_an_oauth2_token_opens_the_mailbox(dovecot: Dovecot, authority: Authority) -> None:
    put(dovecot, 1)
    command = f"{sys.executable} -c \"print('good')\""
    with open_it(settings(dovecot, authority, password="", token_command=command)) as mailbox:
        assert len(list(mailbox.fetch())) == 1


def refused(box: MailboxSettings) -> MailboxError:
    with open_it(box) as mailbox, pytest.raises(MailboxError) as told:
        list(mailbox.fetch())
    with open_it(box) as mailbox, pytest.raises(MailboxError):
        mailbox.check()
    assert told.value.remedy
    assert "the mailbox care" in told.value.message
    assert "secret" not in str(told.value)
    return told.value


def test_a_wrong_password_is_told(dovecot: Dovecot, authority: Authority) -> None:
    wrong = refused(settings(dovecot, authority, password="wrong"))
    assert "refused the login" in wrong.message and "app password" in wrong.remedy
    assert "b'" not in wrong.message, "the server's words, not Python's"


def test_a_stale_token_is_told(dovecot: Dovecot, authority: Authority) -> None:
    command = f"{sys.executable} -c \"print('stale')\""
    assert "refused the login" in refused(settings(dovecot, authority, token_command=command)).message


def test_a_token_command_that_fails_is_told(dovecot: Dovecot, authority: Authority) -> None:
    assert "token_command" in refused(settings(dovecot, authority, token_command="/no/such/program")).message


def test_a_certificate_that_is_not_valid_is_told(dovecot: Dovecot, authority: Authority) -> None:
    for tls, port in (("tls", dovecot.imaps), ("starttls", dovecot.imap)):
        wrong = refused(settings(dovecot, authority, tls=tls, port=port, ca_file=""))
        assert "certificate" in wrong.message and "ca_file" in wrong.remedy
        wrong = refused(settings(dovecot, authority, tls=tls, port=port, host="127.0.0.1"))
        assert "certificate" in wrong.message
        with open_it(settings(dovecot, authority, tls=tls, port=port, ca_file="", verify=False)) as mailbox:
            mailbox.check()


def test_a_port_for_the_other_kind_of_tls_is_told(dovecot: Dovecot, authority: Authority) -> None:
    assert "993" in refused(settings(dovecot, authority, port=dovecot.imap)).remedy


def test_a_server_that_is_not_there_is_told(dovecot: Dovecot, authority: Authority) -> None:
    wrong = refused(settings(dovecot, authority, port=free_port()))
    assert "cannot be reached" in wrong.message
    assert "cannot be reached" in refused(settings(dovecot, authority, host="no-such-host.invalid")).message


def test_a_password_is_not_sent_to_another_machine_in_plain_text(dovecot: Dovecot, authority: Authority) -> None:
    assert "plain text" in refused(settings(dovecot, authority, host="192.0.2.1", tls="none", port=143)).message


def test_a_server_that_is_no_imap_server_is_told(dovecot: Dovecot, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    made, _ = listener.accept()
                except OSError:
                    return
                with made:
                    made.sendall(b"220 mail.example.com ESMTP\r\n")

        threading.Thread(target=greet, daemon=True).start()
        refused(settings(dovecot, authority, host="127.0.0.1", tls="none", port=listener.getsockname()[1]))
        listener.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_breaks_off_is_told_and_the_next_look_goes_on(
    dovecot: Dovecot, authority: Authority, tmp_path: Path
) -> None:
    put(dovecot, *range(60))
    with open_it(settings(dovecot, authority)) as mailbox:
        fetching = mailbox.fetch()
        first = next(fetching)
        mailbox.acknowledge(first)
        mailbox._client._imap.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        with pytest.raises(MailboxError, match="care"):
            list(fetching)
        marks = mailbox.marks
    with open_it(settings(dovecot, authority), marks) as mailbox:
        assert len(list(mailbox.fetch())) == 59


def test_a_missing_password_file_is_told(dovecot: Dovecot, authority: Authority) -> None:
    assert "password" in refused(settings(dovecot, authority, password="", password_file="none")).message
