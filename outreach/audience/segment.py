"""The little language that says who is meant: `plan == "pro" and country in ("DE", "AT") and since < 2025-01-01`.

Law: a mistake is told with its column and an example; what a condition means stands in `audience.segment_tree`, the
words that ask what happened in `audience.segment_words`.

    rule       = conjunction { "or" conjunction }             or only the name of a saved segment
    conjunction = negation { "and" negation }
    negation   = { "not" } ( "(" rule ")" | condition )
    condition  = name ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | name [ "not" ] "in" "(" value { "," value } ")"
               | name [ "not" ] "contains" text
               | name "is" [ "not" ] "empty"
               | value [ "not" ] "in" name
               | word "(" [ text { "," mark "=" value } ] ")" [ ( "==" | … ) number ]
    value      = text in quotes | number | 2025-01-31 | true | false
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any, NoReturn

from ..address import canonical_address
from ..errors import InputError
from .places import read_country, read_language
from .segment_tokens import Token, Tokens
from .segment_tree import (
    COLUMNS,
    EVERYONE,
    AllOf,
    AnyOf,
    Contains,
    Empty,
    Happened,
    Has,
    InRegion,
    Mention,
    Named,
    Node,
    Not,
    OneOf,
    Ordered,
    Segment,
    Value,
    judge_segment,
    small,
)
from .segment_words import EVENTS, REGIONS, known_region, nearest, read_span, wrong_mark

__all__ = ["COLUMNS", "EVERYONE", "Segment", "judge_segment", "parse_segment"]

MAX_LENGTH, MAX_DEPTH, MAX_CONDITIONS, MAX_VALUES = 20_000, 50, 200, 2_000
SAVED_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_INSTEAD = {
    **dict.fromkeys(("yes", "ja", "oui", "si"), "write true"),
    **dict.fromkeys(("no", "nein", "non"), "write false"),
    **dict.fromkeys(("null", "none", "nil", "nothing"), "for what is missing write `is empty` or `is not empty`"),
}
"""What people write for a value that this language has otherwise."""
_SPANS = 'Write a span such as within="30d": h, d, w, months (of 30 days), years; or a day such as since=2026-01-31.'


def parse_segment(text: str) -> Segment:
    """Read a rule; an empty text means everyone. Raises InputError that points at the column."""
    plain = text.strip()
    if not plain:
        return EVERYONE
    if len(plain) > MAX_LENGTH:
        raise InputError(f"a segment of {len(plain):,} characters; at most {MAX_LENGTH:,} are read")
    if SAVED_NAME.fullmatch(plain) and not plain.isdigit() and plain not in ("true", "false", "not"):
        return Segment(plain, Named(plain), (Mention("segment", plain, 1),))
    parser = _Parser(plain)
    return Segment(plain, parser.whole(), tuple(parser.mentions))


class _Parser:
    """Recursive descent; `or` binds least, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self._of = Tokens(text)
        self._depth = 0
        self._conditions = 0
        self.mentions: list[Mention] = []

    def whole(self) -> Node:
        tree = self._any()
        if self._of.next.kind != "end":
            self._of.fail("`and`, `or` or the end")
        return tree

    def _any(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._of.fail_at(self._of.next.column, f"more than {MAX_DEPTH} brackets inside each other")
        parts = [self._all()]
        while self._of.take("key", "or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Node:
        parts = [self._negated()]
        while self._of.take("key", "and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _negated(self) -> Node:
        turns = 0
        while self._of.take("key", "not"):
            turns += 1
        part = self._bracketed() if self._of.take("sign", "(") else self._condition()
        return Not(part) if turns % 2 else part

    def _bracketed(self) -> Node:
        inside = self._any()
        self._of.need(")")
        return inside

    def _condition(self) -> Node:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            self._of.fail_at(self._of.next.column, f"more than {MAX_CONDITIONS} conditions")
        if self._of.next.kind in ("text", "number"):
            return self._member()
        if self._of.next.kind == "word" and self._of.after_next == Token("sign", "(", self._of.after_next.column):
            return self._asked()
        field, name = self._field()
        if sign := self._of.take("sign", "==", "!=", "<", "<=", ">", ">="):
            return self._comparison(field, sign)
        if self._of.take("key", "is"):
            opposite = self._of.take("key", "not")
            if not self._of.take("key", "empty"):
                self._of.fail("`empty` or `not empty`")
            return Not(Empty(field)) if opposite else Empty(field)
        opposite = self._of.take("key", "not")
        if self._of.take("key", "in"):
            found: Node = self._list(field)
        elif self._of.take("key", "contains"):
            if self._of.next.text in ('""', "''") or not (text := self._of.take("text")):
                self._of.fail("a text in quotation marks")
            plain = _unquote(text.text)
            found = Contains(field, _as_compared(plain) if field == "email" else plain)
        else:
            self._of.fail(f"==, !=, <, <=, >, >=, in, not in, contains or is empty after {name}")
        return Not(found) if opposite else found

    def _field(self) -> tuple[str, str]:
        """The name of a field as the tree has it, and as it was written."""
        name = self._of.take("word")
        if name is None:
            self._of.fail("the name of a field")
        field = name.text.lower()
        field = "email" if field == "address" else field
        self.mentions.append(Mention("field", field, name.column))
        return field, name.text

    def _member(self) -> Node:
        """`"vip" in tags`: a value among several."""
        value_at = self._of.next
        value = self._value()
        opposite = self._of.take("key", "not")
        if not self._of.take("key", "in"):
            self._of.fail("`in` and the name of a field: " + f"{value_at.text[:40]} in tags")
        field, _ = self._field()
        if value == "" or isinstance(value, bool | date):
            self._of.fail_at(value_at.column, "only a text or a number can be one of several values")
        found = Has(field, small(value) if field == "email" and isinstance(value, str) else value)
        return Not(found) if opposite else found

    def _asked(self) -> Node:
        """`opened("tips-3", within="30d") >= 2`, `segment("loyal")`, `region("EU")`."""
        word = self._of.take("word")
        assert word is not None
        self._of.need("(")
        name = word.text.lower()
        if name in ("segment", "region"):
            return self._by_name(name)
        if name not in EVENTS:
            known = (*EVENTS, "segment", "region")
            meant = nearest(name, known)
            self._of.fail_at(
                word.column,
                f"there is no question {word.text}(…){meant}",
                f"There are: {', '.join(known)}." + ("" if meant else f' To compare: {name} == "…"'),
            )
        return self._happened(name)

    def _by_name(self, what: str) -> Node:
        text = self._of.take("text")
        if text is None:
            self._of.fail("a name in quotation marks")
        name = _unquote(text.text)
        self._of.need(")")
        if what == "segment":
            self.mentions.append(Mention("segment", name, text.column))
            return Named(name)
        region = known_region(name)
        if region is None:
            meant = nearest(name, REGIONS)
            self._of.fail_at(text.column, f"there is no region {name!r}{meant}", f"There are: {', '.join(REGIONS)}.")
        return InRegion(region)

    def _happened(self, what: str) -> Node:
        word, name, given = EVENTS[what], "", dict[str, Any]()
        if first := self._of.take("text"):
            name = _unquote(first.text)
            if not word.names or not name:
                known = ", ".join((*word.marks, "within", "since", "before"))
                self._of.fail_at(first.column, f"{what}(…) takes no name", f'It takes {known}: {what}(within="30d")')
            self.mentions.append(Mention(word.names, name, first.column))
        while not self._of.take("sign", ")"):
            if first or given:
                self._of.need(",")
            self._mark(what, given)
        marks = tuple((mark, given[mark]) for mark in word.marks if mark in given)
        order: Any = ">="
        number = 1
        if sign := self._of.take("sign", "==", "!=", "<", "<=", ">", ">="):
            times = self._of.take("number")
            if times is None or not times.text.isdigit() or len(times.text) > 9:
                if times is not None:
                    self._of.back()
                self._of.fail("how often, a whole number")
            order, number = sign.text, int(times.text)
        since = given.get("within", given.get("since"))
        return Happened(what, name, marks, since, given.get("before"), order, number)

    def _mark(self, what: str, given: dict[str, Any]) -> None:
        known = (*EVENTS[what].marks, "within", "since", "before")
        mark = self._of.take("word")
        if mark is None:
            self._of.fail(f"one of {', '.join(known)}, or )")
        name = mark.text.lower()
        if name not in known:
            meant = nearest(name, known)
            if EVENTS[what].names and not given and self._of.next.text != "=":
                self._of.fail_at(mark.column, f'{mark.text} stands in quotation marks: {what}("{mark.text}")')
            self._of.fail_at(mark.column, f"{what}(…) takes no {mark.text}{meant}", f"It takes {', '.join(known)}.")
        if name in given or (name in ("within", "since") and {"within", "since"} & set(given)):
            self._of.fail_at(mark.column, f"{name} says it twice", _SPANS)
        self._of.need("=")
        value_at = self._of.next
        value = self._value()
        if name in ("within", "since", "before"):
            given[name] = self._moment(value_at, value)
            return
        if not isinstance(value, str) or not value:
            self._of.fail_at(value_at.column, f"{name} is a text in quotation marks", f'Write {name}="…".')
        if wrong := wrong_mark(name, value):
            self._of.fail_at(value_at.column, wrong)
        if name == "topic":
            self.mentions.append(Mention("topic", value, value_at.column))
        given[name] = value

    def _moment(self, at: Token, value: Value) -> date | timedelta:
        if isinstance(value, date):
            return value
        span = read_span(value) if isinstance(value, str) else None
        if span is None:
            self._of.fail_at(at.column, f"{at.text[:40]} is neither a span nor a day", _SPANS)
        return span

    def _comparison(self, field: str, sign: Token) -> Node:
        value_at = self._of.next
        value = self._value()
        if sign.text in ("==", "!="):
            same: Node = Empty(field) if value == "" else OneOf(field, (_normal(field, value),))
            return same if sign.text == "==" else Not(same)
        if isinstance(value, bool):
            self._of.fail_at(value_at.column, f"{value_at.text} has no order; use == or !=")
        order: Any = sign.text
        return Ordered(field, order, small(value) if field == "email" and isinstance(value, str) else value)

    def _list(self, field: str) -> OneOf:
        self._of.need("(")
        values: list[Value] = []
        while not self._of.take("sign", ")"):
            if values:
                self._of.need(",")
                if self._of.take("sign", ")"):
                    break
            place = self._of.next.column
            value = self._value()
            if value == "":
                self._of.fail_at(
                    place, 'an empty text in a list; write `is empty` with `or`: plan is empty or plan == "x"'
                )
            values.append(_normal(field, value))
            if len(values) > MAX_VALUES:
                self._of.fail_at(place, f"more than {MAX_VALUES:,} values", "Import them as an attribute instead.")
        if not values:
            self._of.back()
            self._of.fail("at least one value")
        return OneOf(field, tuple(values))

    def _value(self) -> Value:
        if token := self._of.take("text"):
            return _unquote(token.text)
        if token := self._of.take("number"):
            if len(token.text) > 16:
                self._of.fail_at(token.column, f"{token.text[:40]} is too long for a number; put it in quotation marks")
            return float(token.text) if "." in token.text else int(token.text)
        if token := self._of.take("key", "true", "false"):
            return token.text == "true"
        if token := self._of.take("date"):
            return self._day(token)
        return self._no_value()

    def _day(self, token: Token) -> date:
        try:
            return date.fromisoformat(token.text)
        except ValueError:
            self._of.fail_at(token.column, f"{token.text} is no day of the calendar")

    def _no_value(self) -> NoReturn:
        word = self._of.next
        meant = _INSTEAD.get(word.text.lower(), "")
        if word.kind == "word" and meant:
            self._of.fail_at(word.column, f"{word.text} is no value; {meant}")
        if word.kind == "word":
            self._of.fail_at(word.column, f'{word.text} is a name, not a value; a text stands in quotes: "{word.text}"')
        self._of.fail("a text in quotes, a number, a date such as 2025-01-31, true or false")


def _unquote(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)


def _normal(field: str, value: Value) -> Value:
    """As the column is kept: a country by its code and a language by its first letters, however the rule writes them;
    an address in small letters, since capitals make no other one.
    """
    if not isinstance(value, str):
        return value
    if field == "country":
        return read_country(value) or value.upper()
    if field == "language":
        return read_language(value) or value.lower()
    return _as_compared(value) if field == "email" else value


def _as_compared(address: str) -> str:
    before, at, domain = small(address).rpartition("@")
    if not at:
        return domain
    try:
        return f"{before}@{canonical_address(f'x@{domain}').partition('@')[2]}"
    except InputError:  # a piece of one
        return f"{before}@{domain.lower()}"
