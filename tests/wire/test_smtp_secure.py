"""TLS and logins: verified, never less than asked for, and no secret in the clear."""

from __future__ import annotations

import base64
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import Lost, SmtpReply, Stage, judge
from outreach.errors import SettingsError
from outreach.settings import Relay
from outreach.wire.relay import relay_error, relay_target
from outreach.wire.smtp import SmtpSession
from outreach.words import DeliveryEvent as Event

from ..servers.certificates import Authority
from ..servers.fault import HANG, Action, FaultServer, Veil

pytestmark = pytest.mark.needs_debian
ENVELOPE = Envelope("care+b1@acme.example", "ann@example.com")
MESSAGE = b"Message-ID: <1.o@acme.example>\r\n\r\nhello\r\n"
TLS = pytest.mark.parametrize("tls", ["starttls", "tls"])
LOGIN = ("PIPELINING", "AUTH PLAIN LOGIN XOAUTH2")


def serving(context: ssl.SSLContext, tls: str, script: dict[str, Action | list[Action]] | None = None) -> FaultServer:
    offers = ("PIPELINING", "STARTTLS") if tls == "starttls" else LOGIN
    return FaultServer(script or {}, offers, context, implicit=tls == "tls")


def session(server: FaultServer, authority: Authority | None, tls: str, **more: object) -> SmtpSession:
    settings: dict[str, object] = {
        "host": "localhost",
        "port": server.port,
        "tls": tls,
        "ca_file": str(authority.file) if authority else "",
        "connect_timeout": 5,
        "reply_timeout": 5,
        "dot_timeout": 5,
        **more,
    }
    return SmtpSession(relay_target(Relay.model_validate(settings), Path("/")))


def must_mend(made: SmtpSession, words: str) -> None:
    """Opening fails, for a reason that a person must mend, and says so."""
    trouble = made.open()
    assert isinstance(trouble, Lost)
    assert words in trouble.why
    outcome = judge(made.stage, trouble)
    assert (outcome.event, outcome.stop) == (Event.RELEASE, True)
    assert relay_error(made.target, trouble).remedy == trouble.remedy != ""


@TLS
def test_mail_goes_through_verified_tls(authority: Authority, good: ssl.SSLContext, tls: str) -> None:
    with serving(good, tls) as server:
        made = session(server, authority, tls)
        assert made.open() is None
        for _ in range(3):
            assert made.offer(ENVELOPE, MESSAGE).ok
            assert judge(Stage.DOT, made.finish()).event is Event.ACCEPTED
        made.quit()
        server.settle()
        assert server.taken == [MESSAGE] * 3


@TLS
def test_a_large_mail_goes_through_tls_whole(authority: Authority, good: ssl.SSLContext, tls: str) -> None:
    message = MESSAGE + b"." + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 40_000
    with serving(good, tls) as server:
        made = session(server, authority, tls)
        assert made.open() is None
        assert made.offer(ENVELOPE, message).ok
        assert judge(Stage.DOT, made.finish()).event is Event.ACCEPTED
        made.quit()
        server.settle()
        assert server.taken == [message.replace(b"\r\n.", b"\r\n..")]


@TLS
def test_a_certificate_of_an_unknown_authority_is_refused(good: ssl.SSLContext, tls: str) -> None:
    with serving(good, tls) as server:
        must_mend(session(server, None, tls), "certificate is not valid")


@TLS
def test_a_certificate_for_another_name_is_refused(authority: Authority, misnamed: ssl.SSLContext, tls: str) -> None:
    with serving(misnamed, tls) as server:
        must_mend(session(server, authority, tls), "certificate is not valid")


@TLS
def test_a_certificate_that_has_expired_is_refused(authority: Authority, expired: ssl.SSLContext, tls: str) -> None:
    with serving(expired, tls) as server:
        must_mend(session(server, authority, tls), "expired")


@TLS
def test_verification_is_off_only_where_a_person_switched_it_off(misnamed: ssl.SSLContext, tls: str) -> None:
    with serving(misnamed, tls) as server:
        assert session(server, None, tls, verify=False).open() is None


def test_a_relay_that_offers_no_starttls_gets_nothing_in_plain_text(authority: Authority) -> None:
    with FaultServer({}, LOGIN) as server:
        made = session(server, authority, "starttls", username="me", password="secret")
        must_mend(made, "no STARTTLS")
        server.settle()
        assert [line.split()[0] for line in server.heard] == ["EHLO"]


