"""A line to an SMTP server: octets out, whole replies in, each within one deadline.

Laws: a deadline is per reply and not per packet, so that a server that drips cannot hold us; whatever ends the
conversation is raised as Ended with the stage at which it ended. TCP_NODELAY, else the small write of the dot waits
for a delayed acknowledgement.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time

from ..delivery.outcome import Lost, SmtpReply, Stage
from .reply import Garbage, ReplyReader

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

RECEIVED_AT_ONCE = 8192
KERNEL_SECONDS = 20.0
"""In plain text the kernel itself waits so long for an answer, in the one call that reads it; what lasts longer, or
must end sooner, is waited for by hand. Setting a time for each reply cost three calls for one."""


class Ended(Exception):
    """The conversation is over: how, and the whole reply that ended it where there was one."""

    def __init__(self, lost: Lost, reply: SmtpReply | None = None) -> None:
        super().__init__(lost.why)
        self.lost, self.reply = lost, reply


class Line:
    """One connection. `stage` is set by whoever speaks and is named in every Ended."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.stage = Stage.CONNECT
        self._reader = ReplyReader()
        self._socket = _dial(host, port, seconds)
        self._plain = True
        self._socket.settimeout(None)
        whole, part = divmod(KERNEL_SECONDS, 1)
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(whole), int(part * 1_000_000))
        )

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
        own = str(self._socket.getsockname()[0])
        return f"[IPv6:{own}]" if ":" in own else f"[{own}]"

    def ended(self, why: str, remedy: str = "") -> Ended:
        """The exception that ends the conversation at this stage."""
        return Ended(Lost(self.stage, why, remedy))

    def ask(self, command: str, seconds: float) -> SmtpReply:
        """Say one command and read its reply."""
        self.send(command.encode() + b"\r\n", seconds)
        return self.read(seconds)

    def handshake(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Go over to TLS. Nothing may be left over from the plain text (CVE-2011-0411 and its kin)."""
        self.stage = Stage.STARTTLS
        if not self.quiet:
            raise self.ended("plain text was sent behind the answer to STARTTLS", INJECTED_REMEDY)
        self._plain = False
        try:
            self._socket.settimeout(seconds)
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except ssl.SSLCertVerificationError as wrong:
            raise self.ended(f"the certificate is not valid: {wrong.verify_message}", CERTIFICATE_REMEDY) from wrong
        except ssl.SSLError as wrong:
            raise self.ended(f"no TLS: {wrong.reason or wrong}", TLS_REMEDIES.get(wrong.reason or "", "")) from wrong
        except (OSError, ValueError) as wrong:
            raise self.ended(f"no TLS: {_told(wrong, seconds)}") from wrong

    def send(self, data: bytes, seconds: float) -> None:
        """All of `data` within `seconds`."""
        try:
            if self._plain:
                self._send_plain(data, seconds)
            else:
                self._send_parts(memoryview(data), time.monotonic() + seconds)
        except (OSError, ValueError) as wrong:
            raise self.ended(_told(wrong, seconds)) from wrong

    def _send_plain(self, data: bytes, seconds: float) -> None:
        """Mostly the kernel takes all at once; for the rest it is waited as long as there is time."""
        sent, deadline = 0, time.monotonic() + seconds
        while True:
            with contextlib.suppress(BlockingIOError):
                sent += self._socket.send(data[sent:] if sent else data, socket.MSG_DONTWAIT)
            if sent >= len(data):
                return
            self._wait_for(select.POLLOUT, deadline - time.monotonic())

    def _wait_for(self, event: int, left: float) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError

    def _send_parts(self, left: memoryview, deadline: float) -> None:
        """`sendall` of TLS gives each part its own time; this gives all of them one."""
        while left:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            left = left[self._socket.send(left[:65536]) :]

    def read(self, seconds: float) -> SmtpReply:
        """One whole reply within `seconds`, however slowly it drips."""
        deadline = time.monotonic() + seconds
        try:
            while (reply := self._reader.take()) is None:
                self._receive(max(deadline - time.monotonic(), 0.0), seconds)
        except Garbage as wrong:
            raise self.ended(str(wrong)) from wrong
        return reply

    def _receive(self, left: float, seconds: float) -> None:
        if left <= 0:
            raise self.ended(_told(TimeoutError(), seconds))
        try:
            data = self._received(left)
        except (OSError, ValueError) as wrong:
            raise self.ended(_told(wrong, seconds)) from wrong
        if data is None:
            return
        if not data:
            raise self.ended("the relay closed the connection")
        self._reader.feed(data)

    def _received(self, left: float) -> bytes | None:
        """What came within `left` seconds; None where there is time left to ask again."""
        if not self._plain:
            self._socket.settimeout(left)
            return self._socket.recv(RECEIVED_AT_ONCE)
        if left >= KERNEL_SECONDS:
            with contextlib.suppress(BlockingIOError):
                return self._socket.recv(RECEIVED_AT_ONCE)
            return None
        self._wait_for(select.POLLIN, left)
        return self._socket.recv(RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)

    def expect_silence(self) -> None:
        """Raise Ended where something was said that nobody asked for; a 421 is handed on with it."""
        try:
            if self._plain:
                data = self._socket.recv(RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
            else:
                self._socket.settimeout(0.0)
                data = self._socket.recv(RECEIVED_AT_ONCE)
            if not data:
                raise self.ended("the relay closed the connection")
            self._reader.feed(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
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

    def goes_on(self, seconds: float) -> bool:
        """Whether more was said than is read so far, or is said within `seconds`, before the other side closes."""
        if self.quiet and seconds:
            with contextlib.suppress(Ended):
                self._receive(seconds, seconds)
        return not self.quiet

    def cut(self) -> None:
        """Let whoever waits on this connection see its end; for another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close at once, without a word."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _dial(host: str, port: int, seconds: float) -> socket.socket:
    """A connection to the first address that answers, all within one deadline."""
    deadline = time.monotonic() + seconds
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as wrong:
        told = getattr(wrong, "strerror", None) or wrong
        raise Ended(Lost(Stage.CONNECT, f"the name {host} cannot be resolved: {told}")) from wrong
    why = "no address"
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(max(deadline - time.monotonic(), 0.001))
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as wrong:
            made.close()
            why = _told(wrong, seconds)
            continue
        return made
    raise Ended(Lost(Stage.CONNECT, f"no connection to {host}:{port}: {why}"))


def _told(wrong: Exception, seconds: float) -> str:
    if isinstance(wrong, TimeoutError):
        return f"no answer within {seconds:g} s"
    return str(getattr(wrong, "strerror", None) or wrong or type(wrong).__name__).lower()
