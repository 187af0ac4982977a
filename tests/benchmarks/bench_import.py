"""Measures `customers import` on this machine, beside what `sqlite3 .import` takes for the same file in the same run.

    python -m tests.benchmarks.bench_import [ROWS] [ROUNDS] [companies] [postgresql]

The yardstick reads the raw file into one table without an index and looks at nothing; ours validates each row and
writes customers, subscriptions and proofs with their indexes. "ready rows" is the floor under ours: SQLite alone copies
what was imported into an empty workspace, with the same durable transactions. Each in processes of its own, in turn;
trust the ratios: by the clock, and by seconds of a core, of whoever took part. With `postgresql` the same into a server
on this machine, whose own work counts by the clock alone, and what its `\\copy` of the raw file takes. With `companies`
each row names one of so many companies that five people are of each, every tenth row has a second number, and every
fiftieth a country that nobody knows.
"""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from tests.servers.postgres import USER, Cluster, shared_cluster

HEAD = ["E-Mail", "Vorname", "Nachname", "Land", "Sprache", "Zeitzone", "plan", "seats", "since", "Notiz"]
MORE = ["Firma", "Telefon"]
STEPS = {"dry run": "--dry-run", "import": "", "again": ""}


def write_people(path: Path, rows: int, *, companies: bool = False) -> None:
    """A file with ten columns (twelve with companies), umlauts, quoted newlines, 1 % bad rows and 1 % duplicates."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([*HEAD, *MORE] if companies else HEAD)
        for n in range(rows):
            address = (
                f"user{n}@example{n % 50}.com"
                if n % 100
                else ("broken" if n % 200 else f"user{n + 1}@example{(n + 1) % 50}.com")
            )
            country, zone = chance.choice([("DE", ""), ("Österreich", ""), ("US", "America/New_York"), ("", "")])
            note = 'said "hello",\ntwice' if n % 20 == 0 else ""
            name = chance.choice(["Jürgen", "Ann", "Zoë"])
            plan, seats = chance.choice(["pro", "free"]), n % 40
            cells = [address, name, f"Nr{n}", country, "de", zone, plan, seats, "2024-05-01", note]
            if companies:
                cells[3] = "Atlantis" if n % 50 == 1 else country
                cells += [f"Company {n % (rows // 5)}", f"030 1{n:07}; 0170 2{n:07}" if n % 10 == 0 else ""]
            writer.writerow(cells)


class Took(NamedTuple):
    """Seconds, seconds of a core, peak memory in MB of all processes together, and what was printed."""

    seconds: float
    busy: float
    peak: float
    said: str = ""

    def told(self, than: Took) -> str:
        """For a person, beside the yardstick."""
        return (
            f"{self.seconds:7.2f} s ({self.busy:6.2f} s of a core)  {self.seconds / than.seconds:5.1f} × .import by the"
            f" clock, {self.busy / than.busy:5.1f} × by cores"
        )


def measured(command: list[str], **how: object) -> Took:
    """What a command takes, with all processes that it starts."""
    read, write = os.pipe()
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=write, **how)  # type: ignore[call-overload]
    os.close(write)
    peak = 0.0
    said: list[str] = []
    with os.fdopen(read) as output:
        listener = threading.Thread(target=lambda: said.append(output.read()))
        listener.start()
        while listener.is_alive():
            peak = max(peak, _memory(process.pid))
            listener.join(0.2)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, said
    process.returncode = 0
    took = time.perf_counter() - begin
    return Took(took, used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss / 1024), said[0])


def _memory(parent: int) -> float:
    """MB of a process and its children, what they share counted once."""
    pids = [parent]
    with suppress(OSError):
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    found = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                found += int(line.split()[1]) if line.startswith("Pss:") else 0
    return found / 1024


def yardstick(people: Path, folder: Path) -> Took:
    """What `sqlite3 .import` takes for the raw file."""
    raw = folder / "raw.db"
    raw.unlink(missing_ok=True)
    return measured(["sqlite3", str(raw), ".mode csv", ".separator ;", f".import {people} people"])


COPY = """
import sqlite3, sys
new = sqlite3.connect(sys.argv[2], isolation_level=None)
for name, value in dict(synchronous="FULL", foreign_keys="ON", cache_size=-32000, wal_autocheckpoint=4000).items():
    new.execute(f"PRAGMA {name}={value}")
