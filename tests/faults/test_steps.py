"""kill -9 at each named step, before and after: every commit of a send, and every verb of its conversation.

After each death a second `send` finishes; then the relay's own log is compared with the outbox.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from outreach.records import DeliveryState
from outreach.work.workspace import open_workspace

from ..servers import Sink, start_sink
from .crowd import Crowd, assert_nobody_lost_nobody_twice, count_in, gather
from .nursery import Nursery

PEOPLE, CONNECTIONS = 7, 2
PLANNED = "planned"
"""A workspace in which the edition is planned already: a death in a conversation need not wait for that."""
Step = tuple[str, str, int]


def steps_of(counted: dict[str, int], *, each: bool) -> list[Step]:
    """Every commit, and the first, middle and last of every verb, before and after; a fair few of them in short."""
    found: list[Step] = []
    for name, times in sorted(counted.items()):
        numbers = range(1, times + 1) if name == "commit" else sorted({1, (times + 1) // 2, times})
        found += [(name, when, number) for number in numbers for when in ("before", "after")]
    if each:
        return found
    dice = random.Random(7)
    dots = [step for step in found if step[0].endswith("dot") and step[2] == 1]
    return dots + dice.sample([step for step in found if step[0] == "commit"], 1) + dice.sample(found, 1)


def die_at(nursery: Nursery, sink: Sink, made: Crowd, folder: Path, step: Step) -> int:
    """Die there, finish, compare; how many are in doubt."""
    root = folder / "-".join(map(str, step)).replace(" ", "-")
    shutil.copytree(made.root if step[0] == "commit" else folder / PLANNED, root)
    before = len(sink.taken())
    env = made.environ()
    name, when, number = step
    ended = nursery.run(root, "send", "news", "--yes", env=env, die={"step": name, "when": when, "number": number})
    assert ended in (-9, 0), step
    if ended == -9:
        assert nursery.run(root, "send", "news", "--yes", env=env) in (0, 3), step
    workspace = open_workspace(root)
    try:
        taken = [str(record["message_id"]) for record in sink.taken()[before:]]
        assert_nobody_lost_nobody_twice(workspace, taken, PEOPLE)
        doubtful = count_in(workspace, DeliveryState.IN_DOUBT)
    finally:
        workspace.database.close()
    assert doubtful <= CONNECTIONS, step
    if name == "send dot" and when == "before":
        assert doubtful >= 1, "an intent was committed: nobody may know what became of it"
    shutil.rmtree(root)
    return doubtful


def deaths(folder: Path, *, each: bool) -> int:
    """All the deaths; how many there were."""
    with start_sink(folder / "sink.log") as sink, Nursery() as nursery:
        made = gather(folder / "acme", sink.port, PEOPLE, OUTREACH_RELAY__CONNECTIONS=str(CONNECTIONS))
        trial, planned = folder / "trial", folder / PLANNED
        shutil.copytree(made.root, trial)
        shutil.copytree(made.root, planned)
        assert nursery.run(planned, "send", "news", env=made.environ()) == 3, "it asks first: nobody said yes"
        counted = nursery.count(trial, "send", "news", "--yes", env=made.environ())
        assert counted["commit"] >= 10
        assert {"read connect", "read ehlo", "send ehlo", "send mail", "send body", "send dot", "read dot"} <= set(
            counted
        )
        steps = steps_of(counted, each=each)
        for step in steps:
            die_at(nursery, sink, made, folder, step)
    return len(steps)


def test_a_death_at_a_named_step_loses_nobody_and_writes_to_nobody_twice(tmp_path: Path) -> None:
    assert deaths(tmp_path, each=False) == 6


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_death_before_and_after_every_commit_and_verb(tmp_path: Path) -> None:
    print(f"{deaths(tmp_path, each=True)} deaths, each at a step of its own")