def test_plain_text_behind_the_answer_to_starttls_is_never_read_as_if_it_were_secure(
    authority: Authority, good: ssl.SSLContext
) -> None:
    with serving(good, "starttls", {"STARTTLS": b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n"}) as server:
        made = session(server, authority, "starttls", username="me", password="secret")
        must_mend(made, "plain text was sent behind the answer to STARTTLS")
        server.settle()
        assert not any("AUTH" in line for line in server.heard)


def test_what_was_offered_before_tls_is_forgotten(authority: Authority, good: ssl.SSLContext) -> None:
    script: dict[str, Action | list[Action]] = {"EHLO": [b"250-x\r\n250-SIZE 5\r\n250 STARTTLS\r\n", b"250 x\r\n"]}
    with serving(good, "starttls", script) as server:
        made = session(server, authority, "starttls")
        assert made.open() is None
        assert made.extensions == {}


@pytest.mark.parametrize(
    ("answer", "event", "stop"),
    [(b"454 4.7.0 not now\r\n", Event.RELEASE, False), (b"502 no\r\n", Event.RELEASE, True)],
)
def test_a_refused_starttls_is_never_followed_by_plain_text(
    authority: Authority, good: ssl.SSLContext, answer: bytes, event: Event, stop: bool
) -> None:
    with serving(good, "starttls", {"STARTTLS": answer}) as server:
        made = session(server, authority, "starttls")
        trouble = made.open()
        assert isinstance(trouble, SmtpReply)
        outcome = judge(made.stage, trouble)
        assert (made.stage, outcome.event, outcome.stop) == (Stage.STARTTLS, event, stop)
        assert not made.alive


def test_a_server_without_tls_on_a_tls_port_is_noticed(authority: Authority) -> None:
    with FaultServer() as server:
        must_mend(session(server, authority, "tls"), "no TLS")


HALF_A_HELLO = b"\x16\x03\x03\x40\x00\x02" + b"x" * 400


@TLS
@pytest.mark.parametrize("seconds", [0.0, 0.02], ids=["cut", "dripped"])
def test_a_tls_handshake_that_is_cut_or_drips_ends_in_time_and_is_tried_again(
    authority: Authority, tls: str, seconds: float
) -> None:
    first, place = (b"220 go\r\n", "STARTTLS") if tls == "starttls" else (b"", "CONNECT")
    with FaultServer({place: Veil(first, HALF_A_HELLO, seconds)}, ("STARTTLS",)) as server:
        made = session(server, authority, tls, connect_timeout=0.5 if seconds else 5)
        start = time.monotonic()
        trouble = made.open()
        assert time.monotonic() - start < 3
        assert isinstance(trouble, Lost) and trouble.stage is Stage.STARTTLS
        outcome = judge(made.stage, trouble)
        assert (outcome.event, outcome.stop, outcome.back_off) == (Event.RELEASE, False, True)


def test_a_tls_handshake_that_never_ends_is_left_at_the_deadline(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = FaultServer()
        server.port = listener.getsockname()[1]
        start = time.monotonic()
        trouble = session(server, authority, "tls", host="127.0.0.1", connect_timeout=0.4).open()
        assert isinstance(trouble, Lost) and time.monotonic() - start < 2


@pytest.mark.parametrize("auth", ["auto", "plain"])
def test_plain_says_name_and_password_in_one_line(authority: Authority, good: ssl.SSLContext, auth: str) -> None:
    with serving(good, "tls") as server:
        made = session(server, authority, "tls", auth=auth, username="jürgen", password="pä ss")
        assert made.open() is None
        made.quit()
        server.settle()
        said = next(line for line in server.heard if line.startswith("AUTH")).split()
        assert said[:2] == ["AUTH", "PLAIN"]
        assert base64.b64decode(said[2]).decode() == "\0jürgen\0pä ss"


def test_login_answers_two_questions(authority: Authority, good: ssl.SSLContext) -> None:
    answers: list[Action] = [b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"]
    with serving(good, "tls", {"AUTH": answers}) as server:
        made = session(server, authority, "tls", auth="login", username="me", password="secret")
        assert made.open() is None
        made.quit()
        server.settle()
        said = server.heard[server.heard.index("AUTH LOGIN") :][:3]
        assert [base64.b64decode(line).decode() for line in said[1:]] == ["me", "secret"]


def token_command(words: str) -> str:
    return f'{sys.executable} -c "{words}"'


def test_xoauth2_says_the_token_that_the_command_prints(authority: Authority, good: ssl.SSLContext) -> None:
    with serving(good, "tls") as server:
        command = token_command("print('ya29.token')")
        made = session(server, authority, "tls", username="me@x.example", token_command=command)
        assert made.open() is None
        made.quit()
        server.settle()
        said = next(line for line in server.heard if line.startswith("AUTH")).split()
        assert base64.b64decode(said[2]) == b"user=me@x.example\x01auth=Bearer ya29.token\x01\x01"


def test_a_refused_token_is_a_refused_login(authority: Authority, good: ssl.SSLContext) -> None:
    with serving(good, "tls", {"AUTH": [b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n", b"535 5.7.8 no\r\n"]}) as server:
        made = session(server, authority, "tls", username="me", token_command=token_command("print('old')"))
        trouble = made.open()
        assert isinstance(trouble, SmtpReply) and trouble.code == 535
        assert judge(made.stage, trouble).stop
        server.settle()
        assert "" in server.heard


@pytest.mark.parametrize(
    "words", ["raise SystemExit(3)", "pass", "print('two words')", "print('x' * 99999)", "print('\\\\x00')"]
)
def test_a_token_command_that_gives_no_token_says_how_to_mend_it(
    authority: Authority, good: ssl.SSLContext, words: str
) -> None:
    with serving(good, "tls") as server:
        made = session(server, authority, "tls", username="me", token_command=token_command(words))
        must_mend(made, "token_command")


def test_a_wrong_password_stops_the_relay_and_is_never_printed(authority: Authority, good: ssl.SSLContext) -> None:
    with serving(good, "tls", {"AUTH": b"535 5.7.8 authentication failed\r\n"}) as server:
        made = session(server, authority, "tls", username="me", password="hunter2")
        trouble = made.open()
        assert isinstance(trouble, SmtpReply)
        outcome = judge(made.stage, trouble)
        assert (outcome.event, outcome.stop) == (Event.RELEASE, True)
        assert "hunter2" not in f"{made.target!r} {outcome} {relay_error(made.target, trouble)}"


def test_a_login_that_is_not_offered_is_not_tried(authority: Authority, good: ssl.SSLContext) -> None:
    with serving(good, "tls") as server:
        server.extensions = ("PIPELINING", "AUTH CRAM-MD5")
        made = session(server, authority, "tls", username="me", password="secret")
        must_mend(made, "it offers: CRAM-MD5")
        server.settle()
        assert not any(line.startswith("AUTH") for line in server.heard)


@pytest.mark.parametrize(("answer", "stop"), [(b"454 4.7.0 later\r\n", False), (b"432 4.7.12 change it\r\n", False)])
def test_a_login_that_fails_for_now_only_backs_off(
    authority: Authority, good: ssl.SSLContext, answer: bytes, stop: bool
) -> None:
    with serving(good, "tls", {"AUTH": answer}) as server:
        made = session(server, authority, "tls", username="me", password="secret")
        trouble = made.open()
        assert isinstance(trouble, SmtpReply)
        outcome = judge(made.stage, trouble)
        assert (outcome.stop, outcome.back_off) == (stop, True)


def test_a_login_that_hangs_is_left_at_the_deadline(authority: Authority, good: ssl.SSLContext) -> None:
    with serving(good, "tls", {"AUTH": HANG}) as server:
        made = session(server, authority, "tls", username="me", password="secret", reply_timeout=0.4)
        assert made.open() == Lost(Stage.AUTH, "no answer within 0.4 s")


def test_a_password_never_leaves_this_machine_in_plain_text() -> None:
    with pytest.raises(SettingsError, match="plain text"):
        relay_target(Relay.model_validate({"host": "mail.example.com", "username": "me", "password": "x"}), Path("/"))
    assert relay_target(Relay.model_validate({"host": "::1", "username": "me", "password": "x"}), Path("/"))


def test_settings_that_cannot_work_are_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no password"):
        relay_target(Relay.model_validate({"username": "me", "tls": "tls"}), tmp_path)
    with pytest.raises(SettingsError, match="authorities"):
        relay_target(Relay.model_validate({"tls": "tls", "ca_file": "none.pem"}), tmp_path)
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="authorities"):
        relay_target(Relay.model_validate({"tls": "tls", "ca_file": "bad.pem"}), tmp_path)
    with pytest.raises(SettingsError, match="password"):
        relay_target(Relay.model_validate({"username": "me", "password_file": "none"}), tmp_path)
