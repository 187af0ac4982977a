"""Measures us beside what other people send with: nodemailer's pool, and the plain loop in Python.

    python -m tests.benchmarks.bench_peers [--people 20000] [--rounds 3] [--connections 20] [--layout news] [--no-node]

All send the typical issue to the same smtp-sink on loopback, in turns; rates and the medians of their ratios are
printed. We send as `outreach send` does (`send_open`, an intent on disk before each dot); the others only send.
nodemailer, handlebars and juice come from npm into a temporary folder; their CSS is inlined both ways: for each mail,
and once in the template, which handlebars allows and juice's own examples do not do. `--layout` takes a starter layout
in place of the small one of `typical` that handlebars can say too: for us and the loop, without nodemailer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.bench_relay import FEW, lay_again, lay_people, prepare, send
from tests.benchmarks.typical import NAME
from tests.servers.postfix import start_smtp_sink

WAYS = ("each", "once")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Rounds in turns: us, nodemailer in both ways, the loop."""
    with_node = not options.no_node and options.layout == NAME and shutil.which("npm") is not None
    if with_node:
        (folder / "node").mkdir()
        peers.install(folder / "node")
        peers.write_content(folder / "node", options.people)
    rounds: list[dict[str, float]] = []
    with start_smtp_sink("-c") as port:
        os.environ |= {
            "OUTREACH_RELAY__PORT": str(port),
            "OUTREACH_RELAY__CONNECTIONS": str(options.connections),
            "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
            "OUTREACH_PUBLIC__URL": "https://news.acme.example",
            "OUTREACH_SENDING__PER_WEEK": "1000",
        }
        workspace, edition, size = prepare(folder, layout=options.layout)
        starter = None if options.layout == NAME else workspace.root / "templates/layouts" / f"{options.layout}.html.j2"
        lay_people(workspace, FEW + 1, options.people)
        sizes: dict[str, float] = {"outreach": size}
        for number in range(1, options.rounds + 1):
            ours = send(workspace, lay_again(workspace, edition, number, options.people), options.people)
            rates = {"outreach": ours["per_second"], "outreach_cpu_ms": ours["cpu_ms_each"]}
            for way in WAYS if with_node else ():
                told = peers.send_with_nodemailer(folder / "node", port, options.connections, way)
                sizes["nodemailer"] = told["octets"]
                _note(rates, f"nodemailer_juice_{way}", told)
            told = peers.send_in_a_loop(port, options.loop, starter)
            sizes["loop"] = told["octets"]
            _note(rates, "loop", told)
            rounds.append(rates)
            print(rates, file=sys.stderr, flush=True)
        workspace.database.close()
    figures = {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}
    shared = {"people": options.people, "connections": options.connections, "layout": options.layout}
    return shared | {"octets": sizes} | figures


def _note(rates: dict[str, float], name: str, told: dict[str, float]) -> None:
    rate = told["sent"] / told["seconds"]
    rates[name] = round(rate, 1)
    rates[f"{name}_cpu_ms"] = round(told["cpu"] / told["sent"] * 1000, 3)
    rates[f"times_{name}"] = round(rates["outreach"] / rate, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--loop", type=int, default=200, help="so many mails by the plain loop")
    parser.add_argument("--layout", default=NAME, help="a starter layout, such as news")
    parser.add_argument("--no-node", action="store_true", help="without nodemailer, which npm fetches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        print(json.dumps(measure(Path(folder), options), indent=2))


if __name__ == "__main__":
    main()
