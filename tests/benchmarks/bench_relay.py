"""Measures how near sending comes to Postfix's own generator: `smtp-source -d` with messages of the same size.

    python -m tests.benchmarks.bench_relay [--people 40000] [--rounds 7] [--connections 20] [--processes 0]
        [--dkim ed25519|rsa] [--database postgresql://…]

Rounds alternate between us and the yardstick, to the same smtp-sink on loopback; the median of the ratios is printed.
What is measured is `send_open`, from the claim to the last commit: personalised mails of a real edition, an intent on
disk before each dot (synchronous=FULL). Planning and the trial before it are not counted. Memory is the sum over our
processes, sampled; the quarter of a second in which they begin is counted, so it takes many mails to weigh little.
With `--dkim` each round sends once unsigned and once signed, and tells the one as a share of the other; what is
compared with the yardstick is signed then. People and their deliveries are laid in bulk, so that a million is a matter
of a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import col

from outreach.address import address_key, new_public_id
from outreach.records import (
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    MailingList,
    Subscription,
    SubscriptionState,
)
from outreach.store.database import rows_in_chunks
from outreach.store.outbox import insert_deliveries
from outreach.wire.dkim_keys import make_key
from outreach.work.create import create_workspace
from outreach.work.letter import open_press
from outreach.work.publish import open_occasion
from outreach.work.signing import open_sign
from outreach.work.workspace import Workspace, open_workspace
from tests.benchmarks.typical import NAME, apply_typical, reader
from tests.servers.postfix import run_smtp_source, start_smtp_sink

SEND = """
import json, resource, sys, time
from pathlib import Path
from outreach.work.send import send_open
from outreach.work.workspace import open_workspace

workspace = open_workspace(Path(sys.argv[1]))
started, worked = time.perf_counter(), time.process_time()
counts = send_open(workspace, edition_ids=[int(sys.argv[2])])
seconds = time.perf_counter() - started
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "sent": counts.sent, "seconds": seconds, "desk_cpu": time.process_time() - worked,
    "carriers_cpu": children.ru_utime + children.ru_stime,
}))
"""
SELECTORS = "OUTREACH_DKIM__SELECTORS"
LIST = "customers"
CHUNK = 5000
FEW = 20
"""The edition is made for so many, so that its trial takes no time; its copies go to all."""


@dataclass
class Memory:
    """The most that a process and its children held, in MB: as the sum of PSS, and of RSS."""

    pss: float = 0.0
    rss: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Sample until `ended`."""
        while not self.ended.wait(0.5):
            sums = [_memory_of(each) for each in _family(pid)]
            self.pss = max(self.pss, sum(pss for pss, _ in sums))
            self.rss = max(self.rss, sum(rss for _, rss in sums))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _memory_of(pid: int) -> tuple[float, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return sizes["Pss"] / 1024, sizes["Rss"] / 1024


def lay_people(workspace: Workspace, first: int, last: int) -> None:
    """Subscribers with these numbers, in bulk."""
    now = workspace.clock()
    with workspace.database.read() as session:
        list_id = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == LIST)).scalar_one()
    for start in range(first, last + 1, CHUNK):
        numbers = range(start, min(start + CHUNK, last + 1))
        people = [
            reader(number)
            | {
                "id": number,
                "public_id": new_public_id(),
                "address_key": address_key(workspace.keys, reader(number)["address"]),
                "version": 1,
                "created_at": now,
                "updated_at": now,
            }
            for number in numbers
        ]
        ties = [
            {"list_id": list_id, "customer_id": number, "state": SubscriptionState.SUBSCRIBED, "changed_at": now}
            for number in numbers
        ]
        with workspace.database.write() as session:
            session.connection().execute(insert(Customer), people)
            session.connection().execute(insert(Subscription), ties)


def lay_again(workspace: Workspace, edition_id: int, number: int, people: int) -> int:
    """Another edition like this one, with a delivery for each person, as planning leaves it."""
    now = workspace.clock()
    with workspace.database.write() as session:
        old = session.get_one(Edition, edition_id)
        values = {name: getattr(old, name) for name in Edition.model_fields if name != "id"}
        occasion = f"once-{number:04d}"
        values |= {"number": old.number + number, "occasion": occasion, "state": EditionState.OPEN, "finished_at": None}
        values["public_id"] = new_public_id()
        made = Edition(**(values | {"due_at": now, "expires_at": now + timedelta(days=5)}))
        session.add(made)
        session.flush()
        assert made.id is not None
        shared = {
            "edition_id": made.id,
            "campaign_id": old.campaign_id,
            "occasion": occasion,
            "kind": old.kind,
            "due_at": now,
            "expires_at": now + timedelta(days=5),
        }
        new = made.id
    for start in range(0, people, CHUNK):
        with workspace.database.write() as session:
            keys = session.execute(
                select(col(Customer.id), col(Customer.address_key))
                .where(col(Customer.id) > start, col(Customer.id) <= start + CHUNK)
                .order_by(col(Customer.id))
            ).all()
            for part in rows_in_chunks(list(keys), 1000):
                rows = [
                    shared | {"public_id": new_public_id(), "customer_id": one, "address_key": key} for one, key in part
                ]
                insert_deliveries(session, rows)
    return new


