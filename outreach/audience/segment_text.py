"""A segment's tree written out again in the little language: for explanations, and for saved rules set in their place.

Law: what is written is read again as the same tree; a test compares the two on random trees.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from .segment_tree import (
    AllOf,
    AnyOf,
    Contains,
    Empty,
    Happened,
    Has,
    InRegion,
    Named,
    Node,
    Not,
    OneOf,
    Ordered,
    Value,
)
from .segment_words import span_text


def segment_text(node: Node) -> str:
    """The rule that reads as this tree."""
    match node:
        case AnyOf(parts):
            return " or ".join(_inside(part, AnyOf) for part in parts)
        case AllOf(parts):
            return " and ".join(_inside(part, AllOf, AnyOf) for part in parts)
        case Not(part):
            return _opposite(part)
        case OneOf(field, (value,)):
            return f"{field} == {value_text(value)}"
        case OneOf(field, values):
            return f"{field} in ({', '.join(map(value_text, values))})"
        case Ordered(field, order, value):
            return f"{field} {order} {value_text(value)}"
        case Contains(field, text):
            return f"{field} contains {value_text(text)}"
        case Empty(field):
            return f"{field} is empty"
        case Has(field, value):
            return f"{value_text(value)} in {field}"
        case InRegion(name):
            return f"region({value_text(name)})"
        case Named(name):
            return f"segment({value_text(name)})"
        case Happened():
            return _happened(node)


def _inside(part: Node, *bracketed: type) -> str:
    return f"({segment_text(part)})" if isinstance(part, bracketed) else segment_text(part)


def _opposite(part: Node) -> str:
    match part:
        case OneOf(field, (value,)):
            return f"{field} != {value_text(value)}"
        case OneOf(field, values):
            return f"{field} not in ({', '.join(map(value_text, values))})"
        case Contains(field, text):
            return f"{field} not contains {value_text(text)}"
        case Empty(field):
            return f"{field} is not empty"
        case Has(field, value):
            return f"{value_text(value)} not in {field}"
        case AllOf() | AnyOf():
            return f"not ({segment_text(part)})"
        case Not(Not() | AllOf() | AnyOf() | Ordered() | InRegion() | Named() | Happened()):
            return f"not ({segment_text(part)})"
    return f"not {segment_text(part)}"


def _happened(node: Happened) -> str:
    said = [value_text(node.name)] if node.name else []
    said += [f"{mark}={value_text(value)}" for mark, value in node.marks]
    if node.since is not None:
        said.append(f"{'within' if isinstance(node.since, timedelta) else 'since'}={_moment(node.since)}")
    if node.before is not None:
        said.append(f"before={_moment(node.before)}")
    times = "" if (node.order, node.number) == (">=", 1) else f" {node.order} {node.number}"
    return f"{node.what}({', '.join(said)}){times}"


def _moment(moment: date | timedelta) -> str:
    return f'"{span_text(moment)}"' if isinstance(moment, timedelta) else moment.isoformat()


def value_text(value: Value) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, float):
        plain = f"{Decimal(repr(value)):f}"  # the shortest that is read as this number
        return plain if "." in plain else f"{plain}.0"
    return value.isoformat() if isinstance(value, date) else str(value)
