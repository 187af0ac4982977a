"""An SMTP server that does exactly what a test tells it to, verb by verb.

A script gives, for CONNECT, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT, RSET, QUIT, one action or a list of them
(one for each time; the last one holds). An action is the octets to say, CLOSE, HANG, or one of the classes below.
The Message-ID of every mail that it takes is in `log` before a single octet of its 2yz is said.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType


class Do(Enum):
    CLOSE = auto()
    HANG = auto()


CLOSE, HANG = Do.CLOSE, Do.HANG


@dataclass(frozen=True)
class Drip:
    """Say these octets one at a time, so that every packet comes within any deadline but the reply does not."""

    octets: bytes
    seconds: float = 0.05


@dataclass(frozen=True)
class Say:
    """Say these octets and close the connection."""

    octets: bytes


@dataclass(frozen=True)
class Deaf:
    """Say these octets, then read nothing more and keep the connection."""

    octets: bytes


@dataclass(frozen=True)
class Interrupt:
    """To DATA: say 354, wait until ten octets of the mail came and for `seconds`, then say these octets unasked.

    With `close` the connection ends there.
    """

    octets: bytes
    seconds: float = 0.0
    close: bool = False


@dataclass(frozen=True)
class Sip:
    """To DATA: say 354, then read one octet at a time, so that each packet is taken but the mail never is."""

    seconds: float = 0.05


@dataclass(frozen=True)
class Veil:
    """Say `first`, wait for the client's TLS hello, then say these octets one at a time, and close.

    With `seconds` 0 they are said at once.
    """

    first: bytes
    octets: bytes
    seconds: float = 0.0


Action = Veil | bytes | Do | Drip | Say | Deaf | Interrupt | Sip
USUAL: dict[str, bytes] = {
    "CONNECT": b"220 fault.test ESMTP\r\n",
    "HELO": b"250 fault.test\r\n",
    "STARTTLS": b"220 2.0.0 Go ahead\r\n",
    "AUTH": b"235 2.7.0 Welcome\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 Go on\r\n",
    "DOT": b"250 2.0.0 Ok: taken\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}


@dataclass
class FaultServer:
    """Listens on 127.0.0.1 in threads between `with`. `taken` are the whole mails it was told 250 for.

    `clear` is all that came without TLS.
    """

    script: Mapping[str, Action | Sequence[Action]] = field(default_factory=dict)
    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000")
    context: ssl.SSLContext | None = None
    implicit: bool = False
    taken: list[bytes] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    dots: int = 0
    cut: list[bytes] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    clear: bytearray = field(default_factory=bytearray)
    connections: int = 0
    port: int = 0

    def __enter__(self) -> FaultServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._times: dict[str, int] = {}
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for made in self._open:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def settle(self) -> None:
        """Wait until every connection that the client closed has been seen to the end."""
        deadline = time.monotonic() + 5
        while any(thread.is_alive() for thread in self._threads[1:]) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(made)
            thread = threading.Thread(target=self._serve, args=(made,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, made: socket.socket) -> None:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, _Over), _Conversation(self, made) as conversation:
            conversation.hold()

    def action(self, verb: str) -> Action:
        """What to do this time."""
        usual = USUAL.get(verb, b"502 5.5.2 Unknown\r\n")
        if verb == "EHLO":
            lines = ["fault.test", *self.extensions]
            usual = "".join(f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines).encode()
        wanted = self.script.get(verb, usual)
        if isinstance(wanted, Sequence) and not isinstance(wanted, bytes):
            number = self._times.get(verb, 0)
            self._times[verb] = number + 1
            return wanted[min(number, len(wanted) - 1)]
        return wanted


def octets_of(action: Action) -> bytes:
    """What an action says, or begins to say."""
    return action if isinstance(action, bytes) else getattr(action, "octets", b"")


def message_id_of(mail: bytes) -> str:
    """The Message-ID of a mail."""
    found = re.search(rb"\r\nMessage-ID: (<[^>\r\n]*>)", b"\r\n" + mail)
    return found[1].decode() if found else ""


class _Over(Exception):
    """The conversation ends here."""


class _Conversation:
    def __init__(self, server: FaultServer, made: socket.socket) -> None:
        self.server, self.socket = server, made
        self.buffer = b""

    def __enter__(self) -> _Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def hold(self) -> None:
        if self.server.implicit:
            self.go_secure()
        self.do("CONNECT")
        challenged = False
        while True:
            line = self.line()
            verb = "AUTH" if challenged else line[:8].split(b" ")[0].split(b"\r")[0].decode("latin-1").upper()
            self.server.heard.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            said = self.do(verb)
            challenged = verb == "AUTH" and said.startswith(b"334")
            if verb == "QUIT":
                return
            if verb == "STARTTLS" and said.startswith(b"220"):
                self.go_secure()
            if verb == "DATA" and said.startswith(b"354"):
                self.data()

    def data(self) -> None:
        mail = b""
        while b"\r\n.\r\n" not in b"\r\n" + mail[-70_000:]:
            if not self.buffer:
                try:
                    self.more()
                except (_Over, OSError):
                    self.server.cut.append(mail)
                    raise
            mail, self.buffer = mail + self.buffer, b""
        head, _, rest = (b"\r\n" + mail).partition(b"\r\n.\r\n")
        self.buffer = rest
        self.server.dots += 1
        action = self.server.action("DOT")
        if octets_of(action).startswith(b"2"):
            self.server.log.append(message_id_of(head))
        said = self.act(action)
        if said.startswith(b"250"):
            self.server.taken.append(head[2:] + b"\r\n")

    def do(self, verb: str) -> bytes:
        return self.act(self.server.action(verb))

    def act(self, action: Action) -> bytes:
        if action is CLOSE:
            raise _Over
        if action is HANG:
            self.server._ended.wait(30)
            raise _Over
        if isinstance(action, Drip):
            for octet in action.octets:
                self.socket.sendall(bytes([octet]))
                if self.server._ended.wait(action.seconds):
                    raise _Over
            return action.octets
        if isinstance(action, Say):
            self.socket.sendall(action.octets)
            raise _Over
        if isinstance(action, Interrupt):
            self.socket.sendall(b"354 Go on\r\n")
            while len(self.buffer) < 10:
                self.more()
            self.server._ended.wait(action.seconds)
            self.socket.sendall(action.octets)
            if action.close:
                raise _Over
            return b"354"
        if isinstance(action, Sip):
            self.socket.sendall(b"354 Go on\r\n")
            while self.socket.recv(1) and not self.server._ended.wait(action.seconds):
                pass
            raise _Over
        if isinstance(action, Veil):
            self.socket.sendall(action.first)
            self.socket.recv(65536)
            for octet in [action.octets] if not action.seconds else [bytes([one]) for one in action.octets]:
                self.socket.sendall(octet)
                if self.server._ended.wait(action.seconds):
                    break
            raise _Over
        if isinstance(action, Deaf):
            self.socket.sendall(action.octets)
            self.server._ended.wait(30)
            raise _Over
        assert isinstance(action, bytes)
        self.socket.sendall(action)
        return action

    def go_secure(self) -> None:
        assert self.server.context is not None
        self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
        self.server._open.append(self.socket)
        self.buffer = b""

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def more(self) -> None:
        got = self.socket.recv(65536)
        if not got:
            raise _Over
        if not isinstance(self.socket, ssl.SSLSocket):
            self.server.clear += got
        self.buffer += got
