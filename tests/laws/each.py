"""One test for a law that holds for each of many things, and names every one that breaks it.

Two thousand tests of a millisecond cost more to hand out to the workers than to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def each(things: Iterable[Any]) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """`@each(things)` makes a test of a law about one of them."""

    def of_all(law: Callable[[Any], None]) -> Callable[[], None]:
        def held() -> None:
            broken, looked_at = [], 0
            for looked_at, thing in enumerate(things, 1):  # noqa: B007  counted
                try:
                    law(thing)
                except AssertionError as wrong:
                    broken.append(f"{thing}: {wrong}")
            assert looked_at, "there is nothing that this law is about"
            assert not broken, "\n".join(broken)

        held.__name__, held.__doc__ = law.__name__, law.__doc__
        return held

    return of_all
