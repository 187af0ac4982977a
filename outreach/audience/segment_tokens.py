"""The little language cut into words, and how a mistake in it is told: with its column and an example.

Law: the column counts from 1 in the text as the person wrote it; whatever cannot be read is pointed at, never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from ..errors import InputError
from .segment_words import nearest, read_span

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<date>\d{4}-\d{2}-\d{2}(?![\w.-]))
      | (?P<number>[-+]?\d+(?:\.\d+)?(?![\w.]))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|,|=)
      | (?P<word>[^\W\d]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "empty", "contains", "true", "false"})
_OTHER_DAY = re.compile(r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b", re.ASCII)
"""A day as people write it elsewhere: 31.01.2025, 1/31/2025."""
_SHORT_DAY = re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}(?=T|\b)", re.ASCII)
"""A day with a nought too few, or with a time behind it: 2025-1-31, 2025-01-31T10:00."""
_SPAN = re.compile(r"\d+ ?[A-Za-z]+\b", re.ASCII)
_OTHER_SIGNS = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not"}
EXAMPLE = 'Write it like this: plan == "pro" and country in ("DE", "AT") and since < 2025-01-01'


_BLANKS = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\s+""", re.DOTALL)


def on_one_line(rule: str) -> str:
    """A rule with one blank for each white space outside of its texts."""
    return _BLANKS.sub(lambda found: found[1] or " ", rule).strip()


@dataclass(frozen=True)
class Token:
    """`kind`: text, number, date, sign, word, key (a word of the language) or end. `column` from 1."""

    kind: str
    text: str
    column: int


class Tokens:
    """The words of one rule, taken one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._read(), Token("end", "", len(text) + 1)]
        self._at = 0

    def _read(self) -> Iterator[Token]:
        place = 0
        while place < len(self._text):
            found = _TOKEN.match(self._text, place)
            if found is None:
                self.fail_at(place + 1, self._bad_sign(place))
            kind = found.lastgroup or ""
            word = found.group()
            if kind == "word" and word.lower() in KEYWORDS:
                kind, word = "key", word.lower()
            if kind != "space":
                yield Token(kind, word, place + 1)
            place = found.end()

    def _bad_sign(self, place: int) -> str:
        sign = self._text[place]
        if sign in "\"'":
            return "this quotation mark is never closed"
        if sign in "“”„‘’«»":
            return f"{sign} is a typographic quotation mark; write a straight one"
        for day in _OTHER_DAY.finditer(self._text):
            if day.start() <= place < day.end():
                return f"{day[0]} is no day as rules write it: year, month, day, such as 2025-01-31"
        for day in _SHORT_DAY.finditer(self._text):
            if day.start() <= place <= day.end():
                return f"{day[0]} and a time: a rule knows days alone, such as 2025-01-31"
        for sign, word in _OTHER_SIGNS.items():
            if self._text.startswith(sign, place):
                return f"{sign} is no word of rules: write {word}"
        span = _SPAN.match(self._text, place)
        if span is not None and read_span(span[0]) is not None:
            return f'{span[0]} stands in quotation marks: "{span[0]}"'
        return f"{self._text[place : place + 12].split()[0]!r} is neither a name, a value nor an operator"

    @property
    def next(self) -> Token:
        """The word that comes next."""
        return self._tokens[self._at]

    @property
    def after_next(self) -> Token:
        """The one behind it."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self, kind: str, *words: str) -> Token | None:
        """The next word, where it is of this kind (and one of these); else None, and it stays."""
        token = self.next
        if token.kind != kind or (words and token.text not in words):
            return None
        self._at += 1
        return token

    def need(self, sign: str) -> None:
        """The next word must be this sign."""
        if not self.take("sign", sign):
            self.fail(sign)

    def back(self) -> None:
        """Give the last word back."""
        self._at -= 1

    def fail_at(self, column: int, message: str, remedy: str = EXAMPLE) -> NoReturn:
        """Raise InputError that points at the column."""
        raise fault_at(self._text, column, message, remedy)

    def fail(self, expected: str) -> NoReturn:
        """Raise InputError: something else was expected here."""
        token = self.next
        if token.kind == "sign" and token.text == "=":
            self.fail_at(token.column, "a single = ; write == to compare")
        for day in _SHORT_DAY.finditer(self._text):
            if day.start() < token.column - 1 < day.end():
                words = f"{day[0]} is no day as rules write it: year, month, day, such as 2025-01-31"
                self.fail_at(day.start() + 1, words)
        found = "the rule ends here" if token.kind == "end" else f"found {token.text[:40]}"
        meant = nearest(token.text, KEYWORDS) if token.kind == "word" else ""
        self.fail_at(token.column, f"expected {expected}; {found}{meant}")


def fault_at(text: str, column: int, message: str, remedy: str = EXAMPLE) -> InputError:
    """A mistake in a rule: its column, the place shown with a mark below it, and what to write instead."""
    start = max(0, column - 60)
    shown = text[start : start + 100].replace("\n", " ").replace("\t", " ")
    return InputError(
        f"segment, column {column}: {message}",
        column=column,
        excerpt=f"{shown}\n    {' ' * (column - 1 - start)}^",
        remedy=remedy,
    )
