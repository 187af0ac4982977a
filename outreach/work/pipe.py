"""The pipe between the desk and a carrier: whole messages over a socket pair, in order, each a tuple of plain values.

Law: what is no message is Garbled, which ends the carrier and never hangs the desk; the end of the stream is the end
of the other process. Numbers of both sides' versions are compared before anything else is said (`VERSION`).
"""

from __future__ import annotations

import marshal
import socket
import struct
import sys
import threading
from contextlib import suppress
from typing import Any

from .. import __version__

VERSION = f"{__version__}/{sys.version_info.major}.{sys.version_info.minor}/2"
LARGEST = 64_000_000
RECEIVED_AT_ONCE = 65_536
"""For more than 128 KB the C library asks the kernel for memory, and gives it back, each time."""
_HEAD = struct.Struct("<I")
Message = tuple[Any, ...]


class Garbled(Exception):
    """What came over the pipe is no message of ours."""


class Pipe:
    """One end. `send` is safe to use from many threads; `receive` belongs to one."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end  # always blocking: a time set for one direction would hold for the other as well
        self._buffer = bytearray()
        self._waiting: list[bytes] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()

    def fileno(self) -> int:
        """The end's descriptor, to wait on."""
        return self._end.fileno()

    def send(self, *messages: Message) -> None:
        """Send these, in order. Waits where the other side does not read; use `post` where that must not be.

        Whoever finds the pipe free writes for all who have put something down meanwhile. Raises OSError when the
        other side is gone.
        """
        self.put(*messages)
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                with self._guard:
                    data = b"".join(self._waiting)
                    self._waiting.clear()
                self._end.sendall(data)
            finally:
                self._writing.release()

    def put(self, *messages: Message) -> None:
        """Put these down, in order, for whoever sends next."""
        framed = list(map(_framed, messages))
        with self._guard:
            self._waiting.extend(framed)

    def post(self, *messages: Message) -> None:
        """Send these without ever waiting: what the other side has no room for is sent by a thread of its own."""
        self.put(*messages)
        if not self._writing.acquire(blocking=False):
            return  # whoever writes now looks again
        try:
            with self._guard:
                data = b"".join(self._waiting)
                self._waiting.clear()
            sent = self._end.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except BaseException:
            self._writing.release()
            raise
        if sent < len(data):
            threading.Thread(target=self._rest, args=(data[sent:],), daemon=True).start()
            return
        self._writing.release()
        if self._waiting:
            self.post()

    def tell(self, message: Message) -> None:
        """As `post`; nothing where the other side is dead, or about to be: whoever receives sees the end of it."""
        with suppress(OSError):
            self.post(message)

    def _rest(self, data: bytes) -> None:
        with suppress(OSError):  # whoever receives learns that the other side is gone; here nobody could be told
            try:
                self._end.sendall(data)
            finally:
                self._writing.release()
            self.post()

    def receive(self) -> list[Message]:
        """All whole messages that are there, waiting for the first octet; [] where no message is whole yet.

        Raises EOFError when the other side is gone, and Garbled.
        """
        try:
            data = self._end.recv(RECEIVED_AT_ONCE)
        except OSError as wrong:
            raise EOFError(str(wrong)) from wrong
        if not data:
            raise EOFError("the other side is gone")
        self._buffer += data
        return self._whole()

    def _whole(self) -> list[Message]:
        found: list[Message] = []
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer, start)
            if length > LARGEST:
                raise Garbled(f"a message of {length} octets")
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            found.append(_parsed(bytes(self._buffer[start + _HEAD.size : end])))
            start = end
        del self._buffer[:start]
        return found

    def close(self) -> None:
        """Close this end; the other side sees the end of the stream."""
        self._end.close()


def _framed(message: Message) -> bytes:
    data = marshal.dumps(message)
    return _HEAD.pack(len(data)) + data


def _parsed(data: bytes) -> Message:
    try:
        message = marshal.loads(data)  # noqa: S302  of our own child
    except (ValueError, EOFError, TypeError) as wrong:
        raise Garbled(f"no message: {wrong}") from wrong
    if not isinstance(message, tuple) or not message or not isinstance(message[0], str):
        raise Garbled("no message")
    return message
