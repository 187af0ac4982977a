"""Measures `customers import` on this machine, beside what `sqlite3 .import` takes for the same file in the same run.

    python -m tests.benchmarks.bench_import [ROWS] [ROUNDS]

The yardstick reads the raw file into one table without an index and looks at nothing; ours validates each row and
writes customers, subscriptions and proofs with their indexes. "ready rows" is the floor under ours: SQLite alone copies
what was imported into an empty workspace, with the same durable transactions. Each in a process of its own, in turn;
trust the ratio.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = ["E-Mail", "Vorname", "Nachname", "Land", "Sprache", "Zeitzone", "plan", "seats", "since", "Notiz"]
STEPS = {"dry run": "--dry-run", "import": "", "again": ""}


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


def measured(command: list[str], **how: object) -> tuple[float, float, float, str]:
    """Seconds, seconds of a core, peak memory in MB, and what it printed."""
    read, write = os.pipe()
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=write, **how)  # type: ignore[call-overload]
    os.close(write)
    with os.fdopen(read) as output:
        said = output.read()
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, said
    process.returncode = 0
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said


def yardstick(people: Path, folder: Path) -> tuple[float, float]:
    """Seconds, and seconds of a core, of `sqlite3 .import` for the raw file."""
    raw = folder / "raw.db"
    raw.unlink(missing_ok=True)
    took, busy, _, _ = measured(["sqlite3", str(raw), ".mode csv", ".separator ;", f".import {people} people"])
    return took, busy


COPY = """
import sqlite3, sys
new = sqlite3.connect(sys.argv[2], isolation_level=None)
for name, value in dict(synchronous="FULL", foreign_keys="ON", cache_size=-32000, wal_autocheckpoint=8000).items():
    new.execute(f"PRAGMA {name}={value}")
new.execute("PRAGMA secure_delete=ON")
new.execute("ATTACH ? AS old", (sys.argv[1],))
names = {table: ", ".join(f'"{row[1]}"' for row in new.execute(f"PRAGMA table_info({table})"))
         for table in ("customer", "subscription", "consent")}
new.execute("INSERT OR IGNORE INTO mailing_list SELECT * FROM old.mailing_list")
last = new.execute("SELECT max(id) FROM old.customer").fetchone()[0]
for first in range(1, last + 1, 8000):
    new.execute("BEGIN IMMEDIATE")
    for table, columns in names.items():
        new.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table} WHERE id BETWEEN ? AND ?",
                    (first, first + 7999))
    new.execute("COMMIT")
"""


def copied(acme: Path, folder: Path, outreach: list[str]) -> tuple[float, float]:
    """Seconds, and seconds of a core, in which SQLite alone writes the same rows."""
    empty = folder / f"{acme.name}-copy"
    subprocess.run([*outreach, "init", str(empty)], check=True, stdout=subprocess.DEVNULL)
    python = [sys.executable, "-c", COPY, str(acme / "outreach.db"), str(empty / "outreach.db")]
    took, busy, _, _ = measured(python)
    return took, busy


def main() -> None:
    """Measure."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    assert shutil.which("sqlite3"), "the yardstick is Debian's sqlite3"
    outreach = [sys.executable, "-m", "outreach"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        people = root / "people.csv"
        write_people(people, rows)
        print(f"{rows:,} rows, {people.stat().st_size / 1e6:.1f} MB", flush=True)
        best: dict[str, float] = {}
        for number in range(rounds):
            plain, plain_busy = yardstick(people, root)
            print(f"sqlite3 .import {plain:7.2f} s ({plain_busy:.2f} s of a core)", flush=True)
            acme = root / f"acme{number}"
            subprocess.run([*outreach, "init", str(acme)], check=True, stdout=subprocess.DEVNULL)
            for name, option in STEPS.items():
                command = [*outreach, "customers", "import", str(people), "--list", "customers", "--json"]
                took, busy, peak, said = measured([*command, *option.split()], cwd=acme)
                counts = {each: json.loads(said)[each] for each in ("created", "unchanged", "invalid", "duplicate")}
                ratio = took / plain
                best[name] = min(best.get(name, ratio), ratio)
                if name == "import":
                    bare, bare_busy = copied(acme, root, outreach)
                    print(
                        f"ready rows      {bare:7.2f} s ({bare_busy:.2f} s of a core)  {bare / plain:5.1f} × .import"
                        f" ({bare_busy / plain_busy:.1f} × by cores)",
                        flush=True,
                    )
                print(
                    f"{name:15} {took:7.2f} s ({busy:.2f} s of a core)  {rows / took:8,.0f} rows/s  peak {peak:.0f} MB"
                    f"  {ratio:5.1f} × .import ({busy / plain_busy:.1f} × by cores)  {counts}",
                    flush=True,
                )
        for name, ratio in best.items():
            print(f"{name}: {ratio:.1f} × sqlite3 .import at best of {rounds}")
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"(this benchmark itself: {own:.0f} MB)")


if __name__ == "__main__":
    main()
