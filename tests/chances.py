"""What the program draws by chance (keys and ids, and so who is held out or tested), drawn alike in each run.

A test that asks how twelve people fell into two groups would fail once in thousands of runs, in nobody's change.
OUTREACH_TEST_CHANCE, any text, draws another way; processes of their own, and forks, draw as they like.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import outreach.address
import outreach.store.newcomers

CHANCE = "OUTREACH_TEST_CHANCE"


class Drawing:
    """Stands for the module `secrets` where the program draws keys and ids."""

    def __init__(self) -> None:
        self._dice: random.Random | None = None
        os.register_at_fork(after_in_child=self.leave)

    def begin(self, said: str) -> None:
        """From here on, what is drawn follows from `said`."""
        self._dice = random.Random(f"{os.environ.get(CHANCE, '')} {said}")

    @contextmanager
    def apart(self, said: str) -> Iterator[None]:
        """Within, what is drawn follows from `said`; behind it, as if nothing had been drawn."""
        before = self._dice
        self.begin(said)
        yield
        self._dice = before

    def leave(self) -> None:
        """From here on it is drawn as outside of tests."""
        self._dice = None

    def token_bytes(self, count: int) -> bytes:
        return self._dice.randbytes(count) if self._dice else secrets.token_bytes(count)


drawing = Drawing()


def draw_alike() -> None:
    """Let the program draw by `drawing` in this process."""
    for module in (outreach.address, outreach.store.newcomers):
        module.secrets = drawing  # type: ignore[attr-defined]
