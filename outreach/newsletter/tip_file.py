"""One piece of advice as a marketer writes it: a Markdown file, with translations further down in the same file.

Law: the first language is the default; a line `=== de: Title` begins the body in another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import PurePath
from zoneinfo import ZoneInfo

from ..errors import InputError
from ..workdays import to_instant
from .campaign_file import NAME
from .front_matter import FrontMatter, split_front_matter

NOWHERE = ZoneInfo("UTC")
KEYS = ("name", "title", "topics", "segment", "position", "valid_from", "valid_until", "languages")
EXAMPLE = "---\ntitle: Charge it overnight\ntopics: [charging]\n---"
TRANSLATION = re.compile(r"^===\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)\s*:\s*(.*?)\s*$")


@dataclass(frozen=True)
class TipText:
    """A title and a Markdown body in one language; `line` is where the body begins in the file."""

    title: str
    body: str
    line: int


@dataclass(frozen=True)
class TipFile:
    """`texts` by language, the default first. The instants are UTC; `valid_until` is exclusive."""

    name: str
    topics: tuple[str, ...]
    segment: str
    position: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    texts: dict[str, TipText]
    source: str
    file: str
    lines: dict[str, int]


def parse_tip(text: str, file: str, *, language: str = "en", zone: ZoneInfo = NOWHERE) -> TipFile:
    """Read one tip; `language` is that of a file which names none, its days and hours are those of `zone`.

    Raises InputError with file, line, remedy.
    """
    front = split_front_matter(text, file, KEYS, EXAMPLE)
    name = front.text("name") or PurePath(file).stem.lower()
    if not NAME.fullmatch(name):
        raise front.refuse("name", f"{name!r} cannot be a name", "Use lower-case letters, digits and dashes.")
    if not front.text("title"):
        raise front.refuse("title", "is missing")
    position = front.values.get("position")
    if position is not None and (isinstance(position, bool) or not isinstance(position, int)):
        raise front.refuse("position", "must be a whole number", "Tips with a lower number come first.")
    return TipFile(
        name=name,
        topics=front.words("topics"),
        segment=front.text("segment"),
        position=position,
        valid_from=_instant(front, "valid_from", zone, end=False),
        valid_until=_instant(front, "valid_until", zone, end=True),
        texts=_texts(front, language),
        source=text,
        file=file,
        lines=dict(front.lines),
    )


def _texts(front: FrontMatter, language: str) -> dict[str, TipText]:
    named = [word.lower() for word in front.words("languages")] or [language]
    texts: dict[str, TipText] = {}
    current, title, start = named[0], front.text("title"), front.body_line
    held: list[str] = []
    for number, line in enumerate([*front.body.rstrip("\n").split("\n"), None], front.body_line):
        begins = TRANSLATION.match(line) if line is not None else None
        if line is not None and begins is None:
            held.append(line)
            continue
        body = "\n".join(held).strip("\n")
        if not body.strip():
            raise InputError(f"the text in {current!r} is empty", file=front.file, line=start)
        skipped = next(count for count, row in enumerate(held) if row.strip())
        texts[current] = TipText(title, body + "\n", start + skipped)
        if begins is not None:
            current, title, start, held = begins[1].lower(), begins[2], number + 1, []
            if current in texts or not title:
                raise InputError(
                    f"{current!r} stands twice" if current in texts else f"{current!r} has no title",
                    file=front.file,
                    line=number,
                    remedy="A translation begins with a line such as: === de: Über Nacht laden",
                )
    if front.words("languages") and set(named) != set(texts):
        raise front.refuse(
            "languages",
            f"names {', '.join(named)}, but the file holds {', '.join(texts)}",
            "Begin each translation with a line such as: === de: Über Nacht laden",
        )
    return texts


def _instant(front: FrontMatter, key: str, zone: ZoneInfo, *, end: bool) -> datetime | None:
    day = front.day(key)
    if day is None:
        return None
    if isinstance(day, datetime):
        return to_instant(day.date(), day.time(), zone) if day.tzinfo is None else day.astimezone(UTC)
    return to_instant(day + timedelta(days=1) if end else day, time(0), zone)
