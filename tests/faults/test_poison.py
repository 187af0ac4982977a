"""A mail that kills its worker each time it is rendered: after three times it is set aside, and the others go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from outreach.records import DeliveryState, FailureClass
from outreach.work.workspace import Workspace

from ..servers import ROOT, start_sink
from ..store.rows import delivery, lay_edition, states_of
from ..work.sending import arrived

DEADLY = """
import os, signal, sys
from pathlib import Path
from outreach.work.send import send_open
from outreach.work.workspace import open_workspace
from outreach.workdays import utc_now
from datetime import timedelta
from tests.work.sending import PlainPress, with_relay

class Deadly(PlainPress):
    def press(self, customer, public_id, choices, now):
        if customer.first_name == "Poison":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().press(customer, public_id, choices, now)

workspace = open_workspace(Path(sys.argv[1]), lambda: utc_now() + timedelta(days=30))
print(send_open(with_relay(workspace, int(sys.argv[2])), press=lambda *_: Deadly()))
"""


def test_a_mail_that_kills_its_worker_three_times_is_set_aside_and_its_neighbours_are_not(
    workspace: Workspace, make_customer: Callable[..., int], tmp_path: Path
) -> None:
    names = ["Ann"] * 10 + ["Poison"] + ["Cid"] * 10
    people = [make_customer(f"p{number}@example.com", first_name=name) for number, name in enumerate(names)]
    edition = lay_edition(workspace, people)
    with start_sink(tmp_path / "sink.log") as sink:
        command = [sys.executable, "-m", "tests.servers.given", DEADLY, str(workspace.root), str(sink.port)]
        ends = [subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode for _ in range(4)]
        assert ends == [-9, -9, -9, 0]
        states = states_of(workspace, edition)
        poisoned = delivery(workspace, 11)
        assert (poisoned.state, poisoned.failure, poisoned.crashes) == (DeliveryState.FAILED, FailureClass.POISON, 3)
        assert states.count(DeliveryState.FAILED) == 1
        assert set(states) <= {DeliveryState.FAILED, DeliveryState.SENT, DeliveryState.IN_DOUBT}
        assert len(arrived(sink)) == len(set(arrived(sink)))
