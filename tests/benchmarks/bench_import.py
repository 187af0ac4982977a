"""Measures `customers import` on this machine, beside a yardstick taken in the same minute.

    python tests/benchmarks/bench_import.py [ROWS]

Yardstick: the same file through csv and sqlite3's executemany into a bare table in one transaction. Trust the ratio.
"""

from __future__ import annotations

import csv
import random
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from outreach.store.database import Database
from outreach.work.create import create_workspace
from outreach.work.intake import import_customers
from outreach.work.workspace import open_workspace

HEAD = ["E-Mail", "Vorname", "Nachname", "Land", "Sprache", "Zeitzone", "plan", "seats", "since", "Notiz"]


def write_people(path: Path, rows: int) -> None:
    """A file with ten columns, umlauts, quoted newlines, 1 % bad rows and 1 % duplicates."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEAD)
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
            writer.writerow([address, name, f"Nr{n}", country, "de", zone, plan, seats, "2024-05-01", note])


def yardstick(path: Path, folder: Path) -> float:
    """Seconds for csv and executemany alone."""
    begin = time.perf_counter()
    database = sqlite3.connect(folder / "yardstick.db")
    database.execute(f"CREATE TABLE people ({', '.join(f'c{n} TEXT' for n in range(len(HEAD)))})")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows)
        database.executemany(f"INSERT INTO people VALUES ({','.join('?' * len(HEAD))})", rows)
    database.commit()
    database.close()
    return time.perf_counter() - begin


class Timed(Database):
    """A database that notes how long its write transactions last."""

    longest = 0.0

    def _transaction(self):  # type: ignore[no-untyped-def]
        begin = time.perf_counter()
        yield from super()._transaction()
        Timed.longest = max(Timed.longest, time.perf_counter() - begin)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        people = root / "people.csv"
        write_people(people, rows)
        plain = yardstick(people, root)
        create_workspace(root / "acme", "acme")
        workspace = open_workspace(root / "acme")
        workspace.database.__class__ = Timed
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{rows:,} rows, {people.stat().st_size / 1e6:.1f} MB; yardstick (csv + executemany): {plain:.2f} s")
        for name, dry in (("dry run", True), ("import", False), ("import again", False)):
            begin, busy = time.perf_counter(), time.process_time()
            result = import_customers(workspace, people, "customers", dry_run=dry)
            took, busy = time.perf_counter() - begin, time.process_time() - busy
            print(
                f"{name:13} {took:6.2f} s ({busy:.2f} s of a core)  {rows / took:7,.0f} rows/s"
                f"  {took / plain:5.1f} × yardstick  {result.counts}"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MB ({before:.0f} MB before); longest transaction {Timed.longest * 1000:.0f} ms")


if __name__ == "__main__":
    main()
