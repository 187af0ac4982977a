"""Does griping pay? Offers given to people who had complained, against those given to everybody else.

Law: the people compared are all who could have had the offer, so that an offer made only to complainers shows; from
fewer than 30 chances on either side nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..chance import Difference, Share, difference

LEAST = 30


@dataclass(frozen=True)
class Fairness:
    """Offers given, of the chances there were (people × offers). `pays`: complainers surely got more of them."""

    complainers: Share
    quiet: Share
    more: Difference
    pays: bool
    words: str


def judge_fairness(complainers: Share, quiet: Share) -> Fairness:
    """Whether people who complained are given more offers than the quiet ones."""
    more = difference(complainers, quiet)
    if min(complainers.of, quiet.of) < LEAST:
        have = f"{complainers.of:,} chances of people who had complained, {quiet.of:,} of quiet ones"
        words = f"too few to say: {have}; it takes {LEAST} each"
        return Fairness(complainers, quiet, more, False, words)
    rates = (
        f"people who had complained were given {_percent(complainers)} of the offers, quiet ones {_percent(quiet)} "
        f"({100 * more.value:+.1f} points, 95 % {100 * more.low:+.1f} to {100 * more.high:+.1f})"
    )
    if more.low > 0:
        return Fairness(complainers, quiet, more, True, f"griping pays: {rates}. Look at the segments of your offers")
    verdict = "griping does not pay" if more.high < 0 else "no difference that chance would not make"
    return Fairness(complainers, quiet, more, False, f"{verdict}: {rates}")


def _percent(share: Share) -> str:
    return f"{100 * share.value:.1f} %"
