"""Reading SMTP replies out of a stream of octets: `ddd[ -]text CRLF`, and nothing else (RFC 5321 4.2).

Law: no socket here. Whatever is not a reply raises Garbage; lines and their number are capped, and the work is linear
in what came in, however it was cut up.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..delivery.outcome import SmtpReply

LINE_OCTETS = 1000
"""RFC 5321 4.5.3.1.5 says 512 with CRLF; real servers write longer ones."""
LINES = 128
TEXT_CHARACTERS = 500
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\x00\r\n]*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Garbage(Exception):
    """What came is not an SMTP reply; its words say why."""


class ReplyReader:
    """Takes octets as they arrive and gives whole replies. `lines` are the texts of the reply read last."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0
        self._code = 0
        self._texts: list[str] = []
        self.lines: tuple[str, ...] = ()

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    @property
    def empty(self) -> bool:
        """Whether nothing is left over, not even half a reply."""
        return not self._buffer and not self._texts

    def take(self) -> SmtpReply | None:
        """The next whole reply, or None while it is incomplete. Raises Garbage; after that the reader is of no use."""
        while True:
            end = self._buffer.find(b"\n", self._looked)
            if end < 0:
                self._looked = len(self._buffer)
                if self._looked > LINE_OCTETS:
                    raise Garbage(f"a line of more than {LINE_OCTETS} octets")
                return None
            line = bytes(self._buffer[: end + 1])
            del self._buffer[: end + 1]
            self._looked = 0
            whole = None if self._texts else _whole(line)
            if whole is not None:
                self.lines = whole[1]
                return whole[0]
            if self._last(line):
                reply = _reply(self._code, self._texts)
                self.lines, self._texts = tuple(self._texts), []
                return reply

    def _last(self, line: bytes) -> bool:
        """Take one line of a reply; whether it was the last."""
        if len(line) > LINE_OCTETS:
            raise Garbage(f"a line of more than {LINE_OCTETS} octets")
        found = _LINE.fullmatch(line, 0, len(line) - 2) if line.endswith(b"\r\n") else None
        if found is None:
            raise Garbage(f"{line[:60]!r} is no SMTP reply")
        code = int(found[1])
        if self._texts and code != self._code:
            raise Garbage(f"a reply that begins with {self._code} goes on with {code}")
        if len(self._texts) >= LINES:
            raise Garbage(f"a reply of more than {LINES} lines")
        self._code = code
        self._texts.append((found[3] or b"").decode("utf-8", "replace"))
        return found[2] != b"-"


@lru_cache(maxsize=512)
def _whole(line: bytes) -> tuple[SmtpReply, tuple[str, ...]] | None:
    """A reply of one line, with its text; most say the same again and again. None for whatever is not so plain."""
    if len(line) > LINE_OCTETS or not line.endswith(b"\r\n"):
        return None
    found = _LINE.fullmatch(line, 0, len(line) - 2)
    if found is None or found[2] == b"-":
        return None
    text = (found[3] or b"").decode("utf-8", "replace")
    return _reply(int(found[1]), [text]), (text,)


def _reply(code: int, texts: list[str]) -> SmtpReply:
    """One reply; each line may repeat the enhanced code (RFC 2034 4), which is kept once."""
    enhanced, parts = "", []
    for text in texts:
        found = _ENHANCED.match(text)
        if found:
            enhanced = enhanced or found[1]
            text = text[found.end() :]
        parts.append(text.strip())
    whole = _UNPRINTABLE.sub(" ", " ".join(part for part in parts if part))
    return SmtpReply(code, enhanced, whole[:TEXT_CHARACTERS])
