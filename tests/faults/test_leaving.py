"""Thousands of people leave while the edition goes out: nobody is sent to after their wish was stored.

An intent and a withdrawal are write transactions, one after the other; each writes down its instant while it holds the
database. So nobody's intent may be later than their withdrawal, and what the relay's log has is what was intended.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.address import message_id
from outreach.records import Consent, ConsentAct, Delivery, DeliveryState
from outreach.store.consents import unsubscribe
from outreach.workdays import utc_now

from ..servers import ROOT, start_sink
from .crowd import gather, only_account

DOOR = "from pathlib import Path; import sys; from tests.faults.test_leaving import leave; leave(*sys.argv[1:])"


def leave(root: str, people: str, leaving: str, seed: str) -> None:
    """Unsubscribe so many of the people, in an order of chance, each in a transaction of its own."""
    from outreach.work.workspace import open_workspace

    workspace = open_workspace(Path(root))
    print("ready", flush=True)
    sys.stdin.readline()
    for person in random.Random(seed).sample(range(1, int(people) + 1), int(leaving)):
        with workspace.database.write() as session:
            unsubscribe(session, customer_id=person, list_id=None, at=utc_now(), how="page", evidence="a test")
    workspace.database.close()


def leave_during_a_send(folder: Path, people: int, leaving: int) -> tuple[int, int]:
    """How many were stopped in time, and how many had their mail before they left."""
    with start_sink(folder / "sink.log", "--dot-delay", "0.005") as sink:
        crowd = gather(folder / "acme", sink.port, people)
        assert crowd.run("send", "news")[0] == 3, "planned, and nobody said yes"
        command = [sys.executable, "-m", "tests.servers.given", DOOR, str(crowd.root), str(people), str(leaving), "5"]
        with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as door:
            assert door.stdout is not None and door.stdout.readline() == "ready\n"
            with crowd.start("send", "news", "--yes") as sender:
                while not sink.taken() and sender.poll() is None:
                    time.sleep(0.002)
                door.communicate("go\n", timeout=900)
                assert door.returncode == 0
                said = sender.communicate(timeout=900)[0].decode()
        assert sender.returncode == 0, said
        workspace = crowd.open()
        withdrawn = select(col(Consent.customer_id), col(Consent.at)).where(col(Consent.act) == ConsentAct.WITHDRAWN)
        with workspace.database.read() as session:
            left = dict(map(tuple, session.execute(withdrawn)))
            rows = session.execute(
                select(col(Delivery.customer_id), col(Delivery.public_id), col(Delivery.state), col(Delivery.intent_at))
            ).all()
        log = [str(one["message_id"]) for one in sink.taken()]
        taken = set(log)
        assert len(log) == len(taken)
        stopped = had = 0
        for customer, public_id, state, intent_at in rows:
            arrived = message_id(public_id, workspace.sender_domain) in taken
            assert arrived == (state is DeliveryState.SENT), (customer, state)
            if customer not in left:
                assert arrived, customer
            elif arrived:
                assert intent_at is not None and intent_at <= left[customer], customer
                had += 1
            else:
                stopped += 1
        assert len(left) == leaving == stopped + had
        assert only_account(workspace).adds_up
        workspace.database.close()
        return stopped, had


def test_a_hundred_people_leave_while_four_hundred_are_written_to(tmp_path: Path) -> None:
    stopped, _ = leave_during_a_send(tmp_path, 400, 100)
    assert stopped


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_ten_thousand_leave_while_twenty_thousand_are_written_to(tmp_path: Path) -> None:
    stopped, had = leave_during_a_send(tmp_path, 20_000, 10_000)
    print(f"{stopped} stopped in time, {had} had their mail before they left, 0 written to afterwards")
    assert stopped > 100 and had > 100
