"""Quotes taken off: the public fixtures of four libraries, answers between quoted lines, and the time of crafted text.

`python -m tests.benchmarks.bench_quotes [--wrong] [--replies N]`. A fixture counts where what is left is, blanks aside,
what the library's own tests hold to be the person's words; where they allow a signature to stay or to go, so do we.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from outreach.replies.quote import strip_quotes

from ..replies.quote_cases import BY_CHOICE, inline_replies, load_cases
from ..replies.test_quote_corpus import PIECES

SIZES = (200_000, 1_000_000)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="show each fixture that came out otherwise")
    parser.add_argument("--replies", type=int, default=5_000, help="replies made for the answers between quoted lines")
    wanted = parser.parse_args()
    fixtures(show=wanted.wrong)
    answers(wanted.replies)
    crafted()


def fixtures(*, show: bool) -> None:
    """How many of each library's fixtures come out as it says."""
    cases = load_cases()
    right = Counter(case.source for case in cases if case.right)
    for source, total in Counter(case.source for case in cases).items():
        print(f"{source:28} {right[source]:4} of {total:4}   {right[source] / total:.1%}")
    lost = sum(len(case.lost) for case in cases if case.name not in BY_CHOICE)
    print(f"{'all fixtures':28} {right.total():4} of {len(cases):4}   {right.total() / len(cases):.1%}")
    print(f"a person's lines lost in them: {lost}; meant otherwise by us:")
    for name, why in BY_CHOICE.items():
        print(f"  {name}: {why}")
    for case in cases if show else []:
        if not case.right:
            print(f"--- {case.source} {case.name}\nleft: {case.stripped()[:400]!r}\nmeant: {case.own[0][:400]!r}")


def answers(count: int) -> None:
    """Answers between quoted lines, in 24 languages, where nobody knows what was sent."""
    lost = added = total = 0
    for reply, meant in inline_replies(count, seed=2026):
        got = [line for line in strip_quotes(reply).text.splitlines() if line]
        lost += sum((Counter(meant) - Counter(got)).values())
        added += sum((Counter(got) - Counter(meant)).values())
        total += len(meant)
    print(f"{total} answers between quoted lines: {lost} lost, {added} lines too many")


def crafted() -> None:
    """The slowest of the crafted texts, and how its time grows."""
    worst, name, growth = 0.0, "", 0.0
    for piece in PIECES:
        took = []
        for size in SIZES:
            text = (piece * (size // len(piece) + 1))[:size]
            before = time.process_time()
            strip_quotes(text if "<" not in piece else "", text if "<" in piece else "", "the amber light " * 99)
            took.append(time.process_time() - before)
        if took[1] > worst:
            worst, name = took[1], piece
        growth = max(growth, took[1] / max(took[0], 0.02))
    print(f"crafted text of 1 MB: at most {worst:.2f} s ({name!r}), at most {growth:.1f} times as long as 200 kB")


if __name__ == "__main__":
    main()
