"""One SMTP session that hands over mail: pipelined, a deadline per reply (RFC 5321, 2920, 3207, 4954).

Laws: the body goes out in `offer` and the final dot only in `finish`, so that the caller can commit its intent in
between; one message in flight; nothing is pipelined past the dot. What the server does comes back as a value. TLS and
AUTH never fall back to less than the settings ask for. Each verb is there twice with one body: as steps for whoever
holds many sessions in one thread (`opening`, `offering`, …), and blocking (`open`, `offer`, …).
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from functools import partial

from ..delivery.envelope import Envelope, ProvedMessage
from ..delivery.outcome import Lost, Result, SmtpReply, Stage, Unable
from ..errors import SettingsError
from .line import Ended, Line
from .login import login_steps
from .target import RelayTarget
from .waits import Steps, wait_out

__all__ = ["Offered", "RelayTarget", "SmtpSession", "wire_bytes"]

TEXT_LINE_OCTETS = 998
"""RFC 5321 4.5.3.1.6: 1000 with CRLF."""
QUIT_SECONDS = 5.0
CLOSING_SECONDS = 1.0
"""After a 421 the relay closes (RFC 5321 3.8); for so long we look whether it does."""
TRANSACTION = (Stage.MAIL, Stage.RCPT, Stage.DATA)


@dataclass(frozen=True, slots=True)
class Offered:
    """How far an offer came. Where `ok`, the whole mail but its final dot is with the relay."""

    ok: bool
    stage: Stage
    result: Result


def wire_bytes(message: bytes) -> bytes | Unable:
    """`message` dot-stuffed (RFC 5321 4.5.2), or why its octets may not go out.

    A bare CR or LF would let one mail smuggle in a second one; a NUL or an overlong line is cut by servers on the way.
    """
    if isinstance(message, ProvedMessage):
        return message
    ends = message.count(b"\r\n")
    if message.count(b"\r") != ends or message.count(b"\n") != ends:
        return Unable("the mail has a bare CR or LF", message=True)
    if not message.endswith(b"\r\n"):
        return Unable("the mail does not end in CRLF", message=True)
    if b"\x00" in message:
        return Unable("the mail has a NUL", message=True)
    if _has_long_line(message):
        return Unable(f"the mail has a line of more than {TEXT_LINE_OCTETS} octets", message=True)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _has_long_line(message: bytes) -> bool:
    """Whether a line is longer than TEXT_LINE_OCTETS, by leaps as long as a line may be, not line by line."""
    at, most = 0, TEXT_LINE_OCTETS + 2
    while len(message) - at > most:
        end = message.rfind(b"\r\n", at, at + most)
        if end < 0:
            return True
        at = end + 2
    return False


def without_signatures(message: bytes) -> bytes:
    """`message` without the DKIM signatures that stand in front of it: for a relay that makes its own."""
    while message.startswith(b"DKIM-Signature:"):
        end = message.index(b"\r\n") + 2
        while message.startswith((b" ", b"\t"), end):
            end = message.index(b"\r\n", end) + 2
        message = message[end:]
    return message


class SmtpSession:
    """A connection to the relay. Use: `open`, then `offer` and `finish` for each mail, then `quit`; or `drop`.

    `stage` is where the last trouble arose. Once `alive` is false only `drop` is left, and a new session.
    """

    def __init__(self, target: RelayTarget) -> None:
        self.target = target
        self.stage = Stage.CONNECT
        self.alive = False
        self.extensions: dict[str, str] = {}
        self._line: Line | None = None
        self._reset = False

    def open(self) -> SmtpReply | Lost | None:
        """Connect, greet, start TLS, log in. None when mail can be offered; else what stood in the way."""
        return wait_out(self.opening())

    def offer(self, envelope: Envelope, message: bytes) -> Offered:
        """Send MAIL, RCPT, DATA and the whole mail, but not the final dot."""
        return wait_out(self.offering(envelope, message))

    def finish(self) -> SmtpReply | Lost:
        """Send the final dot and read its one reply. Lost means in doubt: the relay may have taken the mail.

        A 421 that the relay said before it got the dot is the answer too, and the dot is not sent. One that crosses
        the dot on its way counts only if the relay then closes, as it must, and does not answer the dot after all.
        """
        return wait_out(self.finishing())

    def quit(self) -> None:
        """Say QUIT and close; whether the relay answers is of no matter (RFC 5321 4.1.1.10)."""
        wait_out(self.quitting())

    def opening(self) -> Steps[SmtpReply | Lost | None]:
        """The steps of `open`."""
        trouble: SmtpReply | Lost | None = None
        try:
            line = self._line = Line()
            yield from line.dial(self.target.host, self.target.port, self.target.connect_timeout)
            for step in (self._connect, self._greet, self._secure, self._log_in):
                trouble = yield from step(line)
                if trouble is not None:
                    break
            self.stage = line.stage
        except Ended as ended:
            self.stage, trouble = ended.lost.stage, ended.lost
        self.alive = trouble is None
        if trouble is not None:
            self.drop()
        return trouble

    def offering(self, envelope: Envelope, message: bytes) -> Steps[Offered]:
        """The steps of `offer`."""
        if self.target.signs_dkim:
            message = without_signatures(message)
        body = wire_bytes(message)
        if isinstance(body, Unable):
            return Offered(False, Stage.BODY, body)
        line = self._line
        if line is None or not self.alive:
            return Offered(False, Stage.MAIL, Lost(Stage.MAIL, "the connection is closed"))
        commands = self._commands(envelope, message)
        if not isinstance(commands, list):
            return Offered(False, Stage.MAIL, commands)
        line.stage = Stage.MAIL
        try:
            line.expect_silence()
            way = self._pipelined if "PIPELINING" in self.extensions else self._one_by_one
            offered = yield from way(line, commands)
            if offered.ok:
                if not line.quiet:
                    raise line.ended("the relay gave more replies than it was sent commands")
                line.stage = Stage.BODY
                yield from line.send(body, self.target.reply_timeout)
                line.expect_silence()
        except Ended as ended:
            self.drop()
            offered = Offered(False, ended.lost.stage, ended.reply or ended.lost)
        self.stage = offered.stage
        return offered

    def finishing(self) -> Steps[SmtpReply | Lost]:
        """The steps of `finish`."""
        self.stage = Stage.DOT
        line = self._line
        if line is None or not self.alive:
            return Lost(Stage.DOT, "the connection is closed")
        line.stage = Stage.DOT
        try:
            line.expect_silence()
            yield from line.send(b".\r\n", self.target.reply_timeout)
            reply = yield from line.read(self.target.dot_timeout)
            if reply.code >= 400 and (yield from line.goes_on(CLOSING_SECONDS if reply.code == 421 else 0.0)):
                raise line.ended(f"the relay said {reply}, and then something else")
        except Ended as ended:
            self.drop()
            return ended.reply or ended.lost
        if reply.code == 421 or 300 <= reply.code < 400:
            self.drop()
        return reply

    def drop(self) -> None:
        """Close at once, without the dot: what was offered is not taken (RFC 5321 4.1.1.4)."""
        self.alive = False
        if self._line is not None:
            self._line.close()

    def cut(self) -> None:
        """End whatever is waited for on this connection: it will seem as if the relay had closed it."""
        if self._line is not None:
            self._line.cut()

    def quitting(self) -> Steps[None]:
        """The steps of `quit`."""
        if self.alive and self._line is not None:
            with contextlib.suppress(Ended):
                yield from self._line.ask("QUIT", min(QUIT_SECONDS, self.target.reply_timeout))
        self.drop()

    def _connect(self, line: Line) -> Steps[SmtpReply | None]:
        target = self.target
        if target.tls == "tls" and target.context is not None:
            yield from line.handshake(target.context, target.host, target.connect_timeout)
        line.stage = Stage.CONNECT
        return _wanted(line, (yield from line.read(target.connect_timeout)), 220)

    def _greet(self, line: Line) -> Steps[SmtpReply | None]:
        """EHLO; HELO only where neither TLS nor a login could be lost by it (RFC 5321 3.2)."""
        line.stage = Stage.EHLO
        name = self.target.hello or _own_name() or line.own_address
        reply = yield from line.ask(f"EHLO {name}", self.target.reply_timeout)
        self.extensions = {}
        if reply.code in (500, 502, 504) and self.target.tls == "none" and not self.target.username:
            return _wanted(line, (yield from line.ask(f"HELO {name}", self.target.reply_timeout)), 250)
        if reply.code == 250:
            for text in line.texts[1:]:
                keyword, _, value = text.strip().partition(" ")
                self.extensions[keyword.upper()] = value
        return _wanted(line, reply, 250)

    def _secure(self, line: Line) -> Steps[SmtpReply | None]:
        if self.target.tls != "starttls" or self.target.context is None:
            return None
        line.stage = Stage.STARTTLS
        if "STARTTLS" not in self.extensions:
            remedy = 'Check the port, or set tls = "tls" in [relay]; plain text is never tried instead.'
            raise line.ended("the relay offers no STARTTLS", remedy)
        refused = _wanted(line, (yield from line.ask("STARTTLS", self.target.reply_timeout)), 220)
        if refused is not None:
            return refused
        yield from line.handshake(self.target.context, self.target.host, self.target.connect_timeout)
        return (yield from self._greet(line))

    def _log_in(self, line: Line) -> Steps[SmtpReply | None]:
        target = self.target
        if not target.username:
            return None
        line.stage = Stage.AUTH
        offered = frozenset(self.extensions.get("AUTH", "").upper().split())
        try:
            secrets = target.username, target.password, target.token_command
            steps = yield from line.elsewhere(partial(login_steps, target.auth, offered, *secrets))
        except SettingsError as wrong:
            raise line.ended(wrong.message, wrong.remedy) from wrong
        reply = yield from line.ask(next(steps), target.reply_timeout)
        for answer in steps:
            if reply.code != 334:
                break
            reply = yield from line.ask(answer, target.reply_timeout)
        return _wanted(line, reply, 235)

    def _commands(self, envelope: Envelope, message: bytes) -> list[bytes] | Unable | Lost:
        """MAIL, RCPT, DATA for this mail, with the parameters that it needs and the relay offers."""
        parameters = f" SIZE={len(message)}" if "SIZE" in self.extensions else ""
        eight_bit = not message.isascii()
        if envelope.needs_smtputf8:
            # such an address makes its mail 8-bit: that is this mail's trouble alone, and stops no other
            if "SMTPUTF8" not in self.extensions or (eight_bit and "8BITMIME" not in self.extensions):
                return Unable(f"the relay takes no addresses such as {envelope.recipient} (SMTPUTF8)")
        elif eight_bit and "8BITMIME" not in self.extensions:
            return Lost(Stage.MAIL, "the relay takes no 8-bit text", "Use a relay that offers 8BITMIME.")
        parameters += " BODY=8BITMIME" if eight_bit else ""
        parameters += " SMTPUTF8" if envelope.needs_smtputf8 else ""
        lines = [f"MAIL FROM:<{envelope.reverse_path}>{parameters}", f"RCPT TO:<{envelope.recipient}>", "DATA"]
        if any("\r" in line or "\n" in line for line in lines):
            return Unable("an address of the envelope has a line break", message=True)
        return [f"{line}\r\n".encode() for line in lines]

    def _pipelined(self, line: Line, commands: list[bytes]) -> Steps[Offered]:
        """All commands in one write; every status is read, and the first refusal is the one that counts."""
        every = (b"RSET\r\n" if self._reset else b"") + b"".join(commands)
        yield from line.send(every, self.target.reply_timeout)
        if self._reset:
            yield from self._read_reset(line)
        first: Offered | None = None
        for stage in TRANSACTION:
            line.stage = stage
            try:
                reply = yield from line.read(self.target.reply_timeout)
            except Ended:
                if first is None:
                    raise
                return self._refused(first, close=True)
            if first is None and not _taken(stage, reply):
                first = Offered(False, stage, reply)
        if first is not None:
            # DATA was answered 354 with nobody to get the mail: a lone dot might send an empty one, so we close
            return self._refused(first, close=reply.code < 400 or reply.code == 421)
        return Offered(True, Stage.DATA, reply)

    def _one_by_one(self, line: Line, commands: list[bytes]) -> Steps[Offered]:
        """The same where PIPELINING is not offered: one command, one reply."""
        if self._reset:
            yield from line.send(b"RSET\r\n", self.target.reply_timeout)
            yield from self._read_reset(line)
        for stage, command in zip(TRANSACTION, commands, strict=True):
            line.stage = stage
            yield from line.send(command, self.target.reply_timeout)
            reply = yield from line.read(self.target.reply_timeout)
            if not _taken(stage, reply):
                return self._refused(Offered(False, stage, reply), close=False)
        return Offered(True, Stage.DATA, reply)

    def _refused(self, offered: Offered, *, close: bool) -> Offered:
        """Remember that the next mail must begin with RSET, or close where that is of no use."""
        self._reset = True
        code = offered.result.code if isinstance(offered.result, SmtpReply) else 0
        if close or code == 421 or code < 400:
            self.drop()
        return offered

    def _read_reset(self, line: Line) -> Steps[None]:
        reply = yield from line.read(self.target.reply_timeout)
        if reply.code != 250:
            lost = Lost(line.stage, f"the relay refused RSET: {reply}")
            raise Ended(lost, reply if reply.code == 421 else None)
        self._reset = False


def _wanted(line: Line, reply: SmtpReply, code: int) -> SmtpReply | None:
    """None for the reply that we want, the reply where it refuses; anything else ends the conversation."""
    if reply.code == code:
        return None
    if reply.code < 400:
        raise line.ended(f"{reply} is no answer to {line.stage}")
    return reply


def _taken(stage: Stage, reply: SmtpReply) -> bool:
    """DATA wants 354 and nothing else: after a 250 the lines of the mail would be read as commands."""
    return reply.code == 354 if stage is Stage.DATA else 200 <= reply.code < 300


def _own_name() -> str:
    """This machine's full name, or nothing where it has none."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else ""
