"""Plan, simulation and life agree: small worlds drawn at random, foreseen, simulated and lived through."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from outreach.plan.budget import BUDGET
from outreach.plan.wishes import RARELY
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import START, HandClock, customers_of
from ..examples import examples
from ..made import Mould
from ..servers import Sink, start_sink
from .sending import with_relay
from .worlds import Letter, Person, World, differ, foreseen, lay, lived, simulated, summed, worlds

EACH = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with start_sink(tmp_path_factory.mktemp("sink") / "sink.log") as running:
        yield running


@contextmanager
def laid(made_once: Mould, folder: Path, world: World) -> Iterator[tuple[Workspace, HandClock]]:
    """A workspace of its own with all that is in this world, and its clock."""
    root, clock = folder / "world", HandClock(START)
    made_once.pour(root)
    opened = open_workspace(root, clock)
    try:
        yield lay(opened, customers_of(opened), world), clock
    finally:
        opened.database.close()
        shutil.rmtree(root)


def compare(made_once: Mould, folder: Path, world: World, sink: Sink | None) -> None:
    """The plan with the simulation, and where there is a sink with life."""
    with laid(made_once, folder, world) as (workspace, clock):
        plan, simulation = foreseen(workspace), simulated(workspace)
        assert not differ(plan, simulation)
        if sink is not None:
            life = lived(with_relay(workspace, sink.port), clock)
            assert {name: alike(summed(told)) for name, told in life.items()} == {
                name: alike(told) for name, told in simulation.items()
            }
            assert {name: told.at for name, told in plan.items()} == {name: told.at for name, told in life.items()}


def alike(told: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same with one reason for too much mail: tips that leave at this very instant are ahead or gone, and so it is
    the budget that refuses what is behind them, or the reader's own frequency."""
    refused = Counter[str]()
    for reason, count in told[-1].items():
        refused[BUDGET if reason == RARELY else reason] += count
    return *told[:-1], refused


@settings(EACH, max_examples=examples(40))
@given(worlds())
def test_the_plan_foresees_what_the_simulation_lives_through(made_once: Mould, tmp_path: Path, world: World) -> None:
    compare(made_once, tmp_path, world, None)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(EACH, max_examples=300)
@given(worlds())
def test_the_plan_and_the_simulation_foresee_what_life_brings(
    made_once: Mould, tmp_path: Path, sink: Sink, world: World
) -> None:
    compare(made_once, tmp_path, world, sink)


NEWS, TIPS, WEST = Letter("news"), Letter("tips"), "America/New_York"
SMALLEST = {
    "what is put off keeps no room": World(
        (Person(had=(1,)),), (replace(NEWS, days=(0, 6), deadline="3 weeks"), Letter("offer", (7,))), 1
    ),
    "whatever goes meanwhile takes the room of what a pause puts off": World(
        (Person(paused=4), Person(rarely=3)), (replace(NEWS, days=(0,)), Letter("offer", (4,), "22:00")), 1
    ),
    "of two at one instant one goes": World((Person(),), (NEWS, Letter("invitation")), 1),
    "of two at one instant tips go": World((Person(),), (NEWS, TIPS), 1),
    "what is put off to one morning does not all go then": World((Person(),), (replace(NEWS, days=(0, 1)),), 1, (0,)),
    "a deadline ends the wait": World((Person(WEST),), (Letter("news", (1,), "22:00", "recipient", "6 hours"),), 1),
    "tips put off count once": World((Person(had=(160,)),), (replace(TIPS, days=(0,)), replace(NEWS, days=(2, 5))), 2),
    "readers' own hours overlap": World(
        (Person("Asia/Tokyo"), Person(WEST)),
        (Letter("news", (2,), "15:00", "recipient"), Letter("offer", (2,), "09:00")),
        1,
    ),
}


@pytest.mark.parametrize("world", SMALLEST.values(), ids=SMALLEST)
def test_plan_simulation_and_life_agree_on(made_once: Mould, tmp_path: Path, sink: Sink, world: World) -> None:
    compare(made_once, tmp_path, world, sink)
