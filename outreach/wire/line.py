"""A line to an SMTP server: octets out, whole replies in, each within one deadline.

Laws: a deadline is per reply and not per packet, so that a server that drips cannot hold us; whatever ends the
conversation is raised as Ended with the stage at which it ended. What takes time is a generator (`wire.waits`).
TCP_NODELAY, else the small write of the dot waits for a delayed acknowledgement.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ..delivery.outcome import Lost, SmtpReply, Stage
from .reply import Garbage, ReplyReader
from .waits import READ, WRITE, Call, Ready, Steps

CERTIFICATE_REMEDY = "The relay's certificate must be valid for relay.host; an own authority goes into relay.ca_file."


INJECTED_REMEDY = (
    "Somebody between here and the relay may be changing what is said, or the relay is broken: tell whoever runs it, "
    'and set relay.tls = "tls" with its port (often 465).'
)
_TOO_OLD = "The relay speaks no TLS that is safe (1.2 or newer): it must be brought up to date, or another one used."
TLS_REMEDIES = {
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "NO_PROTOCOLS_AVAILABLE": _TOO_OLD,
    "WRONG_VERSION_NUMBER": "The relay does not speak TLS there from the first octet on: check relay.port (465 does, "
    '587 and 25 want relay.tls = "starttls").',
}
"""By OpenSSL's word for it; what is not here may pass by itself, and is tried again."""

T = TypeVar("T")
RECEIVED_AT_ONCE = 8192
SENT_AT_ONCE = 65_536
"""Under TLS; in plain text the kernel takes what it can."""
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Ended(Exception):
    """The conversation is over: how, and the whole reply that ended it where there was one."""

    def __init__(self, lost: Lost, reply: SmtpReply | None = None) -> None:
        super().__init__(lost.why)
        self.lost, self.reply = lost, reply


