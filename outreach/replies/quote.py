"""What a person wrote, apart from what was quoted.

Law: linear in the text, and nothing a person wrote is thrown away: what is taken off is kept beside it. We know what
we sent, so it is subtracted first; the heads that mail programs write are the second choice. Answers between quoted
lines survive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .quote_html import reply_text
from .quote_marks import (
    Head,
    head_at,
    is_list_footer,
    is_marked,
    is_mobile_signature,
    is_noise,
    is_separator,
    split_joint,
)

MAX_CHARS = 2_000_000
RUN = 4
LONG_RUN = 14
OURS = 0.6
FOOTER_LINES = 8
"""A list's footer is at most so long."""
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
"""A word; where words are not set apart (Chinese, Japanese, Thai), a letter."""


@dataclass(frozen=True)
class Stripped:
    """`text` is the person's own; `quoted` is all that was taken off."""

    text: str
    quoted: str


@dataclass(frozen=True)
class _Found:
    """A head of a quotation: its first line, the first line behind it, its kind."""

    start: int
    end: int
    kind: Head


def strip_quotes(text: str, html: str = "", sent_text: str | None = None) -> Stripped:
    """Take quoted text, signature and mobile footers off a reply.

    `text` is used where there is any, else `html`. `sent_text` is the very mail that this answers, where it is known.
    """
    plain = text if text.strip() else reply_text(html)
    given = plain[:MAX_CHARS].replace("\r\n", "\n").split("\n")
    lines = [part for line in given for part in split_joint(line.rstrip())]
    marked = [is_marked(line) for line in lines]
    heads = _heads(lines, marked)
    begin = _begin_of_quote(lines, marked, heads)
    covered = _covered(lines, sent_text, begin)
    quoted = _choose(lines, marked, covered, begin, heads)
    if sent_text and any(share >= OURS for share in covered):
        shorter = _whole_lines(lines, quoted, sent_text, begin if begin < len(lines) else 0)
        if any(line.strip() and not out for line, out in zip(lines, shorter, strict=True)):
            quoted = shorter
    quoted = _footers(lines, _signature(lines, quoted))
    kept = [line for line, out in zip(lines, quoted, strict=True) if not out]
    taken = [line for line, out in zip(lines, quoted, strict=True) if out]
    return Stripped(_tidy(kept), _tidy(taken))


def _heads(lines: Sequence[str], marked: Sequence[bool]) -> list[_Found]:
    """Every head of a quotation that is not itself quoted, in order."""
    found: list[_Found] = []
    number = 0
    while number < len(lines):
        head = None if marked[number] else head_at(lines, number)
        if head is None:
            number += 1
            continue
        found.append(_Found(number, number + head[1], head[0]))
        number += head[1]
    return found


def _begin_of_quote(lines: Sequence[str], marked: Sequence[bool], heads: Sequence[_Found]) -> int:
    """The first line that introduces or is a quotation, rules above it included; past the end where there is none."""
    first = next((number for number, mark in enumerate(marked) if mark), len(lines))
    number = min(first, heads[0].start if heads else len(lines))
    if number == len(lines):
        return number
    while number and (is_separator(lines[number - 1]) or not lines[number - 1].strip()):
        number -= 1
    return number


def _covered(lines: Sequence[str], sent_text: str | None, begin: int) -> list[float]:
    """For each line the share of its words that stand in runs of words which we sent.

    Before the quotation begins only long runs count: a person may well use four words in our order.
    """
    if not sent_text:
        return [0.0] * len(lines)
    sent = _WORD.findall(sent_text[:MAX_CHARS].casefold())
    known = set(zip(*(sent[at:] for at in range(RUN)), strict=False))
    by_line = [_WORD.findall(line.casefold()) for line in lines]
    words = [word for of_line in by_line for word in of_line]
    owner = [number for number, of_line in enumerate(by_line) for _ in of_line]
    runs = [run in known for run in zip(*(words[at:] for at in range(RUN)), strict=False)]
    ours = [0] * len(lines)
    at = 0
    while at < len(runs):
        if not runs[at]:
            at += 1
            continue
        start = at
        while at < len(runs) and runs[at]:
            at += 1
        end = at - 1 + RUN
        if owner[start] >= begin or end - start >= LONG_RUN:
            for number in owner[start:end]:
                ours[number] += 1
    return [count / len(of_line) if of_line else 0.0 for count, of_line in zip(ours, by_line, strict=True)]


def _choose(
    lines: Sequence[str], marked: Sequence[bool], covered: Sequence[float], begin: int, heads: Sequence[_Found]
) -> list[bool]:
    """Which lines are quoted.

    Below a head follow marked lines, and what is not marked there is the person's; or unmarked ones, and then all to
    the end is quoted, unless enough of it is ours to tell the rest from it.
    """
    ours = [min(share, 1.0) >= OURS for share in covered]
    after = [number for number in range(begin, len(lines)) if lines[number].strip()]
    known = sum(ours[number] for number in after)
    recognised = known >= 3 and known >= 0.3 * len(after)
    framed = [False] * len(lines)
    for head in heads:
        framed[head.start : head.end] = [True] * (head.end - head.start)
    everything = len(lines) if recognised else _all_from(lines, marked, begin, heads, bool(known))
    quoted = []
    for number, line in enumerate(lines):
        if number < begin or not line.strip():
            quoted.append(ours[number])
        elif number >= everything or marked[number] or ours[number] or framed[number]:
            quoted.append(True)
        else:
            quoted.append(
                is_separator(line) or _continues(lines, marked, number) or _is_ours(lines, quoted, recognised)
            )
    if recognised and not any(marked[begin:]):
        _close_gaps(lines, quoted, begin)
    return quoted


