"""The octets of a mail as an SMTP server must get them: lines that end in CRLF, dot-stuffed (RFC 5321 4.5.2).

Law: nothing is mended here. What would let one mail smuggle in a second one is refused.
"""

from __future__ import annotations

from ..delivery.envelope import ProvedMessage
from ..delivery.outcome import Unable

TEXT_LINE_OCTETS = 998
"""RFC 5321 4.5.3.1.6: 1000 with CRLF."""


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
