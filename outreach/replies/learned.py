"""What reviews have taught, as it is asked: pieces of a text to log-odds of a complaint, categories and topics.

Law: weights are added to what the cues say, never put in their place: a model that knows nothing changes nothing.
Words are kept as numbers only (a hash): no model can be read back into anybody's mail.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from json import dumps, loads
from zlib import compress, crc32, decompress

from ..records import Category

BUCKETS = 1 << 22
MOST_FEATURES = 200
LEAST = 0.02
"""Weights nearer to nothing than this are not kept."""
LIKELY = 0.4
"""The share of all topics that one must have to be named where no cue word stands for it."""
SPOKEN = 1.0
"""What the text's own words must add to such a topic, in log-odds: what reviews named often is no likelier for that."""
TOLD = 0.05
"""What a piece must have added to be told as a reason, in log-odds."""
_CUE_TOPICS = (2.0, 1.0, 0.5)
"""What the cue words of the first, second and third topic add to what was learned."""


def features(said: Sequence[str]) -> dict[int, str]:
    """The words of a text and its pairs of neighbours by their hash; digits are all alike."""
    words = ["0" if piece.isdigit() else piece for piece in said[:MOST_FEATURES]]
    found = {_hashed(word): word for word in words}
    for first, second in pairwise(words):
        pair = f"{first} {second}"
        found[_hashed(pair)] = pair
    return found


def topic_features(topics: Sequence[str]) -> list[int]:
    """What stands in a text's features for the topics that cue words found."""
    return [_hashed(f"topic: {name}") for name in topics]


def _hashed(words: str) -> int:
    return crc32(words.encode("utf-8", "surrogatepass")) & (BUCKETS - 1)


@dataclass
class Weights:
    """One question with several answers: what each feature adds to each, and what each starts with."""

    start: dict[str, float] = field(default_factory=dict)
    weights: dict[int, dict[str, float]] = field(default_factory=dict)

    def scores(self, found: Sequence[int]) -> dict[str, float]:
        """What speaks for each answer."""
        total = dict.fromkeys(self.start, 0.0)
        weights = self.weights
        for feature in found:
            row = weights.get(feature)
            if row:
                for answer, weight in row.items():
                    total[answer] += weight
        share = share_of(found)
        return {answer: start + share * total[answer] for answer, start in self.start.items()}

    def thin(self, least: float) -> None:
        """Let go of weights nearer to nothing than `least`."""
        for feature, row in list(self.weights.items()):
            kept = {answer: weight for answer, weight in row.items() if abs(weight) >= least}
            if kept:
                self.weights[feature] = kept
            else:
                del self.weights[feature]


@dataclass(frozen=True)
class Evidence:
    """What was learned says about one text: the log-odds of a complaint, cues included; what speaks for categories
    and topics; and the pieces that moved the log-odds, the strongest first.
    """

    odds: float
    categories: Mapping[Category, float] = field(default_factory=dict)
    topics: Mapping[str, float] = field(default_factory=dict)
    moved: tuple[tuple[str, float], ...] = ()
    usual: Mapping[str, float] = field(default_factory=dict)
    """What speaks for each topic before a word of the text is read."""

    def rank(self, by_cues: Sequence[str]) -> tuple[str, ...]:
        """Topics, the likeliest first: those that cue words found, and what reviews have taught."""
        return _ranked(self.topics, by_cues)

    def about(self, by_cues: Sequence[str]) -> tuple[str, ...]:
        """What the text is held to be about: topics whose cue words stand in it, and those that are likely."""
        if not self.topics:
            return tuple(by_cues)
        top = max(self.topics.values())
        whole = sum(math.exp(score - top) for score in self.topics.values())
        least = top + math.log(LIKELY * whole)
        spoken = {name for name, score in self.topics.items() if score - self.usual.get(name, 0.0) >= SPOKEN}
        likely = {
            name: score for name, score in self.topics.items() if name in by_cues or (score >= least and name in spoken)
        }
        return _ranked(likely, by_cues) if likely else tuple(by_cues)

    def reasons(self, category: Category) -> list[str]:
        """The strongest learned pieces, in a line for each side."""
        told = []
        sides = (1, -1) if category is Category.COMPLAINT else (-1, 1)
        for side in sides:
            some = [(piece, value) for piece, value in self.moved if value * side >= TOLD][
                : 4 if side == sides[0] else 2
            ]
            if some:
                words = ", ".join(f'"{piece}" ({value:+.1f})' for piece, value in some)
                told.append(f"learned from reviews: {words} {'for' if side > 0 else 'against'} a complaint")
        return told


