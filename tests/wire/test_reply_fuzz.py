"""Replies of real servers, broken in a million ways: never an exception but Garbage, never a success that was none.

`python -m pytest tests/wire/test_reply_fuzz.py` tries some thousands; with OUTREACH_LONG=1 a million, and thirty
thousand through whole sessions. What a reply is, is judged by `read_slowly`, which reads the standard by the letter.
"""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import Lost, SmtpReply, Stage, judge
from outreach.wire.reply import Garbage, ReplyReader
from outreach.wire.smtp import RelayTarget, SmtpSession
from outreach.words import DeliveryEvent

from .test_reply import codes, read_all, read_slowly

REAL = [
    b"250 2.0.0 Ok: queued as 4Zx1Qk2bN4z9vCh\r\n",
    b"250 2.0.0 OK  1764246000 5b1f17b1804b1-47790b0cf2asi105 - gsmtp\r\n",
    b"250 2.6.0 <abc@acme.example> [InternalId=27891, Hostname=A.example] 9123 bytes in 0.213 Queued mail\r\n",
    b"250 OK id=1vOb2k-000000001Xs-2Abc\r\n",
    b"250 ok 1764246000 qp 12345\r\n",
    b"250-mx.example.net at your service\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n",
    b"220-mail.example ESMTP\r\n220 We do not authorize the use of this system for bulk mail.\r\n",
    b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"354 Go ahead 5b1f17b1804b1-47790b0cf2asi105 - gsmtp\r\n",
    b"421 4.7.0 [192.0.2.1] Our system has detected an unusual rate of mail. Try again later.\r\n",
    b"421-4.7.28 An unusual rate\r\n421-4.7.28 of unsolicited mail.\r\n421 4.7.28 See the guide.\r\n",
    b"450 4.2.0 <ann@example.com>: Recipient address rejected: Greylisted for 300 seconds\r\n",
    b"452 4.2.2 The recipient's inbox is out of storage space\r\n",
    b"550-5.1.1 The account that you tried to reach does not exist. Please try\r\n550 5.1.1 double-checking\r\n",
    b"550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example\r\n",
    b"552 5.3.4 Message size exceeds fixed limit\r\n",
    "550 5.1.1 Empfänger unbekannt – bitte prüfen\r\n".encode(),
    b"250\r\n",
]
SPICE = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b"-", b" ", b"\t", b"250-", b"250 ", b"2", b"5", b".\r\n"),
    *(b"250 ok\r\n", b"354 go\r\n", b"550 no\r\n", b"\x16\x03\x01", b"\r\n.\r\n", b"x" * 1200, b"250-a\r\n" * 130),
    *(b"\xe2\x80\xae", b"\x1b[2J"),
]
STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What could steer a terminal."""
PARTS = (1, 2, 3, 5, 9, 40)


def broken(dice: random.Random) -> bytes:
    """A real reply, or two, after up to four accidents."""
    made = bytearray(dice.choice(REAL))
    if dice.random() < 0.15:
        made += dice.choice(REAL)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        at = dice.randrange(len(made) + 1)
        end = min(len(made), at + dice.choice(PARTS))
        match dice.randrange(7):
            case 0:
                del made[at:end]
            case 1:
                made[at:at] = dice.choice(SPICE)
            case 2:
                made[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
            case 3:
                made[at:at] = made[at:end]
            case 4:
                del made[at:]
            case 5:
                made[:at] = dice.choice(REAL)[: dice.randrange(12)]
            case _:
                made[at:end] = dice.choice(SPICE)
    return bytes(made)


def judged(stream: bytes, cuts: int, dice: random.Random) -> None:
    """One stream, cut up: read as the standard says, and a success only where it is one."""
    places = sorted(dice.randrange(len(stream) + 1) for _ in range(cuts))
    chunks = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    found, expected = read_all(*chunks), read_slowly(stream)
    assert codes(found) == expected, stream
    if found and isinstance(found[0], SmtpReply):
        accepted = judge(Stage.DOT, found[0]).event is DeliveryEvent.ACCEPTED
        assert accepted == str(expected[0]).startswith("2"), stream
        assert not STEERING.search(found[0].text), stream


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("times", "seed"), [(4000, 1), pytest.param(1_000_000, 2, marks=pytest.mark.long)], ids=["thousands", "a million"]
)
def test_broken_replies_are_read_as_the_standard_says(times: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(times):
        judged(broken(dice), dice.choice((0, 0, 1, 2)), dice)


def test_a_reader_that_has_met_garbage_gives_nothing_more_by_itself() -> None:
    reader = ReplyReader()
    reader.feed(b"nonsense\r\n")
    with pytest.raises(Garbage):
        reader.take()
    assert reader.take() is None


ENVELOPE = Envelope("care+b1@acme.example", "ann@example.com")
MESSAGE = b"Message-ID: <1.o@acme.example>\r\nSubject: hello\r\n\r\nHello.\r\n"
PLACES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT", "DOT", "DOT")
USUAL = {
    "CONNECT": b"220 fuzz.test\r\n",
    "EHLO": b"250-fuzz.test\r\n250 PIPELINING\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go\r\n",
    "DOT": b"250 taken\r\n",
}
HOSTS = 50
"""Addresses of loopback in turn: many connections would leave no free port of one."""


class Mangler:
    """A server that says what it is told at one place of the conversation, all else as usual, and then closes."""

    def __init__(self) -> None:
        self.says = dict(USUAL)
        self.dotted = False
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            with made, made.makefile("rb") as heard, suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._talk(made, iter(heard.readline, b""), self.says)

    def _talk(self, made: socket.socket, heard: Iterator[bytes], says: dict[str, bytes]) -> None:
        def say(place: str) -> None:
            made.sendall(says[place])
            if not read_slowly(says[place]):  # half a reply: nobody shall wait for the rest
                made.shutdown(socket.SHUT_WR)

        say("CONNECT")
        for line in heard:
            verb = line[:4].decode("latin-1").upper()
            if verb not in says:
                return
            say(verb)
            if verb == "DATA" and says[verb].startswith(b"354"):
                if b".\r\n" in heard:
                    self.dotted = True
                    say("DOT")
                return


@pytest.fixture
def mangler() -> Iterator[Mangler]:
    made = Mangler()
    yield made
    made.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("times", "seed"), [(500, 1), pytest.param(30_000, 2, marks=pytest.mark.long)], ids=["hundreds", "thousands"]
)
def test_no_broken_reply_at_any_place_makes_a_success_that_was_none(mangler: Mangler, times: int, seed: int) -> None:
    dice = random.Random(seed)
    outcomes: set[DeliveryEvent] = set()
    for number in range(times):
        place, stream = dice.choice(PLACES), broken(dice)
        mangler.says, mangler.dotted = {**USUAL, place: stream}, False
        host = f"127.0.0.{number % HOSTS + 1}"
        session = SmtpSession(RelayTarget(host, mangler.port, connect_timeout=20, reply_timeout=20, dot_timeout=20))
        result: object = session.open()
        stage = session.stage
        if result is None:
            offered = session.offer(ENVELOPE, MESSAGE)
            stage, result = (Stage.DOT, session.finish()) if offered.ok else (offered.stage, offered.result)
        session.drop()
        assert isinstance(result, SmtpReply | Lost), (place, stream)
        event = judge(stage, result).event
        outcomes.add(event)
        if event is DeliveryEvent.ACCEPTED:
            read = read_slowly(mangler.says["DOT"])
            assert mangler.dotted and read and str(read[0]).startswith("2"), (place, stream)
    assert {DeliveryEvent.ACCEPTED, DeliveryEvent.UNKNOWN, DeliveryEvent.RELEASE} <= outcomes
