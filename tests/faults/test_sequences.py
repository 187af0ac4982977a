"""kill -9 in the middle of a sequence's round, again and again: everybody is moved on once, with just one mail each."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import col, func, select

from outreach.address import address_key, new_public_id
from outreach.records import Customer, Delivery, Edition, Enrolment, Subscription, SubscriptionState
from outreach.store.accounts import account
from outreach.store.customers import list_id_of
from outreach.work.sequence_plan import apply_sequence, approve_sequence
from outreach.work.workspace import Workspace, open_workspace

from ..made import make_workspace

PEOPLE = 1_200
FILE = """---
name: welcome
list: customers
begins: date joined
starting: 2020-01-01
---

---
step: hello
when: at once
subject: Welcome
---
Hello!
"""
ROUND = """
import sys
from pathlib import Path
from outreach.work.sequences import follow_sequences
from outreach.work.workspace import open_workspace
workspace = open_workspace(Path(sys.argv[1]))
print("ready", flush=True)
follow_sequences(workspace)
"""


def people(workspace: Workspace) -> None:
    now = datetime.now(UTC)
    with workspace.database.write() as session:
        list_id = list_id_of(session, "customers")
        shared = {"attributes": {"joined": f"{now:%Y-%m-%d}"}, "version": 1, "created_at": now, "updated_at": now}
        addresses = [f"p{number}@example.com" for number in range(PEOPLE)]
        rows = [
            shared | {"public_id": new_public_id(), "address": one, "address_key": address_key(workspace.keys, one)}
            for one in addresses
        ]
        session.connection().execute(insert(Customer), rows)
        tie = {"list_id": list_id, "state": SubscriptionState.SUBSCRIBED, "changed_at": now}
        ids = session.exec(select(col(Customer.id))).all()
        session.connection().execute(insert(Subscription), [tie | {"customer_id": one} for one in ids])


def run(root: Path, kill_after: float | None) -> int:
    """One round in a process of its own, killed so long after it began; its exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.given", ROUND, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    status = process.wait(timeout=120)
    process.stdout.close()
    return status


def test_whoever_kills_a_round_repeats_nothing_and_loses_nobody(tmp_path: Path) -> None:
    root = tmp_path / "acme"
    make_workspace(root)
    workspace = open_workspace(root)
    people(workspace)
    path = root / "welcome.md"
    path.write_text(FILE, encoding="utf-8")
    apply_sequence(workspace, path)
    approve_sequence(workspace, "welcome", "maria")
    dice, killed = random.Random(7), 0
    for _ in range(2):
        killed += run(root, dice.uniform(0.05, 0.5)) == -signal.SIGKILL
        with workspace.database.read() as session:
            mails = session.exec(select(func.count()).select_from(Delivery)).one()
            moved = [one for one in session.exec(select(Enrolment)) if one.done]
            assert mails == len(moved)
            for edition in session.exec(select(Edition)):
                assert all(one.adds_up for one in account(session, edition.campaign_id))
    assert killed
    assert run(root, None) == 0
    with workspace.database.read() as session:
        per_person = select(func.count(col(Delivery.id))).group_by(col(Delivery.address_key))
        assert session.exec(select(func.count()).select_from(Delivery)).one() == PEOPLE
        assert set(session.exec(per_person)) == {1}
        [edition] = session.exec(select(Edition)).all()
        assert edition.planned == PEOPLE
        [told] = account(session, edition.campaign_id)
        assert told.adds_up
    workspace.database.close()
