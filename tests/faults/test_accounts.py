"""Every number adds up at every instant: the account is taken again and again while sending is killed and stopped."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from outreach.records import CampaignState, DeliveryState
from outreach.store.accounts import EditionAccount
from outreach.store.campaigns import change_campaign_state
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.workspace import Workspace, open_workspace

from ..servers.fault import CLOSE, FaultServer
from ..work.sending import with_relay
from .crowd import Crowd, gather, only_account

PEOPLE = 150
BUSY = b"450 4.2.1 Try later\r\n"
OK = b"250 2.1.5 Ok\r\n"
SCRIPT = {
    "RCPT": [*([OK] * 20), BUSY, *([OK] * 30), b"550 5.1.1 No such user\r\n"] * 8 + [OK],
    "DOT": ([b"250 2.0.0 Ok: taken\r\n"] * 40 + [CLOSE] + [b"451 4.2.0 Later\r\n"]) * 10 + [b"250 2.0.0 Ok: taken\r\n"],
}


class Auditor(threading.Thread):
    """Takes the account from a connection of its own until it is told to stop."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(daemon=True)
        self.workspace = open_workspace(workspace.root)
        self.over = threading.Event()
        self.wrong: list[EditionAccount] = []
        self.seen: Counter[str] = Counter()
        self.looks = 0

    def run(self) -> None:
        while not self.over.is_set():
            time.sleep(0.01)
            one = only_account(self.workspace)
            self.looks += 1
            self.seen.update(str(state) for state, count in one.counts.items() if count)
            if not one.adds_up or one.total != PEOPLE:
                self.wrong.append(one)

    def stop(self) -> None:
        self.over.set()
        self.join(30)
        self.workspace.database.close()


def killed_at(crowd: Crowd, server: FaultServer, dots: int) -> None:
    """Send in a process of its own, and kill it when the server has seen so many dots."""
    with crowd.start("send", "news", "--yes") as sender:
        wait_for(lambda: server.dots >= dots or sender.poll() is not None)
        sender.kill()
        sender.communicate(timeout=60)


def stopped_at(workspace: Workspace, server: FaultServer, dots: int) -> None:
    """Send here, and ask it to stop when the server has seen so many dots."""
    stop = threading.Event()
    asker = threading.Thread(target=lambda: (wait_for(lambda: server.dots >= dots), stop.set()), daemon=True)
    asker.start()
    send_open(workspace, stop=stop)
    asker.join(60)


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened() and time.monotonic() < until:
        time.sleep(0.002)


def pause_and_resume(workspace: Workspace) -> None:
    for state in (CampaignState.PAUSED, CampaignState.ACTIVE):
        with workspace.database.write() as session:
            change_campaign_state(session, "news", state, workspace.clock())


@pytest.mark.faults
def test_at_every_instant_planned_is_the_sum_of_all_states(tmp_path: Path) -> None:
    with FaultServer(SCRIPT) as server:
        crowd = gather(tmp_path / "acme", server.port, PEOPLE)
        workspace = crowd.open()
        open_occasion(workspace, "news")
        auditor = Auditor(workspace)
        auditor.start()
        killed_at(crowd, server, 25)
        pause_and_resume(workspace)
        here = with_relay(workspace, server.port)
        stopped_at(here, server, 60)
        send_open(here)
        auditor.stop()
    assert auditor.wrong == []
    assert auditor.looks >= 20
    assert {"queued", "claimed", "sent", "deferred"} <= set(auditor.seen)
    one = only_account(workspace)
    assert one.adds_up
    assert one.counts[DeliveryState.CLAIMED] == one.counts[DeliveryState.INFLIGHT] == 0
    workspace.database.close()
