"""How fast one process sends on SQLite, one on PostgreSQL, and two on one PostgreSQL, in turns. Trust the ratios.

    python -m tests.benchmarks.bench_machines [10000] [--rounds 5] [--delay 0.02] [--ways sqlite,one,two]

Each is `send_open` as `outreach send` runs it, with its carriers, from a common start to the last of them; opening and
planning do not count. Both databases lie on one disk and flush every commit. Without `--delay` the mail server is
Postfix's smtp-sink, which answers at once; with it one that takes so many seconds for each mail, as real ones do.
What each mail costs is told as microseconds of CPU: of our processes, of the database's server, with the octets of its
log, and of the mail server. Of two cores more than 2,000,000 a second are not to be had: where one process uses them
up, two cannot be faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from outreach.work.workspace import Workspace
from tests.benchmarks.bench_relay import FEW, lay_again, lay_people, prepare
from tests.servers import start_sink
from tests.servers.postfix import start_smtp_sink
from tests.servers.postgres import Cluster, shared_cluster

SEND = """
import json, os, sys, time
from pathlib import Path
from outreach.work.send import send_open
from outreach.work.workspace import open_workspace

workspace = open_workspace(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
started, before = time.time(), os.times()
counts = send_open(workspace, edition_ids=[int(sys.argv[2])])
print(json.dumps([counts.sent, started, time.time(), sum(os.times()[:4]) - sum(before[:4])]))
"""
WAYS = {"sqlite": 1, "one": 1, "two": 2}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Way:
    """A database with people and an edition, and as many workspaces on it as there are processes."""

    workspace: Workspace
    edition: int
    roots: list[Path]
    database: str
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    sink: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)


@contextmanager
def reach(url: str) -> Iterator[None]:
    """Let what is opened and started in the block use this database; "" is a file."""
    os.environ["OUTREACH_DATABASE"] = url
    if not url:
        del os.environ["OUTREACH_DATABASE"]
    try:
        yield
    finally:
        os.environ.pop("OUTREACH_DATABASE", None)


def lay(folder: Path, name: str, people: int, cluster: Cluster) -> Way:
    """One way, ready for its first round."""
    folder.mkdir()
    database = "" if name == "sqlite" else cluster.create(f"bench_{name}")
    with reach(database):
        workspace, edition, _ = prepare(folder)
        lay_people(workspace, FEW + 1, people)
    roots = [workspace.root]
    for number in range(1, WAYS[name]):
        roots.append(folder / f"machine-{number}")
        shutil.copytree(workspace.root, roots[-1])
    return Way(workspace, edition, roots, database)


def run(way: Way, number: int, people: int, cluster: Cluster) -> None:
    """One round: another edition of so many mails, sent by all processes of this way together."""
    again = lay_again(way.workspace, way.edition, number, people)
    with reach(way.database):
        command = [sys.executable, "-c", SEND]
        running = [
            subprocess.Popen([*command, root, str(again)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for root in way.roots
        ]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    cpu, wal = spent(cluster)
    sink = worked(children(os.getpid()) - {process.pid for process in running})
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in running]
    way.sink.append((worked(children(os.getpid())) - sink) / people * 1e6)
    if sum(sent for sent, *_ in told) != people:
        raise SystemExit(f"{told} of {people} were sent")
    seconds = max(ended for _, _, ended, _ in told) - min(started for _, started, *_ in told)
    way.rates.append(people / seconds)
    way.ours.append(sum(cost for *_, cost in told) / people * 1e6)
    if way.database:
        after = spent(cluster)
        way.cpu.append((after[0] - cpu) / people * 1e6)
        way.wal.append((after[1] - wal) / people)


def children(parent: int) -> set[int]:
    """The processes that this one has started, and that have not been waited for."""
    return {int(pid) for task in Path(f"/proc/{parent}/task").glob("*/children") for pid in task.read_text().split()}


def worked(processes: Iterable[int]) -> float:
    """The seconds of CPU of these so far, with those of their children that have ended."""
    ticks = 0
    for process in processes:
        with suppress(OSError):  # it has ended meanwhile, and counts with its parent
            ticks += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / TICKS


def spent(cluster: Cluster) -> tuple[float, int]:
    """The seconds of CPU of the database's server so far, with those of its children that have ended; its log's end."""
    server = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    seconds = worked({server} | children(server))
    with cluster.connect() as connection:
        end = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()[0]
    return seconds, int(end)


def measure(folder: Path, cluster: Cluster, port: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The medians of each way; the ways take turns, so that a busy minute hits all of them."""
    os.environ |= {
        "OUTREACH_RELAY__PORT": str(port),
        "OUTREACH_RELAY__CONNECTIONS": str(options.connections),
        "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
        "OUTREACH_SENDING__PER_WEEK": "1000",
    }
    ways = {name: lay(folder / name, name, options.people, cluster) for name in options.ways.split(",")}
    for number in range(1, options.rounds + 1):
        for way in ways.values():
            run(way, number, options.people, cluster)
        print({name: round(way.rates[-1]) for name, way in ways.items()}, file=sys.stderr, flush=True)
    found: dict[str, dict[str, float]] = {}
    first = next(iter(ways.values()))
    for name, way in ways.items():
        shares = [mine / theirs for mine, theirs in zip(way.rates, first.rates, strict=True)]
        found[name] = {"per_second": round(statistics.median(way.rates), 1), "of_first": statistics.median(shares)}
        found[name] |= {"our_us_each": statistics.median(way.ours), "sink_us_each": statistics.median(way.sink)}
        if way.database:
            found[name] |= {"server_us_each": statistics.median(way.cpu), "wal_octets_each": statistics.median(way.wal)}
        way.workspace.database.close()
    return {name: {key: round(value, 3) for key, value in those.items()} for name, those in found.items()}


def main() -> None:
    """Print the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=20, help="of each process")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that the mail server takes for each mail")
    parser.add_argument("--ways", default=",".join(WAYS), help="the first is what the others are told as a share of")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, shared_cluster(Path(name), durable=True) as cluster:
        if given.delay:
            with start_sink(Path(name) / "sink.log", "--dot-delay", str(given.delay)) as sink:
                print(json.dumps(measure(Path(name), cluster, sink.port, given), indent=2))
        else:
            with start_smtp_sink("-c") as port:
                print(json.dumps(measure(Path(name), cluster, port, given), indent=2))


if __name__ == "__main__":
    main()
