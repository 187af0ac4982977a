"""What in a rule most likely takes nobody, though its names are right: values that are written otherwise than people's.

Law: pure; only told, never an error, since such a value may come yet. What people have comes in as a sample by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .places import read_country, read_language
from .segment_text import value_text
from .segment_tree import Has, Node, OneOf, Ordered, Value, is_missing
from .typed import plain_commas

_READERS = {"country": (read_country, "DE"), "language": (read_language, "de")}
_TRUTHS = frozenset("true false yes no ja nein oui non 1 0".split())


def odd_values(nodes: Sequence[Node], samples: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, str]]:
    """The field and what is odd about a value that it is compared with, in words. `samples`: values of attributes."""
    for node in nodes:
        if not isinstance(node, OneOf | Ordered | Has):
            continue
        found = [one for one in samples.get(node.field, ()) if not is_missing(one)]
        for value in node.values if isinstance(node, OneOf) else (node.value,):
            words = _unread(node.field, value) if node.field in _READERS else _odd(node, value, found) if found else ""
            if words:
                yield node.field, words


def _unread(field: str, value: Value) -> str:
    reader, example = _READERS[field]
    if isinstance(value, str) and reader(value) is not None:
        return ""
    return f"no {field} is called {value_text(value)}: write its code, such as {value_text(example)}"


def _odd(node: OneOf | Ordered | Has, value: Value, found: Sequence[Any]) -> str:
    field, written = node.field, value_text(value)
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)
    texts = all(isinstance(one, str) for one in found)
    if isinstance(value, str) and all(isinstance(one, bool) for one in found):
        return f"{field} holds true and false, not {written}" if value.casefold() in _TRUTHS else ""
    if isinstance(node, Ordered):
        if isinstance(value, str) and numbers and _is_number(value):
            return f"{field} holds numbers: write {value} without quotation marks"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return f'{field} holds texts, not numbers: compare with a text, such as "{value}"' if number and texts else ""
    parts = list(_parts(found)) if isinstance(node, Has) else [one for one in found if isinstance(one, str)]
    if isinstance(value, bool) or str(value) in parts:
        return ""
    return _alike(field, written, str(value), parts)


def _alike(field: str, written: str, value: str, parts: Sequence[str]) -> str:
    """Whether somebody has the same but for small and capital letters, blanks, or noughts in front."""
    plain = _plain(value)
    near = next((one for one in parts if _plain(one) == plain), None) if plain else None
    return f"nobody looked at has {field} {written}, but {value_text(near)} is there" if near is not None else ""


def _parts(found: Sequence[Any]) -> Iterator[str]:
    for one in found:
        if isinstance(one, str):
            yield from plain_commas(one).split(",")
        elif isinstance(one, list):
            yield from (str(part) for part in one if isinstance(part, str | int))


def _plain(text: str) -> str:
    plain = "".join(text.casefold().split())
    return plain.lstrip("0") if plain.isdigit() else plain


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
