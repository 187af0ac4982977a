"""Bounces read: `python -m tests.benchmarks.bench_bounces [--from DIR LABELS.json] [--wrong]`.

Prints, for bounces looked at while building and for unseen ones, how often the recipient is found by the mail alone and
with our ledger, and how often what is held to be a bad address is one by the label. `--from` measures another folder:
LABELS is {"file name": {"recipients": [...], "hard": true}}. `--wrong` shows what was missed, of seen samples only.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..replies.bounce_cases import Sample, figures, flufl_samples, read_all, sisimai_samples


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="other", nargs=2, metavar=("DIR", "LABELS"), help="another folder of bounces")
    parser.add_argument("--wrong", action="store_true", help="show what was missed of the samples seen while building")
    wanted = parser.parse_args()
    measure("flufl.bounce, seen while building", flufl_samples(), show=wanted.wrong)
    measure("Sisimai, the unseen half", sisimai_samples())
    if wanted.other:
        measure(wanted.other[0], folder(Path(wanted.other[0]), Path(wanted.other[1])), show=wanted.wrong)


def measure(name: str, samples: list[Sample], *, show: bool = False) -> None:
    """One line of figures."""
    began = time.process_time()
    reads = read_all(samples)
    took = 1000 * (time.process_time() - began) / max(len(reads), 1)
    told = figures(reads)
    print(
        f"{name}: {told.samples} bounces; recipient found: mail alone {told.alone:.1%}, with the ledger "
        f"{told.ledger:.1%}; bad address: precision {told.precision:.2f}, recall {told.recall:.2f}; {took:.1f} ms each"
    )
    for one in reads if show else []:
        if one.sample.recipients and (not one.alone or one.held_bad != one.sample.bad):
            words = one.report.diagnostic[:100] if one.report is not None else ""
            print(f"  {one.sample.name}: {one.report.recipient if one.report else None!r} bad={one.held_bad} {words!r}")


def folder(files: Path, labels: Path) -> list[Sample]:
    """Bounces from a folder."""
    told = json.loads(labels.read_text(encoding="utf-8"))
    return [
        Sample(name, (files / name).read_bytes(), frozenset(map(str.lower, one["recipients"])), bool(one["hard"]))
        for name, one in told.items()
    ]


if __name__ == "__main__":
    main()
