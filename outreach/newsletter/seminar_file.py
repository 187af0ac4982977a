"""A seminar as a marketer writes it: one Markdown file; the front matter names its sessions, the body tells of it.

Law: a session keeps its name: change its time under the same name, and those invited get an update; take it out, and
they are told that it is off. Faults are said with file and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import PurePath

from .front_matter import FrontMatter, split_front_matter

KEYS = ("name", "title", "where", "zone", "sessions", "recording")
EXAMPLE = (
    "---\nname: best-shot\ntitle: Your best shot\nwhere: https://meet.acme.example/best-shot\nsessions:\n"
    "  evening: 2027-02-04 18:00 for 45 minutes, 40 places\n---\nBring your machine."
)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
SESSION = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{1,2}:\d{2})(?: for (\d{1,4}) ?(minute|hour)s?)?(?:,? (\d{1,6}) places?)?",
    re.IGNORECASE,
)
USUAL = timedelta(hours=1)


@dataclass(frozen=True)
class SessionFile:
    """One session: local day and time, how long, and for how many (0: for all who come)."""

    name: str
    day: date
    at: time
    length: timedelta
    places: int


@dataclass(frozen=True)
class SeminarFile:
    """A seminar as written. `zone` "" means the workspace's."""

    name: str
    title: str
    where: str
    zone: str
    recording: str
    sessions: tuple[SessionFile, ...]
    body: str
    source: str
    file: str
    front: FrontMatter


def parse_seminar(text: str, file: str) -> SeminarFile:
    """Read one seminar. Raises InputError with file, line and remedy."""
    front = split_front_matter(text, file, KEYS, EXAMPLE)
    name = front.text("name") or PurePath(file).stem.lower()
    if not NAME.fullmatch(name):
        raise front.refuse("name", f"{name!r} cannot be a name", "Use up to 32 lower-case letters, digits and dashes")
    if not front.text("title"):
        raise front.refuse("title", "is missing", "It is what stands in calendars: title: Your best shot")
    given = front.values.get("sessions")
    if not isinstance(given, dict) or not given:
        raise front.refuse("sessions", "must name at least one session", f"Write:\n{EXAMPLE}")
    return SeminarFile(
        name,
        front.text("title"),
        front.text("where"),
        front.text("zone"),
        front.text("recording"),
        tuple(_session(front, str(key), value) for key, value in given.items()),
        front.body.strip(),
        text,
        file,
        front,
    )


def _session(front: FrontMatter, name: str, value: object) -> SessionFile:
    example = f"Write {name}: 2027-02-04 18:00 for 45 minutes, 40 places"
    if not NAME.fullmatch(name):
        raise front.refuse("sessions", f"{name!r} cannot be a session's name", "Use lower-case letters and digits")
    if isinstance(value, datetime):
        return SessionFile(name, value.date(), value.time(), USUAL, 0)
    found = SESSION.fullmatch(" ".join(str(value).split()))
    if found is None:
        raise front.refuse("sessions", f"{name}: {value!r} is no session", example)
    try:
        day, at = date.fromisoformat(found[1]), time.fromisoformat(found[2].zfill(5))
    except ValueError:
        raise front.refuse("sessions", f"{name}: {value!r} is no date and time", example) from None
    if found[5] and not int(found[5]):
        raise front.refuse(
            "sessions", f"{name}: nobody could come on 0 places", "Leave the places out where all may come"
        )
    length = timedelta(**{f"{found[4].lower()}s": int(found[3])}) if found[3] else USUAL
    if not timedelta(minutes=5) <= length <= timedelta(days=3):
        raise front.refuse("sessions", f"{name}: it lasts between five minutes and three days", example)
    return SessionFile(name, day, at, length, int(found[5] or 0))


def place_of(text: str) -> tuple[str, str]:
    """The seminar and the session that a campaign's line `seminar:` names. Raises ValueError in words for a person."""
    name, slash, session = text.strip().partition("/")
    if not (slash and NAME.fullmatch(name) and NAME.fullmatch(session)):
        raise ValueError(f"{text!r} does not name a session: seminar: NAME/SESSION")
    return name, session
