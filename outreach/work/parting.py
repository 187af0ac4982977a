"""Everybody parted by what is known of them, a million people in a second for each kind of fact.

Law: `of` has each person's place among the parts, four bytes each; place 0 is nobody's. What is done for each person
is done by the interpreter's own loops; a line of ours runs once for each part and each value that is met in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

P = TypeVar("P")


class _Places(dict[Any, int]):
    """Where whoever stands at a place goes by a value: by (place, value)."""

    def __init__(self, parts: list[P], change: Callable[[P, Any], P], *, new: bool, bare: bool) -> None:
        super().__init__()
        self._parts: list[Any] = parts
        self._change, self._new, self._bare = change, new, bare

    def __missing__(self, key: tuple[int, Any]) -> int:
        place, value = key
        found = 0
        if place or self._new:
            self._parts.append(self._change(self._parts[place], (value,) if self._bare else value))
            found = len(self._parts) - 1
        self[key] = found
        return found


def divide(
    of: array[int],
    parts: list[P],
    pages: Iterable[Sequence[Any]],
    change: Callable[[P, Any], P],
    *,
    new: bool = False,
) -> None:
    """Move each person in these rows to the part that differs from theirs by what stands behind the person.

    `change` makes that part; it is given a row without its person. `new`: those who were nobody's come in by it.
    """
    places: _Places | None = None
    for page in pages:
        if not page:
            continue
        persons, *columns = zip(*page, strict=True)
        bare = len(columns) == 1
        if places is None:
            places = _Places(parts, change, new=new, bare=bare)
        values = columns[0] if bare else [row[1:] for row in page]
        if len(set(persons)) < len(persons):  # somebody twice: the second time from where the first has brought them
            for person, value in zip(persons, values, strict=True):
                of[person] = places[of[person], value]
            continue
        found = map(places.__getitem__, zip([of[person] for person in persons], values, strict=True))
        for person, place in zip(persons, found, strict=True):
            of[person] = place
