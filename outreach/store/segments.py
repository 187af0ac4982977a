"""A segment as bound SQL: the only compiler of the tree that `audience.segment` parses.

Law: the same truth as `judge_segment` for every customer, on SQLite and PostgreSQL; no condition is ever NULL; names
and values are bound, never pasted.
"""

from __future__ import annotations

import operator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Numeric,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, col

from ..audience.segment_tree import (
    COLUMNS,
    AllOf,
    AnyOf,
    Contains,
    Empty,
    Node,
    Not,
    OneOf,
    Ordered,
    Segment,
    equal_forms,
)
from ..records import Customer

_ORDERS: dict[str, Any] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def segment_filter(segment: Segment) -> ColumnElement[bool]:
    """The condition on `Customer` that holds for just the people whom the segment takes."""
    return true() if segment.tree is None else _compile(segment.tree)


def count_people(session: Session, segment: Segment) -> int:
    """How many customers with an address the segment takes."""
    query = select(func.count()).select_from(Customer).where(col(Customer.address_key).is_not(None))
    return session.connection().execute(query.where(segment_filter(segment))).scalar_one()


def unknown_fields(session: Session, segment: Segment) -> list[str]:
    """The attributes in the rule that no customer has: most likely a slip of the pen. Sorted."""
    unknown = []
    for name in sorted(segment.fields - set(COLUMNS)):
        kind = _Kind(col(Customer.attributes), name)
        if not session.connection().execute(select(exists().where(kind.is_not(None)))).scalar():
            unknown.append(name)
    return unknown


def _compile(node: Node) -> ColumnElement[bool]:
    match node:
        case AllOf(parts):
            return and_(*(_compile(part) for part in parts))
        case AnyOf(parts):
            return or_(*(_compile(part) for part in parts))
        case Not(part):
            return not_(_compile(part))
        case Empty(field):
            return _empty(field)
        case Contains(field, text):
            return func.coalesce(_Position(_text(field), literal(text)) > 0, false())
        case OneOf():
            return _one_of(node)
        case Ordered():
            return func.coalesce(_ordered(node), false())


def _one_of(node: OneOf) -> ColumnElement[bool]:
    texts, numbers, truths, dates = equal_forms(node.values)
    text = _text(node.field)
    ways: list[ColumnElement[bool]] = []
    if texts:
        ways.append(func.coalesce(text.in_(sorted(texts)), false()))
    if dates:
        ways.append(func.coalesce(and_(text.like("____-__-__%"), func.substr(text, 1, 10).in_(sorted(dates))), false()))
    if node.field not in COLUMNS:
        attribute = (col(Customer.attributes), node.field)
        if numbers:
            ways.append(func.coalesce(_Number(*attribute).in_(sorted(numbers)), false()))
        if truths:
            ways.append(func.coalesce(_Truth(*attribute).in_(sorted(int(truth) for truth in truths)), false()))
    return or_(false(), *ways)


def _ordered(node: Ordered) -> ColumnElement[bool]:
    compare, limit = _ORDERS[node.order], node.value
    if isinstance(limit, int | float):
        if node.field in COLUMNS:
            return false()
        result: ColumnElement[bool] = compare(_Number(col(Customer.attributes), node.field), limit)
        return result
    text = _text(node.field)
    if isinstance(limit, str):
        return and_(text != "", compare(_ByCodePoint(text), literal(limit)))
    return and_(text.like("____-__-__%"), compare(_ByCodePoint(func.substr(text, 1, 10)), literal(limit.isoformat())))


def _text(field: str) -> ColumnElement[str]:
    if field in COLUMNS:
        name = "address" if field == "email" else field
        column: ColumnElement[str] = getattr(Customer, name)
        return column
    return _Text(col(Customer.attributes), field)


def _empty(field: str) -> ColumnElement[bool]:
    text = _text(field)
    if field in COLUMNS:
        return or_(text.is_(None), text == "")
    return or_(_Kind(col(Customer.attributes), field).is_(None), func.coalesce(text == "", false()))


class _Attribute(FunctionElement[Any]):
    """One attribute out of the JSON column; NULL where it is of another type."""

    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        path = bindparam(None, f'$."{name}"', String, unique=True)
        super().__init__(column, path, bindparam(None, name, String, unique=True))


class _Text(_Attribute):
    type = String()
    inherit_cache = True


class _Number(_Attribute):
    type = Numeric(asdecimal=False)
    inherit_cache = True


class _Truth(_Attribute):
    """1 or 0."""

    type = Numeric(asdecimal=False)
    inherit_cache = True


class _Kind(_Attribute):
    """The JSON type's name; NULL for an absent value and for null."""

    type = String()
    inherit_cache = True


class _ByCodePoint(FunctionElement[str]):
    """A text that compares by code point whatever the database's collation."""

    type = String()
    inherit_cache = True


class _Position(FunctionElement[int]):
    """Where a text stands inside another, from 1; 0 where it does not."""

    type = Integer()
    inherit_cache = True


_SQLITE = {
    _Text: "CASE json_type({0}, {1}) WHEN 'text' THEN json_extract({0}, {1}) END",
    _Number: "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN json_extract({0}, {1}) END",
    _Truth: "CASE json_type({0}, {1}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    _Kind: "NULLIF(json_type({0}, {1}), 'null')",
    _ByCodePoint: "{0}",
    _Position: "instr({0}, {1})",
}
_POSTGRESQL = {
    _Text: "CASE json_typeof({0} -> CAST({2} AS TEXT)) WHEN 'string' THEN {0} ->> CAST({2} AS TEXT) END",
    _Number: "CASE json_typeof({0} -> CAST({2} AS TEXT)) WHEN 'number'"
    " THEN CAST({0} ->> CAST({2} AS TEXT) AS NUMERIC) END",
    _Truth: "CASE {0} ->> CAST({2} AS TEXT) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    _Kind: "NULLIF(json_typeof({0} -> CAST({2} AS TEXT)), 'null')",
    _ByCodePoint: '({0} COLLATE "C")',
    _Position: "strpos({0}, {1})",
}


def _teach(dialect: str, forms: dict[Any, str]) -> None:
    for element, form in forms.items():

        def render(element: Any, compiler: Any, form: str = form, **options: Any) -> str:
            parts = list(element.clauses)
            said = [compiler.process(part, **options) if f"{{{n}}}" in form else "" for n, part in enumerate(parts)]
            return "(" + form.format(*said) + ")"

        compiles(element, dialect)(render)


_teach("sqlite", _SQLITE)
_teach("postgresql", _POSTGRESQL)
