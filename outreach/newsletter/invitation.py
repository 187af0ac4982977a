"""A session as calendars take it: an invitation, its update, its cancelling, and the file for "add to calendar".

Law: a session keeps its UID; each change of it raises SEQUENCE; each guest sees themself alone. Times are in UTC, so
that no calendar needs a zone's rules. RFC 5545 3.1 (folding), 3.3.11 (escaping); RFC 5546 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PRODUCT = "-//outreach//seminars//EN"


@dataclass(frozen=True)
class CalendarEvent:
    """One session. `start`, `end` and `stamp` as "20270204T170000Z"; `organizer` is an address, `company` its name."""

    method: str
    uid: str
    sequence: int
    start: str
    end: str
    stamp: str
    summary: str
    place: str
    description: str
    organizer: str
    company: str
    url: str = ""

    def kept(self) -> dict[str, Any]:
        """As an edition keeps it."""
        return asdict(self)


def read_event(kept: Mapping[str, Any]) -> CalendarEvent:
    """What an edition kept."""
    return CalendarEvent(**kept)


def write_event(event: CalendarEvent, guest: str = "", *, answer: str = "NEEDS-ACTION") -> str:
    """The calendar object, with CRLF; `guest` is the address that may answer, `answer` what they said so far."""
    lines = ["BEGIN:VCALENDAR", f"PRODID:{PRODUCT}", "VERSION:2.0", "CALSCALE:GREGORIAN", f"METHOD:{event.method}"]
    lines += ["BEGIN:VEVENT", f"UID:{_escaped(event.uid)}", f"DTSTAMP:{event.stamp}", f"SEQUENCE:{event.sequence}"]
    lines += [f"DTSTART:{event.start}", f"DTEND:{event.end}", f"SUMMARY:{_escaped(event.summary)}"]
    for name, value in (("LOCATION", event.place), ("DESCRIPTION", event.description)):
        if value:
            lines.append(f"{name}:{_escaped(value)}")
    if event.url:
        lines.append(f"URL:{event.url}")
    lines.append(f"ORGANIZER;CN={_quoted(event.company)}:mailto:{event.organizer}")
    if guest and event.method != "PUBLISH":
        rsvp = "TRUE" if event.method == "REQUEST" else "FALSE"
        lines.append(f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT={answer};RSVP={rsvp}:mailto:{_address(guest)}")
    lines.append(f"STATUS:{'CANCELLED' if event.method == 'CANCEL' else 'CONFIRMED'}")
    lines += ["TRANSP:OPAQUE", "END:VEVENT", "END:VCALENDAR"]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _escaped(text: str) -> str:
    plain = "".join(char for char in text.replace("\r\n", "\n").replace("\r", "\n") if char == "\n" or char >= " ")
    for char in "\\;,":
        plain = plain.replace(char, f"\\{char}")
    return plain.replace("\n", "\\n")


def _quoted(text: str) -> str:
    """A parameter's value; RFC 6868 has signs for what may not stand in one."""
    plain = "".join(char for char in text if char >= " ")
    return '"' + plain.replace("^", "^^").replace('"', "^'") + '"'


def _address(address: str) -> str:
    return "".join(char for char in address if char > " ")


def _folded(line: str) -> str:
    """The line in pieces of at most 75 octets, never within a character."""
    pieces, room, piece = [], 75, ""
    for char in line:
        size = len(char.encode())
        if size > room:
            pieces.append(piece)
            piece, room = "", 74
        piece += char
        room -= size
    return "\r\n ".join([*pieces, piece])
