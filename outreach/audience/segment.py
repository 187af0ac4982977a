"""The little language that says who is meant: `plan == "pro" and country in ("DE", "AT") and since < 2025-01-01`.

Law: a mistake is told with its column and an example; what a condition means stands in `audience.segment_tree`.

    rule       = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = { "not" } ( "(" rule ")" | condition )
    condition  = name ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | name [ "not" ] "in" "(" value { "," value } ")"
               | name [ "not" ] "contains" text
               | name "is" [ "not" ] "empty"
    value      = text in quotes | number | 2025-01-31 | true | false
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from ..errors import InputError
from .segment_tree import (
    COLUMNS,
    EVERYONE,
    AllOf,
    AnyOf,
    Contains,
    Empty,
    Node,
    Not,
    OneOf,
    Ordered,
    Segment,
    Value,
    judge_segment,
)

__all__ = ["COLUMNS", "EVERYONE", "Segment", "judge_segment", "parse_segment"]

MAX_LENGTH, MAX_DEPTH, MAX_CONDITIONS, MAX_VALUES = 20_000, 50, 200, 2_000


def parse_segment(text: str) -> Segment:
    """Read a rule; an empty text means everyone. Raises InputError that points at the column."""
    plain = text.strip()
    if not plain:
        return EVERYONE
    if len(plain) > MAX_LENGTH:
        raise InputError(f"a segment of {len(plain):,} characters; at most {MAX_LENGTH:,} are read")
    return Segment(plain, _Parser(plain).whole())


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<date>\d{4}-\d{2}-\d{2}(?![\w.-]))
      | (?P<number>[-+]?\d+(?:\.\d+)?(?![\w.]))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|,)
      | (?P<word>[^\W\d]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "empty", "contains", "true", "false"})
_EXAMPLE = 'Write it like this: plan == "pro" and country in ("DE", "AT") and since < 2025-01-01'


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int


class _Parser:
    """Recursive descent; `or` binds least, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._read(), _Token("end", "", len(text) + 1)]
        self._at = 0
        self._depth = 0
        self._conditions = 0

    def _read(self) -> Iterator[_Token]:
        place = 0
        while place < len(self._text):
            found = _TOKEN.match(self._text, place)
            if found is None:
                self._fail_at(place + 1, self._bad_sign(place))
            kind = found.lastgroup or ""
            word = found.group()
            if kind == "word" and word.lower() in _KEYWORDS:
                kind, word = "key", word.lower()
            if kind != "space":
                yield _Token(kind, word, place + 1)
            place = found.end()

    def _bad_sign(self, place: int) -> str:
        sign = self._text[place]
        if sign in "\"'":
            return "this quotation mark is never closed"
        if sign == "=":
            return "a single = ; write == to compare"
        if sign in "“”„‘’«»":
            return f"{sign} is a typographic quotation mark; write a straight one"
        return f"{self._text[place : place + 12].split()[0]!r} is neither a name, a value nor an operator"

    def _fail_at(self, column: int, message: str, remedy: str = _EXAMPLE) -> NoReturn:
        start = max(0, column - 60)
        shown = self._text[start : start + 100].replace("\n", " ").replace("\t", " ")
        raise InputError(
            f"segment, column {column}: {message}",
            column=column,
            excerpt=f"{shown}\n    {' ' * (column - 1 - start)}^",
            remedy=remedy,
        )

    def _fail(self, expected: str) -> NoReturn:
        token = self._tokens[self._at]
        found = "the rule ends here" if token.kind == "end" else f"found {token.text[:40]}"
        self._fail_at(token.column, f"expected {expected}; {found}")

    def _take(self, kind: str, *words: str) -> _Token | None:
        token = self._tokens[self._at]
        if token.kind != kind or (words and token.text not in words):
            return None
        self._at += 1
        return token

    def _need(self, word: str) -> None:
        if not self._take("sign", word):
            self._fail(word)

    def whole(self) -> Node:
        tree = self._any()
        if self._tokens[self._at].kind != "end":
            self._fail("`and`, `or` or the end")
        return tree

    def _any(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail_at(self._tokens[self._at].column, f"more than {MAX_DEPTH} brackets inside each other")
        parts = [self._all()]
        while self._take("key", "or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Node:
        parts = [self._negated()]
        while self._take("key", "and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _negated(self) -> Node:
        turns = 0
        while self._take("key", "not"):
            turns += 1
        part = self._bracketed() if self._take("sign", "(") else self._condition()
        return Not(part) if turns % 2 else part

    def _bracketed(self) -> Node:
        inside = self._any()
        self._need(")")
        return inside

    def _condition(self) -> Node:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            self._fail_at(self._tokens[self._at].column, f"more than {MAX_CONDITIONS} conditions")
        name = self._take("word")
        if name is None:
            self._fail("the name of a field")
        field = name.text.lower()
        field = "email" if field == "address" else field
        if sign := self._take("sign", "==", "!=", "<", "<=", ">", ">="):
            return self._comparison(field, sign)
        if self._take("key", "is"):
            opposite = self._take("key", "not")
            if not self._take("key", "empty"):
                self._fail("`empty` or `not empty`")
            return Not(Empty(field)) if opposite else Empty(field)
        opposite = self._take("key", "not")
        if self._take("key", "in"):
            found: Node = self._list(field)
        elif self._take("key", "contains"):
            if self._tokens[self._at].text in ('""', "''") or not (text := self._take("text")):
                self._fail("a text in quotation marks")
            found = Contains(field, _unquote(text.text))
        else:
            self._fail(f"==, !=, <, <=, >, >=, in, not in, contains or is empty after {name.text}")
        return Not(found) if opposite else found

    def _comparison(self, field: str, sign: _Token) -> Node:
        value_at = self._tokens[self._at]
        value = self._value()
        if sign.text in ("==", "!="):
            same: Node = Empty(field) if value == "" else OneOf(field, (_normal(field, value),))
            return same if sign.text == "==" else Not(same)
        if isinstance(value, bool):
            self._fail_at(value_at.column, f"{value_at.text} has no order; use == or !=")
        order: Any = sign.text
        return Ordered(field, order, value)

    def _list(self, field: str) -> OneOf:
        self._need("(")
        values: list[Value] = []
        while not self._take("sign", ")"):
            if values:
                self._need(",")
                if self._take("sign", ")"):
                    break
            place = self._tokens[self._at].column
            value = self._value()
            if value == "":
                self._fail_at(
                    place, 'an empty text in a list; write `is empty` with `or`: plan is empty or plan == "x"'
                )
            values.append(_normal(field, value))
            if len(values) > MAX_VALUES:
                self._fail_at(place, f"more than {MAX_VALUES:,} values", "Import them as an attribute instead.")
        if not values:
            self._at -= 1
            self._fail("at least one value")
        return OneOf(field, tuple(values))

    def _value(self) -> Value:
        if token := self._take("text"):
            return _unquote(token.text)
        if token := self._take("number"):
            if len(token.text) > 16:
                self._fail_at(token.column, f"{token.text[:40]} is too long for a number; put it in quotation marks")
            return float(token.text) if "." in token.text else int(token.text)
        if token := self._take("key", "true", "false"):
            return token.text == "true"
        if token := self._take("date"):
            return self._day(token)
        return self._no_value()

    def _day(self, token: _Token) -> date:
        try:
            return date.fromisoformat(token.text)
        except ValueError:
            self._fail_at(token.column, f"{token.text} is no day of the calendar")

    def _no_value(self) -> NoReturn:
        word = self._tokens[self._at]
        if word.kind == "word":
            self._fail_at(word.column, f'{word.text} is a name, not a value; a text stands in quotes: "{word.text}"')
        self._fail("a text in quotes, a number, a date such as 2025-01-31, true or false")


def _unquote(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)


def _normal(field: str, value: Value) -> Value:
    """Countries are kept in capitals and languages in small letters, so the rule may write them either way."""
    if isinstance(value, str) and field == "country":
        return value.upper()
    if isinstance(value, str) and field == "language":
        return value.lower()
    return value