def _all_from(
    lines: Sequence[str], marked: Sequence[bool], begin: int, heads: Sequence[_Found], some_ours: bool
) -> int:
    """From which line on everything is quoted: the first head with unmarked text below it."""
    for head in heads:
        first = next((number for number in range(head.end, len(lines)) if not _is_empty(lines[number])), len(lines))
        if first < len(lines) and marked[first]:
            continue
        own_head = head.kind == "block" and not any(line.strip() for line in lines[: head.start])
        if own_head and not some_ours:
            continue  # the mail's own header, pasted above it: nothing is above it that could be the answer
        return head.start
    return len(lines)


def _is_empty(line: str) -> bool:
    return not line.strip() or is_separator(line)


def _is_ours(lines: Sequence[str], quoted: Sequence[bool], recognised: bool) -> bool:
    """Whether the next line, a link or a placeholder of a picture, came with our mail: not right below an answer."""
    number = len(quoted)
    below_answer = bool(number) and bool(lines[number - 1].strip()) and not quoted[number - 1]
    return recognised and is_noise(lines[number]) and not below_answer


def _continues(lines: Sequence[str], marked: Sequence[bool], number: int) -> bool:
    """Whether a quoted line was broken here: it ends with the "=" of quoted-printable, or before or in a link."""
    if not (number and marked[number - 1] and number + 1 < len(lines) and marked[number + 1]):
        return False
    before, line = lines[number - 1], lines[number].strip()
    if line.startswith(("(http", "<http")) and line.endswith((">", ")")):
        return True
    link = before.rfind("http")
    cut = link > 0 and before[link - 1] in "(<" and not any(char in ")> " for char in before[link:])
    return (before.endswith("=") and len(before) > 60) or (cut and " " not in line)


def _close_gaps(lines: Sequence[str], quoted: list[bool], begin: int) -> None:
    """A lone short line between quoted neighbours is ours too (a name, a date that differs): no answer looks so."""
    for number in range(begin, len(lines)):
        if quoted[number] or not lines[number].strip():
            continue
        before = _near(lines, quoted, range(number - 1, max(begin, number - 4) - 1, -1))
        after = _near(lines, quoted, range(number + 1, min(len(lines), number + 4)))
        if before and after and len(_WORD.findall(lines[number])) <= 2:
            quoted[number] = True


def _whole_lines(lines: Sequence[str], quoted: Sequence[bool], sent_text: str, begin: int) -> list[bool]:
    """A short line that stands just so in what we sent, or a rule, next to a line of ours is ours too: it has too few
    words for a run, and no head or mark need be there. The numbers of our links are left out: HTML has none.
    """
    sent = {_words_of(line) for line in sent_text[:MAX_CHARS].split("\n")}
    result = list(quoted)
    for numbers in (range(begin, len(lines)), range(len(lines) - 1, begin - 1, -1)):
        beside = False
        for number in numbers:
            if not lines[number].strip():
                continue
            if beside and not result[number]:
                result[number] = is_separator(lines[number]) or _words_of(lines[number]) in sent
            beside = result[number]
    return result


def _words_of(line: str) -> tuple[str, ...]:
    words = _WORD.findall(line.casefold())
    while len(words) > 1 and words[-1].isdecimal():
        words.pop()
    return tuple(words) or (line,)


def _near(lines: Sequence[str], quoted: Sequence[bool], places: range) -> bool:
    return next((quoted[place] for place in places if lines[place].strip()), False)


def _signature(lines: Sequence[str], quoted: list[bool]) -> list[bool]:
    """Take the signature off: from its mark to the next quoted line, and what phones append as the last line."""
    inside = begun = False
    result = list(quoted)
    own = [number for number, out in enumerate(quoted) if not out and lines[number].strip()]
    for number, line in enumerate(lines):
        if line in ("--", "-- ") and begun:  # below a quotation the mark itself passes for its frame
            inside = True
        elif quoted[number]:
            inside = False
        begun = begun or bool(line)
        if inside or (own[-1:] == [number] and is_mobile_signature(line)):
            result[number] = True
    return result


def _footers(lines: Sequence[str], quoted: list[bool]) -> list[bool]:
    """Take off what a list's server wrote under the person's last words: a rule, and its lines to the end."""
    own = [number for number, out in enumerate(quoted) if not out and lines[number].strip()]
    for place in own[-FOOTER_LINES:]:
        first = lines[place]
        below = [lines[number] for number in own if number > place]
        ruled = is_separator(first) and len(below) < FOOTER_LINES and any(map(is_list_footer, below[:3]))
        if ruled or (is_list_footer(first) and all("@" in line or "//" in line for line in below)):
            return [out or (number >= place) for number, out in enumerate(quoted)]
    return quoted


def _tidy(lines: Sequence[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return "\n".join(kept).strip("\n")
