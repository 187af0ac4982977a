"""The lines that mail programs put before, around and after a quotation.

Law: each test looks at one short line (or a handful joined) with plain string operations, so that no crafted line
can make it slow. A person's own sentence is never a head of a quotation: it needs an address, a time of day, or a
subject beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from .quote_words import (
    DEVICES,
    FIELDS,
    FROM,
    INTROS,
    LINKS,
    LIST_FOOTERS,
    MOBILE,
    MY_DEVICE,
    ORIGINAL,
    PROCESSED,
    SUBJECT,
    WHEN,
    WROTE,
)

LONGEST = 400
BLOCK_LINES = 6
INTRO_LINES = 5
Head = Literal["original", "block", "intro"]
_TIME = re.compile(r"\d[:.h]\d\d|\d ?[ap]\.?m\b|午|\bkl\.? ?\d")
_HINT = re.compile(r"[\d@:：\-–—_=]|processed|bearbeitet")
"""Without any of these no head begins in a line."""
_JOINT = re.compile(r"(?<=\S)(?:[ \t]+|(?=-{3,} ?on ))(?:-{2,} ?)?on (?=[a-z0-9 ,]{0,24}\d)", re.IGNORECASE)


def is_marked(line: str) -> bool:
    """Whether a line is quoted by ">"; an arrow that points at something from both sides is a person's own."""
    bare = line.lstrip()
    return bare.startswith((">", "|>")) and not bare.endswith("<<")


def is_original_mark(line: str) -> bool:
    """ "-----Original Message-----" and its translations."""
    bare = line.strip(" \t>*").lower()
    if not bare or len(bare) > LONGEST:
        return False
    return bare.startswith(PROCESSED) or (
        bare.strip("-–—_= ") in ORIGINAL and (bare[0] in "-–—_=" or bare.endswith(":"))
    )


def is_separator(line: str) -> bool:
    """A rule of dashes or underscores."""
    bare = line.strip(" \t>")
    return len(bare) >= 5 and not bare.strip("-_=*–— ")


def split_joint(line: str) -> list[str]:
    """The line, in two where a program put "On 3 May, Ann wrote:" behind the person's last words."""
    low = line[-12:].lower()
    if len(line) > LONGEST or not low.endswith(":") or " wrote" not in low or line.lstrip(" -")[:3].lower() == "on ":
        return [line]
    found = _JOINT.search(line)
    if found is None or is_marked(line):
        return [line]
    own, head = line[: found.start()], line[found.start() :].strip()
    return [own, head] if intro_lines([head], 0) else [line]


def intro_lines(lines: Sequence[str], number: int) -> int:
    """How many lines, from this one on, say "On 3 May, Ann wrote:"; 0 where they do not.

    A date and a name alone could be a person's own sentence: a time of day or an address must stand there too, or
    the next line be marked as quoted.
    """
    joined, gap = "", False
    for count, line in enumerate(lines[number : number + INTRO_LINES], 1):
        bare = line[: LONGEST + 1].strip(" >*\t\xa0")
        if not joined and not _may_begin(bare):
            return 0
        if not bare:
            if gap or not joined[:20].lower().startswith("on ") or not _looks_dated(joined, 3):
                return 0
            gap = True
            continue
        # a "=" at the end is the soft break of quoted-printable that nobody decoded
        joined = joined[:-1] + bare if joined.endswith("=") else f"{joined} {bare}" if joined else bare
        if len(joined) > LONGEST:
            return 0
        low = joined.lower()
        if gap and "@" not in joined:
            continue
        if joined.endswith((":", "：")):
            return count if _says_who_wrote(low, _next_is_marked(lines, number + count)) else 0
        if _between_dashes(low) or (low.strip(" -").endswith(" wrote") and "@" in joined):
            return count
        if count == 1 and joined[0].isdigit() and "@" in joined and lines[number].endswith(">"):
            return int(_looks_dated(low, 3) and _next_is_marked(lines, number + 1))
    return 0


def _may_begin(bare: str) -> bool:
    return any(char.isdigit() or char == "@" for char in bare) or (bare.startswith("--") and bare.strip("- ") != "")


def _between_dashes(low: str) -> bool:
    """ "---- John Smith wrote ----"."""
    inner = low.strip("- ")
    return low.startswith("--") and low.endswith("--") and bool(inner) and inner.endswith(WROTE)


def _next_is_marked(lines: Sequence[str], number: int) -> bool:
    return next((is_marked(line) for line in lines[number : number + 4] if line.strip()), False)


