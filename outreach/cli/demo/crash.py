"""`outreach demo --crash`: the sender is killed three times in the middle of an edition; the server's log decides.

Law: no figure here comes from our own records alone: the catcher wrote each Message-ID down before it said 250.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from ...address import read_message_id
from ...records import Campaign, Delivery, DeliveryState
from ...wire.catcher import LOG
from .stage import Stage
from .story import NEWS, people_come

KILLS = 3
CONNECTIONS = 4
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class CrashFigures:
    """What the catcher's log and the outbox say together after the kills and one whole run."""

    kills: int
    planned: int
    caught: int
    twice: int
    lost: int
    in_doubt: int
    states: dict[str, int]

    @property
    def sound(self) -> bool:
        """Nobody lost, nobody twice, and no more in doubt than connections were open."""
        return not self.twice and not self.lost and self.in_doubt <= self.kills * CONNECTIONS


def crash(stage: Stage, say: Callable[[str], None]) -> CrashFigures:
    """Send an edition to everybody while the sender is killed again and again."""
    people_come(stage)
    kills = 0
    log = stage.mail / LOG
    for number in range(1, KILLS + 1):
        sender = _start(stage.root)
        caught = _kill_when(sender, log, more_than=number * 45)
        kills += sender.returncode == -signal.SIGKILL
        say(f"Killed the sender (kill -9) after {caught} mails had been caught.")
    last = _start(stage.root)
    if last.wait(WAIT_SECONDS) not in (0, 3):
        raise RuntimeError(f"the last run ended with {last.returncode}")
    return count(stage, kills)


def count(stage: Stage, kills: int) -> CrashFigures:
    """Compare the catcher's log with the outbox, name by name."""
    log = Counter(read_message_id(line["message_id"]) for line in _lines(stage.mail / LOG) if line["box"] != "inbox")
    with stage.workspace.database.read() as session:
        rows = session.execute(
            select(col(Delivery.public_id), col(Delivery.state))
            .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
            .where(col(Campaign.name) == NEWS)
        ).all()
    lost = sum(state is DeliveryState.SENT and not log[public_id] for public_id, state in rows)
    left = sum(state in (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.INFLIGHT) for _, state in rows)
    return CrashFigures(
        kills=kills,
        planned=len(rows),
        caught=sum(log.values()),
        twice=sum(times > 1 for times in log.values()),
        lost=lost + left,
        in_doubt=sum(state is DeliveryState.IN_DOUBT for _, state in rows),
        states=dict(Counter(str(state) for _, state in rows)),
    )


def _start(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "outreach", "--workspace", str(root), "send", NEWS, "--yes"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env=dict(os.environ))


def _kill_when(sender: subprocess.Popen[bytes], log: Path, *, more_than: int) -> int:
    """Kill the process as soon as the catcher has so many lines; it may be quicker than we are."""
    until = time.monotonic() + WAIT_SECONDS
    while sender.poll() is None and time.monotonic() < until:
        if log.exists() and log.read_bytes().count(b"\n") > more_than:
            sender.kill()
            break
        time.sleep(0.002)
    sender.wait(WAIT_SECONDS)
    return log.read_bytes().count(b"\n") if log.exists() else 0


def _lines(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
