"""What a person wrote, apart from what was quoted.

Law: linear in the text, and nothing a person wrote is thrown away: what is taken off is kept beside it. We know what
we sent, so it is subtracted first; header patterns are the second choice. Answers between quoted lines survive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..prose import html_to_text, parse_html, tree_to_text, words_of
from .quote_marks import is_header_field, is_intro, is_mobile_signature, is_noise, is_original_mark, is_separator

MAX_CHARS = 400_000
RUN = 4
LONG_RUN = 14
OURS = 0.6
_QUOTE_CLASSES = ("gmail_quote", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix", "tutanota_quote")
_QUOTE_IDS = ("divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container")


@dataclass(frozen=True)
class Stripped:
    """`text` is the person's own; `quoted` is all that was taken off."""

    text: str
    quoted: str


def strip_quotes(text: str, html: str = "", sent_text: str | None = None) -> Stripped:
    """Take quoted text, signature and mobile footers off a reply.

    `text` is used where there is any, else `html`. `sent_text` is the very mail that this answers, where it is known.
    """
    plain = text if text.strip() else _from_html(html)
    lines = [line.rstrip() for line in plain[:MAX_CHARS].replace("\r\n", "\n").split("\n")]
    marked = [line.lstrip().startswith((">", "|>")) for line in lines]
    begin = _begin_of_quote(lines, marked)
    covered = _covered(lines, sent_text, begin)
    quoted = _choose(lines, marked, covered, begin)
    quoted = _signature(lines, quoted)
    kept = [line for line, out in zip(lines, quoted, strict=True) if not out]
    taken = [line for line, out in zip(lines, quoted, strict=True) if out]
    return Stripped(_tidy(kept), _tidy(taken))


def _from_html(html: str) -> str:
    """The text of a reply that has only HTML, with the quote blocks of mail programs marked by "> "."""
    root = parse_html(html)
    if root is None:
        return ""
    for node in list(root.iter("div", "span", "td"))[:20_000]:
        classes, name = (node.get("class") or "").split(), node.get("id") or ""
        if any(known in classes for known in _QUOTE_CLASSES) or name in _QUOTE_IDS:
            inner = next(node.iterdescendants("blockquote"), None)
            if inner is None:
                node.tag = "blockquote"
    return tree_to_text(root, links="inline") if len(root) else html_to_text(html)


def _begin_of_quote(lines: Sequence[str], marked: Sequence[bool]) -> int:
    """The first line that introduces or is a quotation, rules above it included; past the end where there is none."""
    for number, line in enumerate(lines):
        block = is_header_field(line) and sum(is_header_field(near) for near in lines[number : number + 6]) >= 3
        if block or marked[number] or is_original_mark(line) or is_intro(lines, number):
            while number and (is_separator(lines[number - 1]) or not lines[number - 1].strip()):
                number -= 1
            return number
    return len(lines)


def _covered(lines: Sequence[str], sent_text: str | None, begin: int) -> list[float]:
    """For each line the share of its words that stand in runs of words which we sent.

    Before the quotation begins only long runs count: a person may well use four words in our order.
    """
    if not sent_text:
        return [0.0] * len(lines)
    sent = words_of(sent_text[:MAX_CHARS])
    known = {tuple(sent[at : at + RUN]) for at in range(len(sent) - RUN + 1)}
    words: list[str] = []
    owner: list[int] = []
    for number, line in enumerate(lines):
        for word in words_of(line):
            words.append(word)
            owner.append(number)
    hit = [False] * len(words)
    start = None
    for at in range(len(words) - RUN + 2):
        if at <= len(words) - RUN and tuple(words[at : at + RUN]) in known:
            start = at if start is None else start
        elif start is not None:
            end = at - 1 + RUN
            if owner[start] >= begin or end - start >= LONG_RUN:
                hit[start:end] = [True] * (end - start)
            start = None
    total, ours = [0] * len(lines), [0] * len(lines)
    for number, found in zip(owner, hit, strict=True):
        total[number] += 1
        ours[number] += found
    return [ours[number] / total[number] if total[number] else 0.0 for number in range(len(lines))]


def _choose(lines: Sequence[str], marked: Sequence[bool], covered: Sequence[float], begin: int) -> list[bool]:
    """Which lines are quoted."""
    ours = [share >= OURS for share in covered]
    after = [number for number in range(begin, len(lines)) if lines[number].strip()]
    known = sum(ours[number] for number in after)
    any_marked = any(marked[begin:])
    recognised = known >= 3 and known >= 0.3 * len(after)
    quoted = []
    for number in range(len(lines)):
        if number < begin or not lines[number].strip():
            quoted.append(ours[number])
        elif marked[number] or ours[number]:
            quoted.append(True)
        elif any_marked or recognised:
            quoted.append(_is_frame(lines, number))
        else:
            quoted.append(True)
    if not any_marked and recognised:
        _close_gaps(lines, quoted, begin)
    return quoted


def _is_frame(lines: Sequence[str], number: int) -> bool:
    """Not the person's words, but what a mail program puts around a quotation."""
    line = lines[number]
    return (
        is_noise(line)
        or is_original_mark(line)
        or is_separator(line)
        or is_header_field(line)
        or any(is_intro(lines, start) for start in range(max(0, number - 2), number + 1))
    )


def _close_gaps(lines: Sequence[str], quoted: list[bool], begin: int) -> None:
    """A lone short line between quoted neighbours is ours too (a name, a date that differs): no answer looks so."""
    for number in range(begin, len(lines)):
        if quoted[number] or not lines[number].strip():
            continue
        before = _near(lines, quoted, range(number - 1, max(begin, number - 4) - 1, -1))
        after = _near(lines, quoted, range(number + 1, min(len(lines), number + 4)))
        if before and after and len(words_of(lines[number])) <= 2:
            quoted[number] = True


def _near(lines: Sequence[str], quoted: Sequence[bool], places: range) -> bool:
    return next((quoted[place] for place in places if lines[place].strip()), False)


def _signature(lines: Sequence[str], quoted: list[bool]) -> list[bool]:
    """Take the signature off: from its mark to the next quoted line, and what phones append as the last line."""
    inside = False
    result = list(quoted)
    own = [number for number, out in enumerate(quoted) if not out and lines[number].strip()]
    for number, line in enumerate(lines):
        if line in ("--", "-- ") and any(lines[:number]):  # below a quotation the mark itself passes for its frame
            inside = True
        elif quoted[number]:
            inside = False
        if inside or (own[-1:] == [number] and is_mobile_signature(line)):
            result[number] = True
    return result


def _tidy(lines: Sequence[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return "\n".join(kept).strip("\n")
