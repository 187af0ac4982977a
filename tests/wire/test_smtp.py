"""Handing over mail where all goes well: what is said, in how many writes, and what never goes out."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import Lost, SmtpReply, Stage, Unable, judge
from outreach.wire.relay import relay_error
from outreach.wire.smtp import RelayTarget, SmtpSession, wire_bytes
from outreach.words import DeliveryEvent as Event

from ..examples import examples
from ..servers import start_sink
from ..servers.fault import FaultServer

ENVELOPE = Envelope("care+b1@acme.example", "ann@example.com")
MESSAGE = b"Message-ID: <1.o@acme.example>\r\nSubject: hello\r\n\r\nhello\r\n"
SMUGGLED = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n"


def session(port: int) -> SmtpSession:
    return SmtpSession(RelayTarget("127.0.0.1", port, hello="me.test", reply_timeout=10, dot_timeout=10))


def deliver(server: FaultServer, envelope: Envelope, message: bytes) -> object:
    made = session(server.port)
    assert made.open() is None
    offered = made.offer(envelope, message)
    answer = made.finish() if offered.ok else offered.result
    made.quit()
    server.settle()
    return answer


def test_one_mail_after_another_over_one_connection() -> None:
    with FaultServer() as server:
        made = session(server.port)
        assert made.open() is None
        for number in range(5):
            assert made.offer(ENVELOPE, MESSAGE + b"%d\r\n" % number).ok
            assert made.finish() == SmtpReply(250, "2.0.0", "Ok: taken")
        made.quit()
        server.settle()
        assert server.taken == [MESSAGE + b"%d\r\n" % number for number in range(5)]
        assert (server.connections, server.heard[-1]) == (1, "QUIT")


def test_nothing_is_taken_before_finish_and_drop_takes_it_back() -> None:
    with FaultServer() as server:
        made = session(server.port)
        assert made.open() is None
        assert made.offer(ENVELOPE, MESSAGE).ok
        made.drop()
        server.settle()
        assert (server.dots, server.taken, server.cut) == (0, [], [MESSAGE])
        assert not made.alive


def test_finish_after_drop_sends_nothing_and_says_in_doubt_rather_than_sent() -> None:
    with FaultServer() as server:
        made = session(server.port)
        assert made.open() is None
        assert made.offer(ENVELOPE, MESSAGE).ok
        made.drop()
        assert judge(Stage.DOT, made.finish()).event is Event.UNKNOWN


def first_packet(offers: tuple[str, ...]) -> bytes:
    """What the client says at once after EHLO, to a server that then answers nothing more than 421."""
    packets: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 x\r\n")
            connection.recv(1000)
            connection.sendall("".join(f"250-{name}\r\n" for name in ("x", *offers)).encode() + b"250 HELP\r\n")
            packets.append(connection.recv(1000))
            connection.sendall(b"421 bye\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        made = session(listener.getsockname()[1])
        assert made.open() is None
        made.offer(ENVELOPE, MESSAGE)
        made.drop()
        thread.join(5)
    return packets[0]


def test_commands_go_out_in_one_write_only_where_pipelining_is_offered() -> None:
    assert first_packet(("PIPELINING",)).count(b"\r\n") == 3
    assert first_packet(()).count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("offers", "envelope", "message", "expected"),
    [
        ((), ENVELOPE, MESSAGE, "MAIL FROM:<care+b1@acme.example>"),
        (("SIZE 1000",), ENVELOPE, MESSAGE, f"MAIL FROM:<care+b1@acme.example> SIZE={len(MESSAGE)}"),
        (("size",), ENVELOPE, MESSAGE, f"MAIL FROM:<care+b1@acme.example> SIZE={len(MESSAGE)}"),
        (("8BITMIME",), ENVELOPE, MESSAGE, "MAIL FROM:<care+b1@acme.example>"),
        (("8BITMIME",), ENVELOPE, MESSAGE + b"\xc3\xa4\r\n", "MAIL FROM:<care+b1@acme.example> BODY=8BITMIME"),
        (("SMTPUTF8",), ENVELOPE, MESSAGE, "MAIL FROM:<care+b1@acme.example>"),
        (
            ("SMTPUTF8",),
            Envelope("care@acme.example", "ä@x.example", True),
            MESSAGE,
            "MAIL FROM:<care@acme.example> SMTPUTF8",
        ),
        ((), Envelope("", "ann@example.com"), MESSAGE, "MAIL FROM:<>"),
    ],
)
def test_mail_carries_only_what_is_needed_and_offered(
    offers: tuple[str, ...], envelope: Envelope, message: bytes, expected: str
) -> None:
    with FaultServer({}, offers) as server:
        assert isinstance(deliver(server, envelope, message), SmtpReply)
        assert expected in server.heard
        assert f"RCPT TO:<{envelope.recipient}>" in server.heard


@pytest.mark.parametrize("offers", [("PIPELINING",), ("PIPELINING", "SMTPUTF8"), ("PIPELINING", "8BITMIME")])
def test_an_address_beyond_ascii_fails_alone_where_smtputf8_is_not_offered(offers: tuple[str, ...]) -> None:
    """Its mail is 8-bit by its To alone: a relay without 8BITMIME was stopped by it, and all mail with the relay."""
    with FaultServer({}, offers) as server:
        made = session(server.port)
        assert made.open() is None
        message = "To: ä@x.example\r\n".encode() + MESSAGE
        offered = made.offer(Envelope("care@acme.example", "ä@x.example", True), message)
        assert judge(offered.stage, offered.result).event is Event.PERMANENT
        assert made.offer(ENVELOPE, MESSAGE).ok
        assert judge(Stage.DOT, made.finish()).event is Event.ACCEPTED


def test_8_bit_text_is_not_forced_upon_a_relay_that_does_not_take_it() -> None:
    with FaultServer({}, ()) as server:
        answer = deliver(server, ENVELOPE, MESSAGE + b"\xc3\xa4\r\n")
        assert isinstance(answer, Lost)
        outcome = judge(Stage.MAIL, answer)
        assert (outcome.event, outcome.stop) == (Event.RELEASE, True)
        assert not any(line.startswith("MAIL") for line in server.heard)


@pytest.mark.parametrize(
    "ending",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r.\r",
        b"\r\r\n.\r\n",
        b"\n\n.\r\n",
        b"\r\n\x00.\r\n",
        b"\x00",
    ],
)
def test_a_mail_that_could_smuggle_a_second_one_never_leaves(ending: bytes) -> None:
    with FaultServer() as server:
        made = session(server.port)
        assert made.open() is None
        offered = made.offer(ENVELOPE, MESSAGE + ending + SMUGGLED)
        assert isinstance(offered.result, Unable)
        assert judge(offered.stage, offered.result).event is Event.CANNOT_RENDER
        assert made.alive
        made.quit()
        server.settle()
        assert [line.split()[0] for line in server.heard] == ["EHLO", "QUIT"]


def test_the_end_of_data_inside_a_mail_is_stuffed_and_arrives_as_one_mail() -> None:
    message = MESSAGE + b".\r\n" + SMUGGLED + b".\r\n.\r\n..\r\n"
    with FaultServer() as server:
        assert isinstance(deliver(server, ENVELOPE, message), SmtpReply)
        assert [taken.replace(b"\r\n.", b"\r\n") for taken in server.taken] == [message]
        assert server.dots == 1


@pytest.mark.parametrize("message", [b"", b"no end", b"ends in CR\r", b"ends in LF\n", b"x" * 999 + b"\r\n"])
def test_a_mail_without_proper_lines_never_leaves(message: bytes) -> None:
    assert isinstance(wire_bytes(message), Unable)


def test_a_line_of_998_octets_may_go() -> None:
    assert wire_bytes(b"x" * 998 + b"\r\n") == b"x" * 998 + b"\r\n"
    for before in range(0, 2200, 7):
        rest = b"".join(b"y" * (at % 97) + b"\r\n" for at in range(before // 40)) + b"z" * (before % 40) + b"\r\n"
        assert wire_bytes(rest + b"x" * 998 + b"\r\n" + rest) == rest + b"x" * 998 + b"\r\n" + rest
        assert isinstance(wire_bytes(rest + b"x" * 999 + b"\r\n" + rest), Unable)
    assert wire_bytes(b"." + b"x" * 997 + b"\r\n") == b".." + b"x" * 997 + b"\r\n"


def unstuffed(data: bytes) -> bytes:
    """What a receiver makes of it (RFC 5321 4.5.2), line by line."""
    lines = data.split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.sampled_from([b".", b"..", b"", b"x", b".x", b"x.", b"\xff"]), max_size=12))
def test_stuffing_is_undone_by_the_receiver_and_no_line_is_a_lone_dot(lines: list[bytes]) -> None:
    message = b"\r\n".join(lines) + b"\r\n"
    stuffed = wire_bytes(message)
    assert isinstance(stuffed, bytes)
    assert unstuffed(stuffed) == message
    assert b"." not in stuffed.split(b"\r\n")


@settings(max_examples=examples(1000), deadline=None)
@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\x00", b"a"]), max_size=10).map(b"".join))
def test_no_octets_get_out_that_any_server_could_read_as_an_end(message: bytes) -> None:
    stuffed = wire_bytes(message)
    if isinstance(stuffed, bytes):
        plain = stuffed.replace(b"\r\n", b"|")
        assert b"\r" not in plain and b"\n" not in plain and b"\x00" not in plain
        assert b"|.|" not in b"|" + plain


def test_a_line_break_in_an_address_never_reaches_the_relay() -> None:
    with FaultServer() as server:
        answer = deliver(server, Envelope("a@b.example", "c@d.example>\r\nDATA"), MESSAGE)
        assert isinstance(answer, Unable)
        assert [line.split()[0] for line in server.heard] == ["EHLO", "QUIT"]


def test_an_old_server_is_greeted_with_helo() -> None:
    with FaultServer({"EHLO": b"502 5.5.1 what?\r\n"}) as server:
        assert isinstance(deliver(server, ENVELOPE, MESSAGE), SmtpReply)
        assert server.heard[:2] == ["EHLO me.test", "HELO me.test"]


def test_without_a_name_of_our_own_the_address_is_said() -> None:
    with FaultServer() as server:
        made = SmtpSession(RelayTarget("127.0.0.1", server.port))
        assert made.open() is None
        made.quit()
        server.settle()
        name = server.heard[0].removeprefix("EHLO ")
        assert name == "[127.0.0.1]" or "." in name


def test_a_relay_that_is_not_there_is_told_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    made = session(port)
    trouble = made.open()
    assert isinstance(trouble, Lost)
    assert (trouble.stage, trouble.why) == (Stage.CONNECT, f"no connection to 127.0.0.1:{port}: connection refused")
    assert "[relay]" in relay_error(made.target, trouble).remedy


def test_a_name_that_does_not_exist_is_told() -> None:
    made = SmtpSession(RelayTarget("no-such-host.invalid", 25))
    trouble = made.open()
    assert isinstance(trouble, Lost) and "cannot be resolved" in trouble.why


def test_mail_offered_on_a_session_that_was_never_opened_is_released() -> None:
    offered = SmtpSession(RelayTarget("127.0.0.1", 1)).offer(ENVELOPE, MESSAGE)
    assert judge(offered.stage, offered.result).event is Event.RELEASE


def test_the_sink_logs_what_it_took_before_it_says_so(tmp_path: Path) -> None:
    with start_sink(tmp_path / "log") as sink:
        made = session(sink.port)
        assert made.open() is None
        for number in range(20):
            assert made.offer(ENVELOPE, MESSAGE.replace(b"1.o", b"%d.o" % number)).ok
            assert isinstance(made.finish(), SmtpReply)
            assert sink.taken()[-1]["message_id"] == f"<{number}.o@acme.example>"
        made.offer(ENVELOPE, MESSAGE)
        made.drop()
        assert [one["recipient"] for one in sink.taken()] == ["ann@example.com"] * 20
