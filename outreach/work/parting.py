"""Everybody parted by what is known of them, a million people in a second for each kind of fact.

Law: `of` has each person's place among the parts, four bytes each; place 0 is nobody's. What is done for each person
is done by the interpreter's own loops; a line of ours runs once for each part and each value that is met in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..store.packed import unpacked

P = TypeVar("P")


class Moving(dict[Any, int]):
    """Where whoever stands at a place goes by a value: by (place, value)."""

    def __init__(self, parts: list[P], change: Callable[[P, Any], P], *, new: bool) -> None:
        super().__init__()
        self._parts: list[Any] = parts
        self._change, self._new = change, new

    def __missing__(self, key: tuple[int, Any]) -> int:
        place, value = key
        found = 0
        if place or self._new:
            self._parts.append(self._change(self._parts[place], value))
            found = len(self._parts) - 1
        self[key] = found
        return found

    def move(self, of: array[int], persons: Sequence[int], values: Iterable[Any]) -> None:
        """Move each of these people by what stands behind them."""
        first, count = persons[0], len(persons)
        if persons[-1] - first == count - 1 and persons == list(range(first, first + count)):
            they = slice(first, first + count)
            of[they] = array("I", map(self.__getitem__, zip(of[they], values, strict=True)))
            return
        if len(set(persons)) < count:  # somebody twice: the second time from where the first has brought them
            for person, value in zip(persons, values, strict=True):
                of[person] = self[of[person], value]
            return
        found = map(self.__getitem__, zip([of[person] for person in persons], values, strict=True))
        for person, place in zip(persons, found, strict=True):
            of[person] = place


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
    places = Moving(parts, change, new=new)
    for page in pages:
        if page:
            places.move(of, [row[0] for row in page], [row[1:] for row in page])


def divide_packs(
    of: array[int],
    parts: list[P],
    packs: Iterable[tuple[Sequence[int], Sequence[Any]]],
    change: Callable[[P, Any], P],
    *,
    new: bool = False,
) -> None:
    """The same of people and what stands behind them, apart, as `store.packed` gives them."""
    places = Moving(parts, lambda part, value: change(part, unpacked(value)), new=new)
    for persons, values in packs:
        if persons:
            places.move(of, persons, values)