class Line:
    """One connection; `dial` first. `stage` is set by whoever speaks and is named in every Ended."""

    def __init__(self) -> None:
        self.stage = Stage.CONNECT
        self._reader = ReplyReader()
        self._socket: socket.socket | None = None
        self._plain = True
        self._cut = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines of the reply read last."""
        return self._reader.lines

    @property
    def quiet(self) -> bool:
        """Whether everything that was read has been understood: nothing is left over."""
        return self._reader.empty

    @property
    def own_address(self) -> str:
        """This machine's address on the connection, as EHLO's literal (RFC 5321 4.1.3)."""
        own = str(self._open.getsockname()[0])
        return f"[IPv6:{own}]" if ":" in own else f"[{own}]"

    @property
    def _open(self) -> socket.socket:
        if self._socket is None or self._cut:
            raise self.ended("the connection was cut" if self._cut else "there is no connection")
        return self._socket

    def ended(self, why: str, remedy: str = "") -> Ended:
        """The exception that ends the conversation at this stage."""
        return Ended(Lost(self.stage, why, remedy))

    def dial(self, host: str, port: int, seconds: float) -> Steps[None]:
        """Connect to the first address that answers, all within one deadline."""
        deadline = time.monotonic() + seconds
        try:
            found = yield from self._addresses(host, port)
        except (OSError, UnicodeError) as wrong:
            told = getattr(wrong, "strerror", None) or wrong
            raise self.ended(f"the name {host} cannot be resolved: {told}") from wrong
        why = "no address"
        for family, kind, protocol, _, address in found:
            made = socket.socket(family, kind, protocol)
            try:
                made.setblocking(False)
                yield from self._connect(made, address, deadline)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as wrong:
                made.close()
                why = _told(wrong, seconds)
            except BaseException:
                made.close()
                raise
            else:
                self._socket = made
                return
        raise self.ended(f"no connection to {host}:{port}: {why}")

    def _addresses(self, host: str, port: int) -> Steps[list[Any]]:
        """Where `host` is. A name is looked up elsewhere: that may take its time."""
        with contextlib.suppress(OSError):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return (yield from self.elsewhere(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)))

    def elsewhere(self, do: Callable[[], T]) -> Steps[T]:
        """Have something done that may take its time; what it raises is raised here."""
        done: T = yield Call(do)
        if self._cut:
            raise self.ended("the connection was cut")
        return done

    def _connect(self, made: socket.socket, address: Any, deadline: float) -> Steps[None]:
        number = made.connect_ex(address)
        if number in (errno.EINPROGRESS, errno.EAGAIN):
            yield Ready(made.fileno(), WRITE, deadline)
            if self._cut:
                raise self.ended("the connection was cut")
            number = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number and time.monotonic() >= deadline:
                raise TimeoutError
        if number:
            raise OSError(number, os.strerror(number))

    def ask(self, command: str, seconds: float) -> Steps[SmtpReply]:
        """Say one command and read its reply."""
        yield from self.send(command.encode() + b"\r\n", seconds)
        return (yield from self.read(seconds))

    def handshake(self, context: ssl.SSLContext, host: str, seconds: float) -> Steps[None]:
        """Go over to TLS. Nothing may be left over from the plain text (CVE-2011-0411 and its kin)."""
        self.stage = Stage.STARTTLS
        if not self.quiet:
            raise self.ended("plain text was sent behind the answer to STARTTLS", INJECTED_REMEDY)
        self._plain = False
        deadline = time.monotonic() + seconds
        try:
            secure = context.wrap_socket(self._open, server_hostname=host, do_handshake_on_connect=False)
            self._socket = secure
            while True:
                try:
                    secure.do_handshake()
                    return
                except _LATER as wrong:
                    yield from self._later(wrong, deadline)
        except ssl.SSLCertVerificationError as wrong:
            raise self.ended(f"the certificate is not valid: {wrong.verify_message}", CERTIFICATE_REMEDY) from wrong
        except ssl.SSLError as wrong:
            raise self.ended(f"no TLS: {wrong.reason or wrong}", TLS_REMEDIES.get(wrong.reason or "", "")) from wrong
        except (OSError, ValueError) as wrong:
            raise self.ended(f"no TLS: {_told(wrong, seconds)}") from wrong

    def send(self, data: bytes, seconds: float) -> Steps[None]:
        """All of `data` within `seconds`. Mostly the kernel takes all of it at once."""
        try:
            sent = self._send_some(data)
            if sent < len(data):
                yield from self._send_rest(memoryview(data)[sent:], time.monotonic() + seconds)
        except (OSError, ValueError) as wrong:
            raise self.ended(_told(wrong, seconds)) from wrong

    def _send_some(self, data: bytes | memoryview) -> int:
        if not self._plain:
            return 0
        try:
            return self._open.send(data)
        except BlockingIOError:
            return 0

    def _send_rest(self, left: memoryview, deadline: float) -> Steps[None]:
        while left:
            try:
                left = left[self._open.send(left if self._plain else left[:SENT_AT_ONCE]) :]
            except _LATER as wrong:
                yield from self._later(wrong, deadline, WRITE)

    def _later(self, wrong: OSError, deadline: float, events: int = READ) -> Steps[None]:
        """Wait until what could not be done at once can be tried again."""
        if time.monotonic() >= deadline:
            raise TimeoutError
        if isinstance(wrong, ssl.SSLWantReadError):
            events = READ
        elif isinstance(wrong, ssl.SSLWantWriteError):
            events = WRITE
        yield Ready(self._open.fileno(), events, deadline)

    def read(self, seconds: float) -> Steps[SmtpReply]:
        """One whole reply within `seconds`, however slowly it drips."""
        try:
            reply = self._reader.take()
            if reply is None:
                deadline = time.monotonic() + seconds
                while reply is None:
                    yield from self._receive(deadline, seconds)
                    reply = self._reader.take()
        except Garbage as wrong:
            raise self.ended(str(wrong)) from wrong
        return reply

    def _receive(self, deadline: float, seconds: float) -> Steps[None]:
        """Some octets. In plain text it is waited first: an answer takes time, and asking the kernel twice costs it."""
        try:
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self._plain:
                yield Ready(self._open.fileno(), READ, deadline)
            while True:
                try:
                    data = self._open.recv(RECEIVED_AT_ONCE)
                    break
                except _LATER as wrong:
                    yield from self._later(wrong, deadline)
        except (OSError, ValueError) as wrong:
            raise self.ended(_told(wrong, seconds)) from wrong
        if not data:
            raise self.ended("the relay closed the connection")
        self._reader.feed(data)

    def expect_silence(self) -> None:
        """Raise Ended where something was said that nobody asked for; a 421 is handed on with it."""
        try:
            data = self._open.recv(RECEIVED_AT_ONCE)
            if not data:
                raise self.ended("the relay closed the connection")
            self._reader.feed(data)
        except _LATER:
            pass
        except (OSError, ValueError) as wrong:
            raise self.ended(_told(wrong, 0)) from wrong
        if self._reader.empty:
            return
        try:
            early = self._reader.take()
        except Garbage as wrong:
            raise self.ended(str(wrong)) from wrong
        if early is None or not self._reader.empty:
            raise self.ended("the relay spoke out of turn")
        # only 421 may come unasked (RFC 5321 3.8); it answers for what is going on
        raise Ended(Lost(self.stage, f"the relay said {early} out of turn"), early if early.code == 421 else None)

    def goes_on(self, seconds: float) -> Steps[bool]:
        """Whether more was said than is read so far, or is said within `seconds`, before the other side closes."""
        if self.quiet and seconds:
            with contextlib.suppress(Ended):
                yield from self._receive(time.monotonic() + seconds, seconds)
        return not self.quiet

    def cut(self) -> None:
        """End whatever is waited for on this connection; whoever drives it resumes it then."""
        self._cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close at once, without a word."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()


def _told(wrong: Exception, seconds: float) -> str:
    if isinstance(wrong, TimeoutError):
        return f"no answer within {seconds:g} s"
    return str(getattr(wrong, "strerror", None) or wrong or type(wrong).__name__).lower()