@dataclass
class Learned:
    """A model: `trust` in the cues' log-odds and a `start` beside them, weights of features, categories, topics."""

    version: int = 0
    examples: int = 0
    trust: float = 1.0
    start: float = 0.0
    complaint: dict[int, float] = field(default_factory=dict)
    categories: Weights = field(default_factory=Weights)
    topics: Weights = field(default_factory=Weights)

    def tell(self, said: Sequence[str], by_cues: Sequence[str], odds: float) -> Evidence:
        """What is known about a text with these pieces, topics by cue words, and log-odds by the cues."""
        if not self.examples:
            return Evidence(odds)
        named = features(said)
        found = list(named)
        share, known = share_of(found), self.complaint
        weights = [known.get(one, 0.0) for one in found]
        total = self.trust * odds + self.start + share * sum(weights)
        least = TOLD / share if share else 0.0
        moved = [
            (named[one], weight)
            for one, weight in zip(found, weights, strict=True)
            if abs(weight) >= least and _has_letters(named[one])
        ]
        strongest = sorted(moved, key=lambda one: (-abs(one[1]), one[0]))[:12]
        categories = {Category(name): score for name, score in self.categories.scores(found).items()}
        topics = self.topics.scores(found + topic_features(by_cues)) if self.topics.start else {}
        told = tuple((piece, share * weight) for piece, weight in strongest)
        return Evidence(total, categories, topics, told, self.topics.start)

    def odds(self, found: Sequence[int], odds: float) -> float:
        """The log-odds of a complaint, from features and what the cues say."""
        known = self.complaint
        return self.trust * odds + self.start + share_of(found) * sum(known.get(one, 0.0) for one in found)

    def rank(self, found: Sequence[int], by_cues: Sequence[str]) -> tuple[str, ...]:
        """The topics of a text with these features, the likeliest first."""
        topics = self.topics.scores([*found, *topic_features(by_cues)]) if self.topics.start else {}
        return _ranked(topics, by_cues)


NOTHING = Learned()
"""The model before any review."""


def _ranked(topics: Mapping[str, float], by_cues: Sequence[str]) -> tuple[str, ...]:
    total = dict(topics)
    for name, bonus in zip(by_cues, _CUE_TOPICS, strict=False):
        total[name] = total.get(name, 0.0) + bonus
    return tuple(sorted(total, key=lambda name: (-total[name], name))) if topics else tuple(by_cues)


def _has_letters(piece: str) -> bool:
    return any(char.isalpha() for char in piece)


def share_of(found: Sequence[int]) -> float:
    """What each feature of a text counts, so that long texts do not shout."""
    return 1 / math.sqrt(len(found)) if found else 0.0


def pack(model: Learned) -> bytes:
    """A model as bytes, the same for the same model. Weights next to nothing are left out."""
    answers = {name: list(one.start) for name, one in (("categories", model.categories), ("topics", model.topics))}
    head = {
        "version": model.version,
        "examples": model.examples,
        "trust": model.trust,
        "start": model.start,
        "complaint": sum(1 for weight in model.complaint.values() if abs(weight) >= LEAST),
        "answers": answers,
        "starts": {"categories": model.categories.start, "topics": model.topics.start},
    }
    rows = sorted((key, weight) for key, weight in model.complaint.items() if abs(weight) >= LEAST)
    keys, weights = array("I", [key for key, _ in rows]), array("f", [weight for _, weight in rows])
    sizes = []
    places = array("H")
    for name, one in (("categories", model.categories), ("topics", model.topics)):
        order = {answer: at for at, answer in enumerate(answers[name])}
        cells = sorted((key, order[answer], w) for key, row in one.weights.items() for answer, w in row.items())
        cells = [cell for cell in cells if abs(cell[2]) >= LEAST]
        sizes.append(len(cells))
        keys.extend(key for key, _, _ in cells)
        places.extend(place for _, place, _ in cells)
        weights.extend(weight for _, _, weight in cells)
    head["sizes"] = sizes
    told = dumps(head, sort_keys=True, ensure_ascii=True).encode()
    return compress(len(told).to_bytes(4, "little") + told + keys.tobytes() + weights.tobytes() + places.tobytes(), 6)


def unpack(raw: bytes) -> Learned:
    """A model from its bytes. Raises ValueError where they are none."""
    try:
        data = decompress(raw)
        size = int.from_bytes(data[:4], "little")
        head = loads(data[4 : 4 + size])
        total = head["complaint"] + sum(head["sizes"])
        keys, weights, places = array("I"), array("f"), array("H")
        at = 4 + size
        for part, count in ((keys, total), (weights, total), (places, sum(head["sizes"]))):
            part.frombytes(data[at : at + count * part.itemsize])
            at += count * part.itemsize
        return _built(head, keys, weights, places)
    except Exception as wrong:
        raise ValueError(f"these bytes are no model: {wrong}") from wrong


def _built(head: dict[str, object], keys: array[int], weights: array[float], places: array[int]) -> Learned:
    values: dict[str, object] = head
    count = int(str(values["complaint"]))
    model = Learned(
        version=int(str(values["version"])),
        examples=int(str(values["examples"])),
        trust=float(str(values["trust"])),
        start=float(str(values["start"])),
        complaint=dict(zip(keys[:count], weights[:count], strict=True)),
    )
    at = count
    starts, answers, sizes = values["starts"], values["answers"], values["sizes"]
    assert isinstance(starts, dict) and isinstance(answers, dict) and isinstance(sizes, list)
    for (name, one), size in zip((("categories", model.categories), ("topics", model.topics)), sizes, strict=True):
        one.start.update({answer: float(starts[name][answer]) for answer in answers[name]})
        for place in range(at, at + size):
            one.weights.setdefault(keys[place], {})[answers[name][places[place - count]]] = weights[place]
        at += size
    return model
