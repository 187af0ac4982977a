"""How long a case waits at most, while urgent ones come in faster than the desk can answer.

Run: python -m tests.benchmarks.bench_triage [steps]. One piece of work is one answer; the bound is
share × (1 + turns of those who had waited longer when the case came).
"""

from __future__ import annotations

import sys

from outreach.records import Urgency
from tests.cases.triage import flood, run_desk

LOADS = {"twice what the desk can bear": (0.9, 0.05), "just what it can bear": (0.5, 0.05)}


def main(steps: int) -> None:
    """Print one line for each load and share of work that is oldest-first, beside rank alone."""
    print(f"{steps} pieces of work, seed 7; of five answered cases three end, one waits, one stays open")
    print("oldest-first  ordinary: longest wait  most of its bound  never served  urgent: longest wait")
    for name, (urgent, ordinary) in LOADS.items():
        print(f"{name}: {urgent} urgent and {ordinary} ordinary cases come in with each piece of work")
        for share in (0, 10, 4, 2):
            found = run_desk(steps, share, flood(urgent, ordinary), 7)
            told = [one for one in found.waits if one.urgency is Urgency.NORMAL]
            worst = max((one.steps / one.bound for one in told), default=0.0)
            print(
                f"{f'1 of {share}' if share else 'none':<13} {found.longest(Urgency.NORMAL):>22}"
                f" {f'{worst:.0%}' if share else 'no bound':>18} {found.never(Urgency.NORMAL):>13}"
                f" {found.longest(Urgency.HIGH):>21}"
            )
            assert not share or all(one.steps <= one.bound for one in found.waits), "a case waited longer than it may"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
