"""Did it help? Some people of a tips issue are left out by chance, and the complaints of both groups compared.

Laws: only where there are enough people to show the effect that was asked for; by a keyed hash of occasion and address,
so that the same issue is dealt the same again and nobody can be chosen; those who wait for a personal answer's tips are
in neither group; whoever was dealt into a group counts in it, whatever became of the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..chance import Difference, Draws, Share, difference, people_needed, pooled_difference, wilson
from ..records import Kind, Permission, withhold

HELD_OUT = "held out"
LEAST_COMPLAINERS = 10
"""People who complained after earlier issues: from fewer, nobody knows how many usually do."""
PLACES = 1 << 32


class Group(StrEnum):
    """`Delivery.variant` of an issue that is tested."""

    ISSUE = "issue"
    HELD = "held out"


@dataclass(frozen=True)
class HoldOutRules:
    """As the settings say. `effect`: the smallest fall in complaints worth knowing of, as a share of what is usual."""

    percent: int
    effect: float
    days: int
    later: bool


@dataclass(frozen=True)
class HoldOut:
    """Whether an issue is tested, decided once, before anybody is dealt; `why` says it for a person.

    `people` could be dealt; `needed` is how many it takes, None where that is not known. `usual`: people who
    complained within `days` of an earlier issue, of how many who got it.
    """

    on: bool
    why: str
    percent: int = 0
    effect: float = 0.0
    days: int = 0
    later: bool = False
    people: int = 0
    needed: int | None = None
    usual: Share = field(default=Share(0, 0))

    @property
    def share(self) -> float:
        """The share of people who are held out; 0 where nobody is."""
        return self.percent / 100 if self.on else 0.0

    def kept(self) -> dict[str, Any]:
        """As an edition keeps it."""
        return asdict(self)


def read_hold_out(kept: dict[str, Any]) -> HoldOut | None:
    """What an edition kept; None where nothing was decided."""
    return HoldOut(**kept | {"usual": Share(**kept["usual"])}) if kept else None


def decide_hold_out(kind: Kind, people: int, usual: Share, rules: HoldOutRules, *, wanted: bool = True) -> HoldOut:
    """Whether an issue to so many people is tested. `wanted`: its campaign does not say no."""
    if kind is not Kind.TIPS or not rules.percent or not wanted:
        return HoldOut(
            False, "" if kind is not Kind.TIPS else "nobody is held out: the settings or the campaign say no"
        )
    told: dict[str, Any] = {**asdict(rules), "people": people, "usual": usual}
    if usual.count < LEAST_COMPLAINERS:
        words = (
            f"nobody is held out: {_people(usual.count)} complained within {rules.days} days of the earlier issues, "
            f"and it takes {LEAST_COMPLAINERS} to know what is usual"
        )
        return HoldOut(False, words, **told)
    needed = people_needed(usual.value, usual.value * (1 - rules.effect), rules.percent / 100)
    told["needed"] = needed
    size = (
        f"to see {1000 * usual.value:.1f} complaints per 1,000 fall by {100 * rules.effect:.0f} % takes "
        f"{needed:,} people with {rules.percent} % held out (power 0.8, two-sided 5 %)"
    )
    if needed is None or people < needed:
        return HoldOut(False, f"nobody is held out: {size}; there are {people:,}", **told)
    return HoldOut(True, f"{rules.percent} % are held out by chance: {size}; there are {people:,}", **told)


def group_of(key: bytes, campaign: str, occasion: str, address_key: str, plan: HoldOut) -> Group | None:
    """The group of one person; None where the issue is not tested. The same again for the same issue and key."""
    return groups_of(key, campaign, occasion, plan)(address_key) if plan.on else None


def groups_of(key: bytes, campaign: str, occasion: str, plan: HoldOut) -> Callable[[str], Group]:
    """What gives the group of each person in an issue that is tested, by their address key."""
    draws, limit = Draws(key, f"hold-out:{campaign}:{occasion}:"), plan.share * PLACES
    return lambda address_key: Group.HELD if int.from_bytes(draws.of(address_key)[:4], "big") < limit else Group.ISSUE


def judge_hold_out(plan: HoldOut, due: datetime) -> Permission:
    """What becomes of somebody who is held out: not this time, or only when the test is over."""
    words = held_words(plan)
    if plan.later:
        return Permission(reason=HELD_OUT, evidence=words, later=due + timedelta(days=plan.days))
    return withhold(HELD_OUT, words)


def held_words(plan: HoldOut) -> str:
    """Why this person does not get the issue (or gets it later), for the delivery's row."""
    then = f"gets it after {plan.days} days" if plan.later else "gets these tips in a later issue"
    return f"one of {plan.percent} in 100, chosen by chance, to see whether the tips help; {then}"


