"""A workspace with a crowd in it, and a campaign for them: what the fault tests begin with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlmodel import col

from outreach.address import address_key, message_id, new_public_id
from outreach.records import Customer, Delivery, DeliveryState, MailingList, Subscription, SubscriptionState
from outreach.store.accounts import EditionAccount, account
from outreach.store.database import check_integrity, rows_in_chunks
from outreach.store.editions import find_campaign
from outreach.work.compose import apply_campaign
from outreach.work.create import create_workspace
from outreach.work.schedules import settle_schedules
from outreach.work.workspace import Workspace, open_workspace
from outreach.workdays import utc_now

from ..made import make_workspace
from ..servers.program import Program

CAMPAIGN = """\
---
name: news
subject: Something new, {{ first_name or "there" }}
preheader: A few lines only
template: news
list: customers
kind: news
---
Hello {{ first_name or "there" }},

this is news about **your** plan.
"""
CONNECTIONS = 8


@dataclass(frozen=True)
class Crowd:
    """A workspace in `root` whose relay is on `port`, with people to write to."""

    root: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)

    def open(self) -> Workspace:
        return open_workspace(self.root)

    def environ(self) -> dict[str, str]:
        return os.environ | {
            "OUTREACH_RELAY__PORT": str(self.port),
            "OUTREACH_RELAY__CONNECTIONS": str(CONNECTIONS),
            "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
            "NO_COLOR": "1",
            **self.settings,
        }

    def start(self, *words: str, before: Sequence[str] = (), **how: Any) -> subprocess.Popen[bytes]:
        """Run `outreach words…` in this workspace; `before` stands before it, `how` are more arguments of Popen."""
        command = ["-w", str(self.root), *words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        if before:
            whole = [*before, sys.executable, "-m", "outreach", *command]
            return subprocess.Popen(whole, env=self.environ(), **{**streams, **how})
        return Program(command, env=self.environ(), **{**streams, **how})

    def run(self, *words: str) -> tuple[int, str]:
        """The exit status and output of `outreach words…`."""
        with self.start(*words) as process:
            out, _ = process.communicate(timeout=300)
            return process.returncode, out.decode()


def gather(root: Path, port: int, people: int, *, schedule: str = "", database: str = "", **settings: str) -> Crowd:
    """Make the workspace, add the people and apply the campaign. `settings` are OUTREACH_… variables, `database` a URL
    where it is not to be SQLite."""
    if database:
        create_workspace(root, "acme", port=port, database=database)
    else:
        make_workspace(root, port=port)
    crowd = Crowd(root, port, settings)
    workspace = open_workspace(root, lambda: utc_now() - timedelta(minutes=5))
    add_people(workspace, people)
    file = root / "news.md"
    file.write_text(CAMPAIGN.replace("kind: news\n", f"kind: news\n{schedule}"), encoding="utf-8")
    apply_campaign(workspace, file)
    settle_schedules(workspace)
    workspace.database.close()
    return crowd


def add_people(workspace: Workspace, count: int, *, domain: str = "example.com", first: int = 1) -> None:
    """`count` subscribers of the list customers, added in bulk, with ids from `first` on."""
    now = workspace.clock()
    with workspace.database.read() as session:
        list_id = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == "customers")).scalar()
    for numbers in rows_in_chunks(list(range(first, first + count)), 2000):
        addresses = {number: f"p{number}@{domain}" for number in numbers}
        people = [
            {
                "id": number,
                "public_id": new_public_id(),
                "address": address,
                "address_key": address_key(workspace.keys, address),
                "first_name": f"P{number}",
                "attributes": {},
                "version": 1,
                "created_at": now,
                "updated_at": now,
            }
            for number, address in addresses.items()
        ]
        ties = [
            {"list_id": list_id, "customer_id": number, "state": SubscriptionState.SUBSCRIBED, "changed_at": now}
            for number in numbers
        ]
        with workspace.database.write() as session:
            session.connection().execute(insert(Customer), people)
            session.connection().execute(insert(Subscription), ties)


def states_by_message(workspace: Workspace) -> dict[str, DeliveryState]:
    """The state of every delivery by its Message-ID."""
    with workspace.database.read() as session:
        rows = session.execute(select(col(Delivery.public_id), col(Delivery.state))).all()
    return {message_id(row.public_id, workspace.sender_domain): row.state for row in rows}


def count_in(workspace: Workspace, *states: DeliveryState) -> int:
    """How many deliveries are in these states now: by one look, since a row goes from one to the other meanwhile."""
    with workspace.database.read() as session:
        counted = select(func.count()).select_from(Delivery).where(col(Delivery.state).in_(states))
        return int(session.execute(counted).scalar_one())


def only_account(workspace: Workspace) -> EditionAccount:
    """The account of the one edition there is."""
    with workspace.database.read() as session:
        campaign = find_campaign(session, "news")
        assert campaign is not None and campaign.id is not None
        accounts = account(session, campaign.id)
    assert len(accounts) == 1
    return accounts[0]


def assert_nobody_lost_nobody_twice(workspace: Workspace, taken: list[str], planned: int) -> None:
    """Compare the relay's own log (Message-IDs, in order) with the outbox."""
    assert len(taken) == len(set(taken)), "somebody was written to twice"
    states = states_by_message(workspace)
    assert len(states) == planned
    sent = {message for message, state in states.items() if state is DeliveryState.SENT}
    doubtful = {message for message, state in states.items() if state is DeliveryState.IN_DOUBT}
    lost = {message: str(state) for message, state in states.items() if message not in sent | doubtful}
    assert not lost, f"somebody was lost: {lost}"
    assert sent <= set(taken), "a mail counts as sent that the relay never took"
    assert set(taken) <= sent | doubtful, "a mail was taken that does not count as sent or in doubt"
    one = only_account(workspace)
    assert one.adds_up
    assert one.planned == planned
    with workspace.database.read() as session:
        assert check_integrity(session) == []


def carriers_of(pid: int) -> list[int]:
    """The processes that carry mail for this one."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in found for child in path.read_text().split()]
    return [child for child in children if b"outreach.work.carrier" in Path(f"/proc/{child}/cmdline").read_bytes()]
