"""Prints the figures of weeks of simulated customers: who was mailed, who was not and why, and what the hold-out found.

    python -m tests.benchmarks.bench_weeks [--people 10000] [--weeks 12] [--seed 4] [--json]

The same simulation as tests/flows/test_weeks.py: planning, SMTP to a sink in another process, replies through a
Maildir, cases answered and solved, on a clock moved by hand. What must not be is counted by what the simulated people
know and by the sink's log: those lines must say 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from outreach.work.create import create_workspace
from outreach.work.workspace import open_workspace
from tests.conftest import MEMORY, START, HandClock
from tests.flows.weeks import Nature, Verdict, Weeks
from tests.servers import start_sink


def run(nature: Nature, folder: Path) -> Verdict:
    """Let the weeks pass in `folder`."""
    clock = HandClock(START)
    create_workspace(folder / "acme", "acme", clock=clock)
    workspace = open_workspace(folder / "acme", clock)
    with start_sink(folder / "sink.log", "--subjects") as sink:
        verdict = Weeks(workspace, clock, sink, nature, say=week_is_over).live()
    workspace.database.close()
    return verdict


def week_is_over(week: int, verdict: Verdict) -> None:
    """Tell whoever waits how far it is."""
    print(
        f"week {week}: {verdict.mails:,} mails, {verdict.replies:,} replies, {verdict.seconds:.0f} s", file=sys.stderr
    )


def lines(verdict: Verdict) -> list[str]:
    """The figures in words."""
    told = [
        f"{verdict.people:,} customers, {verdict.weeks} weeks, {verdict.editions} editions: {verdict.mails:,} mails in "
        f"{verdict.seconds:.0f} s",
        f"{verdict.replies:,} replies read; {verdict.complaints:,} complaints, {verdict.answers:,} answers, "
        f"{verdict.solved:,} cases solved",
        f"held people who were mailed an offer     {len(verdict.held_mailed)}",
        f"others who were mailed what they must not {len(verdict.others_mailed)}",
        f"people missed                            {len(verdict.missed)}",
        f"people mailed twice                      {len(verdict.twice)}",
        f"skips without a reason                   {len(verdict.without_reason)}",
        f"skips with a wrong reason                {len(verdict.wrong_reason)}",
        f"replies misread                          {len(verdict.misread)}",
        f"tests of an issue miscounted             {len(verdict.miscounted)}",
        f"answers lost                             {verdict.answers_lost}",
        "skips by reason: " + ", ".join(f"{count:,} {reason}" for reason, count in verdict.skips.most_common()),
        f"issues tested: {verdict.tested}; people held out: {verdict.held_out:,}",
        f"true effect: {1000 * verdict.true_difference:.1f} fewer complaints per 1,000 were to be expected",
    ]
    return [*told, f"found: {verdict.help.words}" if verdict.help is not None else "found: nothing was tested"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Nature()
    parser.add_argument("--people", type=int, default=usual.people)
    parser.add_argument("--weeks", type=int, default=usual.weeks)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    nature = replace(usual, people=options.people, weeks=options.weeks, seed=options.seed)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        verdict = run(nature, Path(folder))
    if options.json:
        print(json.dumps(asdict(verdict) | {"faults": verdict.faults}, default=str, indent=2))
    else:
        print("\n".join(lines(verdict)))
        for fault in verdict.faults[:20]:
            print(f"  ! {fault}")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
