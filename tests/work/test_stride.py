"""How many rows a transaction takes: few where rows are dear, many where only committing is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from outreach.work import import_turns
from outreach.work.import_turns import Turns
from outreach.work.stride import Stride

NOBODY: Any = None
Rows = Callable[[random.Random, int], tuple[float, float]]
"""What so many rows take until all is said, and to commit."""


def _quick(chance: random.Random, rows: int) -> tuple[float, float]:
    return rows * 6e-6, 0.006 + rows * 0.5e-6


def _slow_disk(chance: random.Random, rows: int) -> tuple[float, float]:
    return rows * 8e-6, 0.08 * chance.uniform(0.7, 1.4)


def _very_slow_disk(chance: random.Random, rows: int) -> tuple[float, float]:
    return rows * 8e-6, 0.4 * chance.uniform(0.7, 1.4)


def _narrow_disk(chance: random.Random, rows: int) -> tuple[float, float]:
    return rows * 8e-6, 0.01 + rows * 60e-6 * chance.uniform(0.8, 1.3)


def _dear_rows(chance: random.Random, rows: int) -> tuple[float, float]:
    return rows * 100e-6 * chance.uniform(0.8, 1.2), 0.01


def _taken(rows_take: Rows, rows: int, smallest: int = 600) -> list[float]:
    """Seconds of each transaction until so many rows are done."""
    chance, stride, took = random.Random(4), Stride(smallest, 8_000), list[float]()
    while rows > 0:
        part = min(rows, stride.rows)
        said, commit = rows_take(chance, part)
        stride.note(part, said, commit)
        took.append(said + commit)
        rows -= part
    return took


@pytest.mark.parametrize("rows_take", [_quick, _slow_disk, _narrow_disk, _dear_rows])
def test_no_transaction_is_longer_than_others_have_patience_for(rows_take: Rows) -> None:
    took = _taken(rows_take, 300_000)
    assert max(took) < 0.2


@pytest.mark.parametrize(
    ("rows_take", "most"), [(_quick, 50), (_slow_disk, 120), (_very_slow_disk, 200), (_narrow_disk, 400)]
)
def test_rows_are_many_where_few_would_take_as_long(rows_take: Rows, most: int) -> None:
    assert len(_taken(rows_take, 300_000)) < most, "500 transactions of 600 rows, each of which waits for the disk"


def test_a_machine_that_is_busy_now_and_then_is_met_with_fewer_rows_and_forgotten_when_it_is_idle() -> None:
    stride = Stride(600, 8_000)
    for _ in range(10):
        stride.note(stride.rows, stride.rows * 8e-6, 0.01)
    assert stride.rows == 8_000
    for _ in range(4):
        stride.note(stride.rows, stride.rows * 40e-6, 0.01)
    assert stride.rows < 3_000
    for _ in range(20):
        stride.note(stride.rows, stride.rows * 8e-6, 0.01)
    assert stride.rows == 8_000


def test_nothing_done_tells_nothing() -> None:
    stride = Stride(600, 8_000)
    before = stride.rows
    stride.note(0, 5.0, 5.0)
    assert stride.rows == before


def test_short_turns_follow_each_other_until_who_waits_has_waited_for_one_long_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns, gaps, held = Turns(NOBODY), list[float](), 0.0
    monkeypatch.setattr(import_turns.time, "sleep", lambda _seconds: gaps.append(held))
    for took in [0.03] * 40 + [0.15] * 3:
        before = len(gaps)
        held += took
        turns._leave_gap(took)
        held = 0.0 if len(gaps) > before else held
    assert len(gaps) == 10 + 3, "a gap for four short ones, and for each long one"
    assert max(gaps) < 0.2
