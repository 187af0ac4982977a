"""Learning from what people have decided, and the proof that it did no harm.

Law: the same examples and seed give the same model, to the last bit. A model comes into force only where random
hold-outs of a tenth show that it is no worse; where the new examples contradict each other it does not, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from ..records import Category
from .learned import NOTHING, Learned, Weights, share_of, topic_features

SEED = 20_261_127
FALL = 0.02
"""By how much the share that is right may fall."""
TENTH = 0.1
FEW = 20
"""Examples below which there is nothing to hold out."""
CLEAR = 0.8
"""What must be right of the new examples of which the model is surest: 30 % of wrong labels leave 0.7."""
GAP = 0.1
"""By how much the new examples may be less clear than the old ones."""
_RATE, _TOPIC_RATE, _TRUST_RATE = 0.25, 1.0, 0.05
_FIRST = 0.05
"""What the sum of squares starts with (AdaGrad): the larger the smaller the first steps."""
_SLIGHT = 0.02
"""Errors smaller than this teach nothing."""
_THIN = 0.3
"""Weights of categories and topics that are let go: they cost time and tell next to nothing."""
_BELIEF = 0.02
"""How strongly the trust in the cues is pulled back to 1."""


_JUDGED = (Category.UNSUBSCRIBE, Category.CHANGE_OF_DATA, Category.QUESTION, Category.THANKS, Category.OTHER)
"""What a text that is no complaint is told apart into."""


@dataclass(frozen=True)
class Example:
    """What a person decided about one text. `complaint`, `category`, `topics`: None or empty where not decided.

    `new`: it came after what the model in force has learned from.
    """

    features: tuple[int, ...]
    odds: float
    complaint: bool | None
    category: Category | None = None
    topics: tuple[str, ...] = ()
    by_cues: tuple[str, ...] = ()
    new: bool = True


@dataclass
class Shares:
    """Counts of what was right among held-out examples."""

    asked: int = 0
    right: int = 0

    @property
    def share(self) -> float | None:
        """The share that was right, or None of none."""
        return self.right / self.asked if self.asked else None

    def add(self, right: bool) -> None:
        """Count one more."""
        self.asked += 1
        self.right += right


@dataclass
class Trial:
    """How a model did on examples that it had not seen, beside the one in force before.

    `told`, `told_before`: complaint or not; `top3`, `top3_before`: a topic among the first three; `clear`,
    `clear_before`: the surer half of the new examples and of the old ones.
    """

    told: Shares = field(default_factory=Shares)
    told_before: Shares = field(default_factory=Shares)
    top3: Shares = field(default_factory=Shares)
    top3_before: Shares = field(default_factory=Shares)
    clear: Shares = field(default_factory=Shares)
    clear_before: Shares = field(default_factory=Shares)
    refused: str = ""
    """Why the model may not come into force; empty: it may."""


def train(examples: Sequence[Example], *, seed: int = SEED, version: int = 0) -> Learned:
    """A model of these examples, all of them together."""
    learner = _Learner(Learned(version=version))
    order = [one for one in examples if one.features]
    rounds = 8 if len(order) <= 2000 else 5
    for turn in range(rounds):
        for at in _drawn(len(order), f"{seed} {turn}"):
            learner.learn(order[at], topics=turn < 5)
    learner.model.examples = len(order)
    learner.model.categories.thin(_THIN)
    learner.model.topics.thin(_THIN)
    return learner.model


def go_on(model: Learned, examples: Sequence[Example]) -> Learned:
    """The model with a few more examples taken in, each at once and in order; the model itself is not touched."""
    if not examples:
        return model
    copy = Learned(
        version=model.version,
        examples=model.examples,
        trust=model.trust,
        start=model.start,
        complaint=dict(model.complaint),
        categories=_copied(model.categories),
        topics=_copied(model.topics),
    )
    learner = _Learner(copy)
    for one in examples:
        learner.learn(one, topics=True)
    copy.examples += len(examples)
    return copy


def try_out(examples: Sequence[Example], *, seed: int = SEED) -> Trial:
    """Hold out random tenths, learn from the rest, and compare with the examples that were known before (none: the
    cues alone) under the same conditions.
    """
    trial = Trial()
    order = _drawn(len(examples), f"{seed} held out")
    tenth = max(1, round(len(order) * TENTH))
    rounds = 10 if len(order) <= 400 else 5 if len(order) <= 1500 else 2
    judged: list[tuple[float, bool, bool]] = []
    for turn in range(rounds):
        held = set(order[turn * tenth : (turn + 1) * tenth])
        rest = [one for at, one in enumerate(examples) if at not in held]
        after = train(rest, seed=seed)
        old = [one for one in rest if not one.new]
        before = train(old, seed=seed) if old else NOTHING
        for at in sorted(held):
            judged += _judged(trial, examples[at], after, before)
    for shares, new in ((trial.clear, True), (trial.clear_before, False)):
        surest = sorted((one for one in judged if one[2] is new), key=lambda one: -one[0])
        for _, right, _ in surest[: (len(surest) + 1) // 2]:
            shares.add(right)
    trial.refused = _refusal(trial, len(examples))
    return trial


def _drawn(count: int, seed: str) -> list[int]:
    """The numbers up to a count in an order that the seed decides."""
    return sorted(range(count), key=lambda at: blake2b(f"{seed} {at}".encode(), digest_size=8).digest())


def _judged(trial: Trial, one: Example, after: Learned, before: Learned) -> list[tuple[float, bool, bool]]:
    if one.topics:
        trial.top3.add(_in_three(after, one))
        trial.top3_before.add(_in_three(before, one))
    if one.complaint is None:
        return []
    odds = after.odds(one.features, one.odds)
    right = (odds >= 0) == one.complaint
    trial.told.add(right)
    trial.told_before.add((before.odds(one.features, one.odds) >= 0) == one.complaint)
    return [(abs(odds), right, one.new)]


def _in_three(model: Learned, one: Example) -> bool:
    return bool(set(model.rank(one.features, one.by_cues)[:3]) & set(one.topics))


def _refusal(trial: Trial, examples: int) -> str:
    if examples < FEW:
        return f"there are only {examples} examples, and {FEW} are needed"
    for what, after, before in (
        ("complaint or not", trial.told, trial.told_before),
        ("the topic among the first three", trial.top3, trial.top3_before),
    ):
        new, old = after.share, before.share
        if new is not None and old is not None and after.asked >= FEW and old - new > FALL:
            return f"{what}: right fell from {old:.1%} to {new:.1%} of {after.asked} that were held out"
    return _contradiction(trial.clear, trial.clear_before)


def _contradiction(new: Shares, old: Shares) -> str:
    """Whether the new examples contradict each other, or the old ones, beyond what chance would do."""
    if new.share is None or new.asked < FEW:
        return ""
    at_best = new.share + math.sqrt(new.share * (1 - new.share) / new.asked)
    less = old.share is not None and old.asked >= FEW and at_best < old.share - GAP
    if new.share >= CLEAR and not less:
        return ""
    beside = f", and {old.share:.0%} of those before" if less and old.share is not None else ""
    return (
        f"the new examples contradict each other: only {new.share:.0%} are right of the {new.asked} held out"
        f" of which the model was surest{beside}; are some of them wrong?"
    )


class _Learner:
    """One model being taught, by steps that become smaller where much has been learned (AdaGrad)."""

    def __init__(self, model: Learned) -> None:
        self.model = model
        self._squares: dict[int, float] = {}
        self._trust = self._start = 1.0
        self._ranked: dict[str, dict[tuple[int, str], float]] = {"categories": {}, "topics": {}}
        if not model.categories.start:
            model.categories.start.update({one.value: 0.0 for one in _JUDGED})

    def learn(self, one: Example, *, topics: bool) -> None:
        """Take one example in."""
        if one.complaint is not None:
            self._complaint(one)
        if one.category is not None and one.category is not Category.COMPLAINT:
            self._rank("categories", self.model.categories, one.features, (one.category.value,), _RATE)
        if topics and one.topics:
            found = (*one.features, *topic_features(one.by_cues))
            self._rank("topics", self.model.topics, found, one.topics, _TOPIC_RATE)

    def _complaint(self, one: Example) -> None:
        model, squares = self.model, self._squares
        odds = max(-30.0, min(30.0, model.odds(one.features, one.odds)))
        wrong = 1 / (1 + math.exp(-odds)) - float(bool(one.complaint))
        step = wrong * one.odds + _BELIEF * (model.trust - 1)
        self._trust += step * step
        model.trust -= _TRUST_RATE * step / math.sqrt(self._trust)
        step = wrong + _BELIEF * model.start
        self._start += step * step
        model.start -= _TRUST_RATE * step / math.sqrt(self._start)
        if abs(wrong) < _SLIGHT:
            return
        step = wrong * share_of(one.features)
        square, weights = step * step, model.complaint
        for feature in one.features:
            squares[feature] = total = squares.get(feature, _FIRST) + square
            weights[feature] = weights.get(feature, 0.0) - _RATE * step / math.sqrt(total)

    def _rank(self, name: str, table: Weights, found: Sequence[int], right: Sequence[str], rate: float) -> None:
        for answer in right:
            table.start.setdefault(answer, 0.0)
        scores = table.scores(found)
        top = max(scores.values())
        shares = {answer: math.exp(score - top) for answer, score in scores.items()}
        whole = sum(shares.values())
        share, squares = share_of(found), self._ranked[name]
        for answer, part in shares.items():
            wrong = part / whole - (1 / len(right) if answer in right else 0.0)
            if abs(wrong) < _SLIGHT:
                continue
            step = wrong * share
            square = step * step
            for feature in found:
                place = (feature, answer)
                squares[place] = total = squares.get(place, _SLIGHT) + square
                row = table.weights.setdefault(feature, {})
                row[answer] = row.get(answer, 0.0) - rate * step / math.sqrt(total)
            table.start[answer] -= 0.02 * wrong


def _copied(weights: Weights) -> Weights:
    return Weights(dict(weights.start), {feature: dict(row) for feature, row in weights.weights.items()})