def _says_who_wrote(line: str, marked_below: bool) -> bool:
    if "@" in line and len(line) < 300:
        closed = line.rstrip(" :：").endswith((">", ")"))
        if (closed and _looks_dated(line)) or (
            (closed or _looks_dated(line, 1)) and any(verb in line for verb in WROTE)
        ):
            return True
    if not any(char.isdigit() for char in line) or not (marked_below or _TIME.search(line)):
        return False
    if any(line.startswith(begins) and any(verb in line for verb in verbs) for begins, verbs in INTROS):
        return True
    return _looks_dated(line) and line.strip(" :：").endswith(WROTE)


def _looks_dated(line: str, least: int = 4) -> bool:
    """A day, a year and a time of day stand in it: what mail programs of any language write over a quotation."""
    digits = "".join(char if char.isdigit() else " " for char in line).split()
    return len(digits) >= least and any(len(part) == 4 and part[:2] in ("19", "20") for part in digits)


def field_of(line: str) -> str:
    """The name of a header field as mail programs quote it ("From: …", "Gesendet: …"), or nothing."""
    start = line[:60].replace("\xa0", " ").replace("：", ":").strip(" \t>*")
    name, colon, _ = start.partition(":")
    name = name.strip(" *").lower()
    return name if colon and name in FIELDS else ""


def is_header_field(line: str) -> bool:
    """Whether the line is a field of a header block as mail programs quote it."""
    return bool(field_of(line))


def block_lines(lines: Sequence[str], number: int) -> int:
    """How many lines, from this one on, are a quoted header block; 0 where there is none.

    Three fields with a subject or an address among them, or who and when, with an address and a year: "From: Rome,
    To: Turin, Date: May" is what a person may write.
    """
    name = field_of(lines[number])
    if not name:
        return 0
    near = lines[number : number + BLOCK_LINES]
    names = [field_of(line) for line in near]
    said = " ".join(line[:LONGEST] for line, field in zip(near, names, strict=True) if field)
    known = {field for field in names if field}
    if sum(map(bool, names)) >= 3 and (known & SUBJECT or "@" in said):
        return _end_of_block(near, names)
    two = sum(map(bool, names)) >= 2 and bool(known & WHEN) and "@" in said and _looks_dated(said, 3)
    if two and names[0] and names[1]:
        return _end_of_block(near, names)
    line = lines[number][:LONGEST]
    one = name in FROM and "@" in line and _looks_dated(line, 3) and any(f" {word}:" in line.lower() for word in WHEN)
    return 1 if one else 0


def _end_of_block(near: Sequence[str], names: Sequence[str]) -> int:
    last = max(at for at, name in enumerate(names) if name)
    blank = next((at for at, line in enumerate(near) if at and not line.strip() and not any(names[at:])), last + 1)
    return min(last + 1, blank)


def head_at(lines: Sequence[str], number: int) -> tuple[Head, int] | None:
    """What kind of head of a quotation begins at this line, and how many lines it takes."""
    if _HINT.search(lines[number][:LONGEST]) is None:
        return None
    if is_original_mark(lines[number]):
        return "original", 1
    if count := block_lines(lines, number):
        return "block", count
    if count := intro_lines(lines, number):
        return "intro", count
    return None


def is_noise(line: str) -> bool:
    """A line without words of anybody: links, numbers of links, placeholders of pictures, rules, blanks."""
    words = [word.strip("*[](){}<>.,|•·–—_=-").lower() for word in line.strip(" >").split()]
    said = [word for word in words if word]
    if not said:
        return not any(char in "!?👍👎🙏😀😡❤" for char in line)
    if len(said) == 1 and said[0].isdigit() and "[" in line:
        return True
    return all(word.startswith(LINKS) or (word.isdigit() and "[" in line) for word in said)


def is_mobile_signature(line: str) -> bool:
    """ "Sent from my iPhone" and what other programs append."""
    bare = line.strip(" \t_-*<>[]").lower()
    if len(line) >= 120:
        return False
    if bare.startswith(MY_DEVICE):
        return any(word.strip(".,®™") in DEVICES for word in bare[len(MY_DEVICE) :].split()[:4])
    return bare.startswith(MOBILE)


def is_list_footer(line: str) -> bool:
    """Whether a list's server wrote this line under the mail."""
    low = line[:LONGEST].lower()
    return any(words in low for words in LIST_FOOTERS)
