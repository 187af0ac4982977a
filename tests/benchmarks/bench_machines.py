"""How fast one machine sends on SQLite, one on PostgreSQL, and two on one PostgreSQL, in turns. Trust the ratios.

    python -m tests.benchmarks.bench_machines 2000 --rounds 3

Both databases lie on one disk and flush every commit. The rate is read off the mail server's own log, from its first
mail to its last, so that starting and planning do not count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ..faults.crowd import gather
from ..faults.test_together import a_minute_ago
from ..servers import start_sink
from ..servers.postgres import Cluster, shared_cluster


def rate(folder: Path, people: int, machines: int, database: str) -> float:
    """Mails a second when so many machines send one edition together."""
    with start_sink(folder / "sink.log") as sink:
        first = gather(folder / "m0", sink.port, people, schedule=a_minute_ago(), database=database)
        crowds = [first]
        for number in range(1, machines):
            shutil.copytree(first.root, folder / f"m{number}")
            crowds.append(replace(first, root=folder / f"m{number}"))
        running = [crowd.start("run") for crowd in crowds]
        while sink.count() < people:
            assert all(process.poll() is None for process in running)
            time.sleep(0.05)
        for process in running:
            process.terminate()
            process.communicate(timeout=60)
        times = sorted(float(str(one["at"])) for one in sink.taken())
    return (len(times) - 1) / (times[-1] - times[0])


def measure(folder: Path, cluster: Cluster, people: int, rounds: int) -> dict[str, float]:
    """The median rate of each way; the ways take turns, so that a busy minute hits all of them."""
    found: dict[str, list[float]] = {"sqlite": [], "postgresql": [], "postgresql, two machines": []}
    for number in range(rounds):
        for way, rates in found.items():
            place = folder / f"{way[:10]}-{len(rates)}-{way[-8:]}"
            place.mkdir()
            name = f"bench_{number}_{len(way)}"
            url = "" if way == "sqlite" else cluster.create(name)
            rates.append(rate(place, people, 2 if "two" in way else 1, url))
            if url:
                cluster.drop(name)
            shutil.rmtree(place)
    return {way: round(statistics.median(rates), 1) for way, rates in found.items()}


def main() -> None:
    """Print the rates as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, shared_cluster(Path(name), durable=True) as cluster:
        print(json.dumps(measure(Path(name), cluster, given.people, given.rounds), indent=2))


if __name__ == "__main__":
    main()