class Finding(StrEnum):
    """What a comparison says. `fewer`: those who got the issue complained less."""

    FEWER = "fewer"
    MORE = "more"
    SAME = "same"
    TOO_FEW = "too few to say"
    NOT_YET = "not yet"


@dataclass(frozen=True)
class Help:
    """Complaints of those who got an issue beside those held out; `avoided`, with its interval, by all who got it."""

    finding: Finding
    words: str
    issue: Share
    held: Share
    less: Difference
    avoided: tuple[float, float, float]


@dataclass(frozen=True)
class Trial:
    """One issue's two groups, as counted. `over`: the days of counting have passed."""

    plan: HoldOut
    issue: Share
    held: Share
    over: bool


def judge_help(trial: Trial) -> Help:
    """Whether an issue helped: complaints per 1,000 in both groups, the difference and its interval."""
    less = difference(trial.held, trial.issue)
    enough = trial.plan.needed is not None and trial.issue.of + trial.held.of >= trial.plan.needed
    return _help(trial.issue, trial.held, less, over=trial.over, enough=enough, days=trial.plan.days)


def judge_all_help(trials: Sequence[Trial]) -> Help | None:
    """What all issues that were tested to their end say together; None where there is none."""
    done = [trial for trial in trials if trial.over]
    if not done:
        return None
    issue, held = _sum(one.issue for one in done), _sum(one.held for one in done)
    less = pooled_difference((one.held, one.issue) for one in done)
    enough = any(one.plan.needed is not None and issue.of + held.of >= one.plan.needed for one in done)
    return _help(issue, held, less, over=True, enough=enough, days=done[-1].plan.days)


def _help(issue: Share, held: Share, less: Difference, *, over: bool, enough: bool, days: int) -> Help:
    rates = f"{per_1000(issue)} per 1,000 who got it, {per_1000(held)} per 1,000 held out"
    span = f"{1000 * less.value:+.1f}, 95 % {1000 * less.low:+.1f} to {1000 * less.high:+.1f}"
    if not over:
        finding, words = Finding.NOT_YET, f"{rates} so far; {days} days are counted"
    elif less.low > 0:
        finding, words = Finding.FEWER, f"it helped: {rates} ({span} per 1,000 avoided)"
    elif less.high < 0:
        finding, words = Finding.MORE, f"it did harm: {rates} ({span} per 1,000 avoided)"
    elif not enough or not issue.count + held.count:
        finding, words = Finding.TOO_FEW, f"too few to say: {rates} ({span} per 1,000 avoided)"
    else:
        finding, words = Finding.SAME, f"no difference that chance would not make: {rates} ({span} per 1,000 avoided)"
    avoided = tuple(issue.of * value for value in (less.value, less.low, less.high))
    return Help(finding, words, issue, held, less, avoided)  # type: ignore[arg-type]


def per_1000(share: Share) -> str:
    """A rate with the interval that its numbers allow: "12.0 (8.1 to 17.7)"."""
    low, high = wilson(share.count, share.of)
    return f"{1000 * share.value:.1f} ({1000 * low:.1f} to {1000 * high:.1f})" if share.of else "–"


def _sum(shares: Iterable[Share]) -> Share:
    found = list(shares)
    return Share(sum(one.count for one in found), sum(one.of for one in found))


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"
