"""A mail as it was read: headers, bodies, attachments, and what could not be read.

Law: plain values only. A header is found by its lower-case name; its text is decoded and free of line breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Limits:
    """What is looked at; the rest of a mail is left aside and said in `ParsedMail.faults`."""

    max_bytes: int = 25_000_000
    header_bytes: int = 256_000
    header_count: int = 500
    value_chars: int = 16_000
    parts: int = 200
    depth: int = 20
    text_chars: int = 400_000
    attachments: int = 100


@dataclass(frozen=True)
class Attachment:
    """A part that is no text to read; `size` in bytes, decoded."""

    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class Part:
    """A part that machines write to machines, decoded: a delivery status, a feedback report, returned headers."""

    media_type: str
    body: bytes
    charset: str = ""


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ParsedMail:
    """One mail. `unreadable` says why nobody could read it, and is empty where somebody can."""

    headers: Headers = ()
    media_type: str = "text/plain"
    report_type: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    parts: tuple[Part, ...] = ()
    sender: str = ""
    sender_name: str = ""
    recipients: tuple[str, ...] = ()
    return_path: str | None = None
    subject: str = ""
    message_id: str = ""
    ancestors: tuple[str, ...] = ()
    sent_at: datetime | None = None
    faults: tuple[str, ...] = ()
    unreadable: str = ""

    def header(self, name: str) -> str:
        """The first header of this (lower-case) name, or nothing."""
        return next((value for key, value in self.headers if key == name), "")

    def every(self, name: str) -> list[str]:
        """All headers of this (lower-case) name, topmost first."""
        return [value for key, value in self.headers if key == name]

    def has(self, *names: str) -> bool:
        """Whether any header of these (lower-case) names is there."""
        return any(key in names for key, _ in self.headers)