def prepare(folder: Path, dkim: str = "", layout: str = NAME) -> tuple[Workspace, int, int]:
    """A workspace, an edition for a few, and the size of one of its mails; it signs by the way `dkim`, if any."""
    create_workspace(folder / "acme", "acme")
    if dkim:
        make_key(folder / "acme", dkim, dkim)
        os.environ[SELECTORS] = dkim
    workspace = open_workspace(folder / "acme")
    lay_people(workspace, 1, FEW)
    apply_typical(workspace, layout)
    edition = open_occasion(workspace, NAME)
    with workspace.database.read() as session:
        person = session.get_one(Customer, 1)
        press = open_press(session, workspace, edition, sign=open_sign(workspace))
        size = len(press.press(person, new_public_id(), {}, workspace.clock()).message)
    return workspace, edition, size


def send(workspace: Workspace, edition: int, people: int) -> dict[str, float]:
    """One run of `send_open` in a process of its own."""
    child = subprocess.Popen(
        [sys.executable, "-c", SEND, str(workspace.root), str(edition)], stdout=subprocess.PIPE, text=True
    )
    memory = Memory()
    watcher = threading.Thread(target=memory.watch, args=(child.pid,))
    watcher.start()
    out, _ = child.communicate()
    memory.ended.set()
    watcher.join()
    figures: dict[str, float] = json.loads(out)
    if figures["sent"] != people:
        raise SystemExit(f"{figures['sent']} of {people} were sent")
    cpu = (figures["desk_cpu"] + figures["carriers_cpu"]) / people * 1000
    return {
        "per_second": round(people / figures["seconds"], 1),
        "cpu_ms_each": round(cpu, 3),
        "desk_ms_each": round(figures["desk_cpu"] / people * 1000, 3),
        "peak_pss_mb": round(memory.pss, 1),
        "peak_rss_mb": round(memory.rss, 1),
    }


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    rounds: list[dict[str, Any]] = []
    with start_smtp_sink("-c") as port:
        os.environ |= {
            "OUTREACH_RELAY__PORT": str(port),
            "OUTREACH_RELAY__CONNECTIONS": str(options.connections),
            "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
            "OUTREACH_SENDING__PER_WEEK": "1000",
            "OUTREACH_SENDING__PROCESSES": str(options.processes),
        }
        workspace, edition, size = prepare(folder, options.dkim)
        lay_people(workspace, FEW + 1, options.people)
        for number in range(1, options.rounds + 1):
            unsigned: dict[str, float] = {}
            if options.dkim:
                os.environ[SELECTORS] = ""
                plain = send(workspace, lay_again(workspace, edition, 1000 + number, options.people), options.people)
                os.environ[SELECTORS] = options.dkim
                unsigned = {"unsigned_per_second": plain["per_second"], "unsigned_cpu_ms_each": plain["cpu_ms_each"]}
            again = lay_again(workspace, edition, number, options.people)
            ours = send(workspace, again, options.people) | unsigned
            if unsigned:
                ours["of_unsigned"] = round(ours["per_second"] / unsigned["unsigned_per_second"], 3)
            seconds = run_smtp_source(
                port, messages=min(options.people, 20_000), connections=options.connections, size=size
            )
            theirs = min(options.people, 20_000) / seconds
            rounds.append(ours | {"smtp_source": round(theirs, 1), "ratio": round(ours["per_second"] / theirs, 3)})
            print(rounds[-1], file=sys.stderr, flush=True)
        with workspace.database.read() as session:
            left = session.execute(
                select(col(Delivery.id)).where(
                    col(Delivery.state) != DeliveryState.SENT, col(Delivery.edition_id) != edition
                )
            ).first()
        workspace.database.close()
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    return {
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "people": options.people,
        "octets": size,
        "connections": options.connections,
        "clean": left is None,
    } | figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--dkim", choices=("ed25519", "rsa"), default="", help="sign each mail so")
    parser.add_argument("--database", default="", help="postgresql://… instead of a file; it must be empty")
    options = parser.parse_args()
    if options.database:
        os.environ["OUTREACH_DATABASE"] = options.database
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as folder:
        print(json.dumps(measure(Path(folder), options), indent=2))


if __name__ == "__main__":
    main()
