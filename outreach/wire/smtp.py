"""One SMTP session that hands over mail: pipelined, a deadline per reply (RFC 5321, 2920, 3207, 4954).

Laws: the body goes out in `offer` and the final dot only in `finish`, so that the caller can commit its intent in
between; one message in flight: behind its dot may go the commands of the next mail, as RFC 2920 3.1 allows, never its
text. What the server does comes back as a value. TLS and AUTH never fall back to less than the settings ask for. Each
verb is there twice with one body: as steps for whoever holds many sessions in one thread (`opening`, `offering`, …),
and blocking (`open`, `offer`, …).
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from functools import partial

from ..delivery.envelope import Envelope
from ..delivery.outcome import Lost, Result, SmtpReply, Stage, Unable
from ..errors import SettingsError
from .line import Ended, Line
from .login import login_steps
from .octets import wire_bytes, without_signatures
from .target import RelayTarget
from .waits import Steps, wait_out

__all__ = ["Offered", "RelayTarget", "SmtpSession"]

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


Mail = tuple[Envelope, bytes]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What goes out for a mail: its commands, and its text as the wire wants it."""

    commands: list[bytes]
    body: bytes


@dataclass(slots=True)
class _Ahead:
    """A mail whose commands went out behind a dot; `heard`: the answers, where they had to be read already."""

    envelope: Envelope
    message: bytes
    prepared: _Prepared
    heard: list[SmtpReply] | None = None

    @property
    def behind_dot(self) -> bytes:
        """The dot of the mail before, and these commands."""
        return b"".join([b".\r\n", *self.prepared.commands])


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
        self._ahead: _Ahead | None = None

    def open(self) -> SmtpReply | Lost | None:
        """Connect, greet, start TLS, log in. None when mail can be offered; else what stood in the way."""
        return wait_out(self.opening())

    def offer(self, envelope: Envelope, message: bytes) -> Offered:
        """Send MAIL, RCPT, DATA and the whole mail, but not the final dot."""
        return wait_out(self.offering(envelope, message))

    def finish(self, then: Mail | None = None) -> SmtpReply | Lost:
        """Send the final dot and read its one reply. Lost means in doubt: the relay may have taken the mail.

        `then` is the mail that will be offered next: where the relay takes commands behind a dot, its own go along,
        which saves a journey (`begun`). It is offered next, or the session is dropped.

        A 421 that the relay said before it got the dot is the answer too, and the dot is not sent. One that crosses
        the dot on its way counts only if the relay then closes, as it must, and does not answer the dot after all.
        """
        return wait_out(self.finishing(then))

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

    @property
    def begun(self) -> bool:
        """Whether the commands of the next mail went out behind the last dot: another one cannot be offered now."""
        return self._ahead is not None

    def offering(self, envelope: Envelope, message: bytes) -> Steps[Offered]:
        """The steps of `offer`."""
        ahead, self._ahead = self._ahead, None
        prepared = self._prepared(envelope, message) if ahead is None else ahead.prepared
        if isinstance(prepared, Offered):
            return prepared
        line = self._line
        if line is None or not self.alive:
            return Offered(False, Stage.MAIL, Lost(Stage.MAIL, "the connection is closed"))
        if ahead is not None and (ahead.envelope, ahead.message) != (envelope, message):
            raise ValueError("another mail has been begun")
        line.stage = Stage.MAIL
        try:
            if ahead is None:
                line.expect_silence()
                way = self._pipelined if "PIPELINING" in self.extensions else self._one_by_one
                offered = yield from way(line, prepared.commands)
            elif ahead.heard is None:
                offered = yield from self._hear(line)
            else:
                offered = self._judged(ahead.heard)
            if offered.ok:
                if not line.quiet:
                    raise line.ended("the relay gave more replies than it was sent commands")
                line.stage = Stage.BODY
                yield from line.send(prepared.body, self.target.reply_timeout)
                line.expect_silence()
        except Ended as ended:
            self.drop()
            offered = Offered(False, ended.lost.stage, ended.reply or ended.lost)
        self.stage = offered.stage
        return offered

    def _prepared(self, envelope: Envelope, message: bytes) -> _Prepared | Offered:
        if self.target.signs_dkim:
            message = without_signatures(message)
        body = wire_bytes(message)
        if isinstance(body, Unable):
            return Offered(False, Stage.BODY, body)
        commands = self._commands(envelope, message)
        return _Prepared(commands, body) if isinstance(commands, list) else Offered(False, Stage.MAIL, commands)

    def finishing(self, then: Mail | None = None) -> Steps[SmtpReply | Lost]:
        """The steps of `finish`."""
        self.stage = Stage.DOT
        line = self._line
        if line is None or not self.alive:
            return Lost(Stage.DOT, "the connection is closed")
        line.stage = Stage.DOT
        ahead = self._begin(then)
        try:
            line.expect_silence()
            yield from line.send(b".\r\n" if ahead is None else ahead.behind_dot, self.target.reply_timeout)
            reply = yield from line.read(self.target.dot_timeout)
            if reply.code >= 400:
                yield from self._prove(line, reply, ahead)
        except Ended as ended:
            self.drop()
            return ended.reply or ended.lost
        if reply.code == 421 or 300 <= reply.code < 400:
            self.drop()
        elif self.alive:
            self._ahead = ahead
        return reply

    def _begin(self, then: Mail | None) -> _Ahead | None:
        if then is None or "PIPELINING" not in self.extensions:
            return None
        prepared = self._prepared(*then)
        return None if isinstance(prepared, Offered) else _Ahead(*then, prepared)

    def _prove(self, line: Line, reply: SmtpReply, ahead: _Ahead | None) -> Steps[None]:
        """Raise Ended where a refusal cannot have been the answer to the dot, since more was said than was asked."""
        if ahead is None:
            if (yield from line.goes_on(CLOSING_SECONDS if reply.code == 421 else 0.0)):
                raise line.ended(f"the relay said {reply}, and then something else")
            return
        patience = CLOSING_SECONDS if reply.code == 421 else self.target.reply_timeout
        heard: list[SmtpReply] = []
        try:
            for _ in TRANSACTION:
                heard.append((yield from line.read(patience)))
        except Ended:
            if not line.quiet:
                raise
            self.drop()  # it closed behind its refusal, or says no more
        fitting = all(_fits(stage, one) for stage, one in zip(TRANSACTION, heard, strict=False))
        if not (fitting and line.quiet):
            raise line.ended(f"the relay said {reply}, and then something else")
        ahead.heard = heard

    def drop(self) -> None:
        """Close at once, without the dot: what was offered is not taken (RFC 5321 4.1.1.4)."""
        self.alive, self._ahead = False, None
        if self._line is not None:
            self._line.close()

    def cut(self) -> None:
        """End whatever is waited for on this connection: it will seem as if the relay had closed it."""
        if self._line is not None:
            self._line.cut()

    def quitting(self) -> Steps[None]:
        """The steps of `quit`."""
        if self.alive and self._line is not None and not self.begun:
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
        if not message.isascii():
            if "8BITMIME" not in self.extensions:
                return Lost(Stage.MAIL, "the relay takes no 8-bit text", "Use a relay that offers 8BITMIME.")
            parameters += " BODY=8BITMIME"
        if envelope.needs_smtputf8:
            if "SMTPUTF8" not in self.extensions:
                return Unable(f"the relay takes no addresses such as {envelope.recipient} (SMTPUTF8)")
            parameters += " SMTPUTF8"
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
        return (yield from self._hear(line))

    def _hear(self, line: Line) -> Steps[Offered]:
        """The answers to a whole transaction's commands."""
        heard: list[SmtpReply] = []
        for stage in TRANSACTION:
            line.stage = stage
            try:
                heard.append((yield from line.read(self.target.reply_timeout)))
            except Ended:
                if all(_taken(*one) for one in zip(TRANSACTION, heard, strict=False)):
                    raise
                break
        return self._judged(heard)

    def _judged(self, heard: list[SmtpReply]) -> Offered:
        """What the answers mean, of which some may be missing behind a refusal."""
        for stage, reply in zip(TRANSACTION, heard, strict=False):
            if not _taken(stage, reply):
                # where DATA was answered 354 with nobody to get the mail a lone dot might send an empty one: we close
                last = heard[-1].code
                close = len(heard) < len(TRANSACTION) or last < 400 or last == 421
                return self._refused(Offered(False, stage, reply), close=close)
        return Offered(True, Stage.DATA, heard[-1])

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


def _fits(stage: Stage, reply: SmtpReply) -> bool:
    """Whether this can be the answer to that command, be it a refusal."""
    return reply.code >= 400 or _taken(stage, reply)


def _own_name() -> str:
    """This machine's full name, or nothing where it has none."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else ""