new.execute("PRAGMA secure_delete=ON")
new.execute("ATTACH ? AS old", (sys.argv[1],))
new.execute("INSERT OR IGNORE INTO mailing_list SELECT * FROM old.mailing_list")
for tables in (("customer", "subscription", "consent"), ("customer_group",), ("membership", "contact")):
    names = {table: ", ".join(f'"{row[1]}"' for row in new.execute(f"PRAGMA table_info({table})")) for table in tables}
    last = max(new.execute(f"SELECT coalesce(max(id), 0) FROM old.{table}").fetchone()[0] for table in names)
    for first in range(1, last + 1, 8000):
        new.execute("BEGIN IMMEDIATE")
        for table, columns in names.items():
            copy = f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table} WHERE id BETWEEN ? AND ?"
            new.execute(copy, (first, first + 7999))
        new.execute("COMMIT")
"""


def copied(acme: Path, folder: Path, outreach: list[str]) -> Took:
    """What SQLite alone takes to write the same rows."""
    empty = folder / f"{acme.name}-copy"
    subprocess.run([*outreach, "init", str(empty)], check=True, stdout=subprocess.DEVNULL)
    return measured([sys.executable, "-c", COPY, str(acme / "outreach.db"), str(empty / "outreach.db")])


def one_round(people: Path, acme: Path, plain: Took, best: dict[str, tuple[float, float]], url: str = "") -> None:
    """Import a file into a new workspace in every way, and say what each takes."""
    outreach = [sys.executable, "-m", "outreach"]
    where = ["--database", url] if url else []
    subprocess.run([*outreach, "init", str(acme), *where], check=True, stdout=subprocess.DEVNULL)
    for name, option in STEPS.items():
        command = [*outreach, "customers", "import", str(people), "--list", "customers", "--json"]
        took = measured([*command, *option.split()], cwd=acme)
        counts = {each: json.loads(took.said)[each] for each in ("rows", "created", "unchanged", "invalid")}
        if name == "import" and not url:
            print(f"{'ready rows':16}{copied(acme, acme.parent, outreach).told(plain)}", flush=True)
        name = f"{name}{', PostgreSQL' if url else ''}"
        rate = counts["rows"] / took.seconds
        print(f"{name:16}{took.told(plain)}  {rate:8,.0f} rows/s  {took.peak:.0f} MB  {counts}", flush=True)
        clock, cores = best.get(name, (math.inf, math.inf))
        best[name] = min(clock, took.seconds / plain.seconds), min(cores, took.busy / plain.busy)


def server_copy(people: Path, cluster: Cluster) -> Took:
    """What PostgreSQL's own copy of the raw file into one table without an index takes."""
    width = len(HEAD) + (len(MORE) if "companies" in sys.argv else 0)
    columns = ", ".join(f"c{number} text" for number in range(width))
    cluster.run("DROP TABLE IF EXISTS raw", f"CREATE TABLE raw ({columns})")
    copy = f"\\copy raw from '{people}' (format csv, header, delimiter ';')"
    return measured(["psql", "-h", str(cluster.folder), "-U", USER, "-d", "postgres", "-c", copy])


def main() -> None:
    """Measure."""
    given = [one for one in sys.argv[1:] if one.isdigit()]
    rows = int(given[0]) if given else 100_000
    rounds = int(given[1]) if len(given) > 1 else 1
    assert shutil.which("sqlite3"), "the yardstick is Debian's sqlite3"
    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        root = Path(folder)
        root.chmod(0o755)
        people = root / "people.csv"
        write_people(people, rows, companies="companies" in sys.argv)
        print(f"{rows:,} rows, {people.stat().st_size / 1e6:.1f} MB, {os.cpu_count()} cores", flush=True)
        cluster = held.enter_context(shared_cluster(root, durable=True)) if "postgresql" in sys.argv else None
        for number in range(rounds):
            plain = yardstick(people, root)
            print(f"sqlite3 .import {plain.seconds:7.2f} s ({plain.busy:6.2f} s of a core)", flush=True)
            one_round(people, root / f"acme{number}", plain, best)
            if cluster is not None:
                print(f"{'psql copy':16}{server_copy(people, cluster).told(plain)} (its own)", flush=True)
                one_round(people, root / f"server{number}", plain, best, cluster.create(f"acme{number}"))
        for name, (clock, cores) in best.items():
            print(f"{name}: at best of {rounds} {clock:.1f} × sqlite3 .import by the clock, {cores:.1f} × by cores")


if __name__ == "__main__":
    main()
