"""What a person's message is: complaint, question, thanks, a wish to leave, changed data; its topics and urgency.

Law: every judgement shows the words that led to it, and ignorance is said: a language without cues is "not scored"
(confidence None), and a person reads it. Cues and learned evidence suggest; only a person confirms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..records import Category, Urgency
from .closing import before_closing
from .cues import NO_CUES, TABLES, Found, find_cues
from .cues.table import Hit
from .learned import NOTHING, Evidence, Learned
from .leaving import REPLY_MARK, asks_to_leave, greets, is_command
from .tokens import pieces, plain
from .topics import MOST_TOPICS, topics_among

_ORDER = (
    Category.UNSUBSCRIBE,
    Category.COMPLAINT,
    Category.CHANGE_OF_DATA,
    Category.QUESTION,
    Category.THANKS,
)
_FLOOR = 1.0
"""What a category must reach to be held against "other"."""
_FACES = "👍🙏❤😡🤬😠👎?"
_SAD = re.compile(r":\s?-?\(|[😡🤬😠👎😤😒😞😭😩]")
_GLAD = re.compile(r":\s?-?\)|[👍🙏❤😀😃😊😍😂🎉]")
ERASURE, PERSONAL_DATA = "erasure", "personal data"
"""The rules of urgency for whoever wants to be erased, or objects to the use of their data; and asks what is kept."""
_NOT_SURE = frozenset("? not don't didn't never no nicht kein keine keinen nie pas ne jamais nunca".split())
"""Who asks, or says what is not to be done, is heard by a person: nothing is carried out."""
SURELY = 1.0
"""Log-odds that leanings alone must reach against words that tell of new data."""
_START = -1.2
"""Log-odds of a complaint where nothing at all speaks."""
ELSEWHERE = 0.2
"""What is added to that in languages other than English, whose leanings know fewer words."""


@dataclass(frozen=True)
class Judgement:
    """What a text seems to be. `confidence` 0 to 1, or None: not scored. `complaint` is its likelihood, 0 to 1.

    `ranked`: all topics that may be meant, the likeliest first; `topics` are those that it is held to be about.
    """

    category: Category
    topics: tuple[str, ...]
    urgency: Urgency
    confidence: float | None
    reasons: tuple[str, ...]
    complaint: float = 0.0
    leaves: bool = False
    """The person asks to be unsubscribed, whatever else the message is."""
    ranked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weighed:
    """A text as it is weighed: what a model learns from. `odds`: the log-odds of a complaint by the cues alone."""

    said: tuple[str, ...]
    topics: tuple[str, ...]
    language: str = ""
    found: Found = NO_CUES
    scores: Mapping[Category, float] | None = None
    odds: float = 0.0


def classify(
    text: str, subject: str, language: str, topics: Mapping[str, Sequence[str]], learned: Learned = NOTHING
) -> Judgement:
    """Judge a person's own words (quotes taken off). `language` as guessed, or ""; `topics`: name to cue words."""
    weighed = weigh(text, subject, language, topics)
    evidence = learned.tell(weighed.said, weighed.topics, weighed.odds)
    ranked = evidence.rank(weighed.topics)
    likely = evidence.about(weighed.topics)
    about = tuple(name for name in likely if not topics or name in topics)[:MOST_TOPICS]
    if asks_to_leave(text, subject):
        words = f'"{(text.strip() or subject.strip())[:60]}" asks to be unsubscribed'
        return Judgement(Category.UNSUBSCRIBE, about, Urgency.NORMAL, 0.97, (words,), leaves=True, ranked=ranked)
    if not any(piece[0].isalpha() or piece in _FACES for piece in weighed.said):
        return Judgement(Category.OTHER, (), Urgency.NORMAL, None, ("there are no words to judge",))
    if weighed.scores is None:
        urgent = None if language else _urgent_in_any(weighed.said)
        if urgent is not None:
            return replace(urgent, topics=about, ranked=ranked)
        spoken = f"the language ({language})" if language else "the language, which is unknown,"
        why = f"not scored: {spoken} has no cues; please read it"
        return Judgement(Category.OTHER, about, Urgency.NORMAL, None, (why,), ranked=ranked)
    return replace(_judge(weighed, weighed.scores, evidence), topics=about, ranked=ranked)


def weigh(text: str, subject: str, language: str, topics: Mapping[str, Sequence[str]]) -> Weighed:
    """A text cut, its topics by their cues, and what the cues of its language say; no scores where it has none."""
    text = _own_words(text, language)
    own = "" if REPLY_MARK.match(subject) or greets(subject) else subject
    said = tuple(pieces(plain(f"{own}\n{text}" if own else text)))
    about = topics_among(said, topics) or (topics_among(pieces(plain(subject)), topics) if not own else ())
    name, found = _best_table(said, language)
    if not name:
        return Weighed(said, about)
    hits = list(found.hits)
    shape = _shape(text)
    if len(shape) > 1 or any(hit.category is Category.COMPLAINT and not hit.leaning for hit in hits):
        hits += shape
    scores = _scores(said, hits)
    odds = _odds(text, said, hits, scores, leans=bool(TABLES[name].leans))
    odds += 0.0 if name == "en" else ELSEWHERE
    return Weighed(said, about, name, Found(hits, found.urgent), scores, odds)


def _own_words(text: str, language: str) -> str:
    """Without what stands below the closing words, unless that tells of harm or asks for something."""
    above = before_closing(text)
    below = text[len(above) :].strip()
    if not below:
        return text
    found = _best_table(tuple(pieces(plain(below))), language)[1]
    asks = any(hit.weight >= 2 for hit in found.hits if hit.category is Category.UNSUBSCRIBE)
    asks = asks or any(is_command(line) for line in below.split("\n"))
    return text if found.urgent or asks else above


def _urgent_in_any(said: Sequence[str]) -> Judgement | None:
    """A short cry of harm in a language that nothing else told."""
    for table in TABLES.values():
        found = find_cues(table, said).urgent
        if found is not None and found[0] is Urgency.HIGH:
            words = (f'high urgency ({found[1]}): "{found[2]}"', "treated as a complaint until a person has read it")
            return Judgement(Category.COMPLAINT, (), Urgency.HIGH, 0.5, words, 0.5)
    return None


def _judge(weighed: Weighed, scores: Mapping[Category, float], evidence: Evidence) -> Judgement:
    hits = weighed.found.hits
    likely = _share(evidence.odds)
    leaves = scores[Category.UNSUBSCRIBE] >= 3
    category = _choose(scores, evidence, leaves=leaves)
    reasons = [_told(hit) for hit in _telling(hits, category)] + _leaning(hits, likely, category)
    reasons += evidence.reasons(category)
    if (
        category is Category.OTHER
        and scores[Category.UNSUBSCRIBE] + evidence.categories.get(Category.UNSUBSCRIBE, 0) > 0
    ):
        reasons.insert(0, "perhaps a wish to leave, but not plain enough to be carried out: please read it")
    confidence = _confidence(scores, evidence, category, likely)
    urgency = Urgency.NORMAL
    if category is not Category.THANKS and weighed.found.urgent:
        urgency, rule, words = weighed.found.urgent
        reasons.append(f'{urgency.value} urgency ({rule}): "{words}"')
        if rule in (ERASURE, PERSONAL_DATA):
            leaves = leaves or (rule == ERASURE and _NOT_SURE.isdisjoint(weighed.said))
            category = category if category is Category.COMPLAINT else Category.CHANGE_OF_DATA
            confidence = max(confidence, 0.5)
            reasons.append("a person's rights over their data: the law sets a time to answer in, so it gets a case")
        elif rule == "cancellation":
            if category is Category.OTHER:
                category = Category.QUESTION
                reasons.append("who cancels needs an answer")
        elif category in (Category.OTHER, Category.QUESTION):
            category, confidence = Category.COMPLAINT, 0.5
            reasons.append(f"{rule} is treated as a complaint until a person has read it")
    return Judgement(
        category,
        (),
        urgency,
        round(confidence, 2),
        tuple(reasons) or ("no cue speaks for anything",),
        round(max(likely, 0.5 if category is Category.COMPLAINT else 0.0), 4),
        leaves,
    )


def _choose(scores: Mapping[Category, float], evidence: Evidence, *, leaves: bool) -> Category:
    """The category: the wish to leave first, then complaint or not by its likelihood, then what speaks most.

    A wish to leave that is not plain is none yet: what is called one is carried out.
    """
    if leaves:
        angry = scores[Category.COMPLAINT] >= scores[Category.UNSUBSCRIBE] + 2
        return Category.COMPLAINT if angry else Category.UNSUBSCRIBE
    hinted = scores[Category.COMPLAINT] <= 0 and scores[Category.CHANGE_OF_DATA] >= 3
    if evidence.odds >= (SURELY if hinted else 0.0):
        return Category.COMPLAINT
    added = evidence.categories
    rest = [one for one in (*_ORDER, Category.OTHER) if one is not Category.COMPLAINT]
    total = {one: scores.get(one, _FLOOR - 0.01) + added.get(one, 0.0) for one in rest}
    best = max(rest, key=lambda one: (total[one], -rest.index(one)))
    return Category.OTHER if best is Category.UNSUBSCRIBE else best


def _best_table(said: Sequence[str], language: str) -> tuple[str, Found]:
    """The language whose cues are used; where it is unknown, or its cues find nothing, the one with clear hits."""
    if language and language not in TABLES:
        return "", NO_CUES
    own = find_cues(TABLES[language], said) if language else NO_CUES
    if own.strength:
        return language, own
    tried = {name: find_cues(table, said) for name, table in TABLES.items() if name != language}
    name = max(tried, key=lambda one: tried[one].strength)
    needed = 3 if language else min(2.0, 0.25 * len(said) + 0.25)
    return (name, tried[name]) if tried[name].strength >= needed else (language, own)


def _shape(text: str) -> list[Hit]:
    """What the form of a text says: shouting, rows of exclamation marks."""
    found = []
    letters = [char for char in text[:2000] if char.isalpha()]
    if len(letters) > 12 and sum(char.isupper() for char in letters) > 0.6 * len(letters):
        found.append(Hit(Category.COMPLAINT, 1.0, "WRITTEN IN CAPITALS"))
    if "!!" in text or "?!" in text or "??" in text:
        found.append(Hit(Category.COMPLAINT, 1.0, "!!"))
    return found


def _scores(said: Sequence[str], hits: list[Hit]) -> dict[Category, float]:
    scores = dict.fromkeys(_ORDER, 0.0)
    for hit in hits:
        if not hit.leaning:
            scores[hit.category] += hit.weight
    if scores[Category.COMPLAINT] < 3:
        scores[Category.COMPLAINT] -= 0.5 * scores[Category.THANKS]
    else:
        scores[Category.THANKS] -= 0.5 * scores[Category.COMPLAINT]
    asks = said[-1:] == ("?",) or scores[Category.QUESTION] >= 4
    if asks and scores[Category.COMPLAINT] < 3:
        scores[Category.COMPLAINT] *= 0.6
    scores[Category.QUESTION] = min(scores[Category.QUESTION], 5.0)
    scores[Category.THANKS] = min(scores[Category.THANKS], 6.0)
    return scores


def _odds(text: str, said: Sequence[str], hits: list[Hit], scores: Mapping[Category, float], *, leans: bool) -> float:
    """The log-odds of a complaint by the cues: of strong words and, where the language has them, of the leanings.

    A long text holds more words of every kind: what its leanings sum up to is weighed less.
    """
    strong = scores[Category.COMPLAINT]
    if not leans:
        return strong - 2.0
    sums = dict.fromkeys(_ORDER, 0.0)
    for hit in hits:
        sums[hit.category] += 0.0 if hit.leaning else hit.weight
    lean = sum(hit.weight for hit in hits if hit.leaning)
    lean += 0.3 * ("??" in text or "?!" in text) + 0.2 * ("?" in said) - 0.3 * ("..." in text or "…" in text)
    lean += 0.25 * any(piece[0].isdigit() for piece in said) - 0.25 * (text.count("!") == 1)
    lean += 0.35 * (len(said) >= 12) + 0.3 * (len(said) >= 24)
    lean += 0.55 * bool(_SAD.search(text)) - 0.6 * bool(_GLAD.search(text))
    lean *= min(1.0, math.sqrt(60 / max(len(said), 1)))
    complaints = min(max(sums[Category.COMPLAINT], -3.0), 8.0)
    return _START + lean + 0.475 * complaints - 0.375 * min(sums[Category.THANKS], 6.0)


def _telling(hits: list[Hit], category: Category) -> list[Hit]:
    strong = [hit for hit in hits if not hit.leaning]
    chosen = [hit for hit in strong if hit.category == category and hit.weight > 0]
    against = [hit for hit in strong if hit.weight < 0]
    rest = [hit for hit in strong if hit.category != category and hit.weight >= 2]
    ordered = [sorted(some, key=lambda hit: -abs(hit.weight)) for some in (chosen, against, rest)]
    return [*ordered[0][:4], *ordered[1][:2], *ordered[2][:2]]


def _leaning(hits: list[Hit], likely: float, category: Category) -> list[str]:
    """The strongest leanings to the side that the text was put on, in one line."""
    side = 1 if likely >= 0.5 else -1
    if side < 0 and category is not Category.OTHER:
        return []
    some = sorted((hit for hit in hits if hit.leaning and hit.weight * side >= 0.3), key=lambda hit: -abs(hit.weight))
    if not some:
        return []
    words = ", ".join(f'"{hit.words}"' for hit in some[:4])
    return [f"{words} {'lean' if len(some) > 1 else 'leans'} {'to' if side > 0 else 'away from'} a complaint"]


def _told(hit: Hit) -> str:
    side = "for" if hit.weight > 0 else "against"
    return f'"{hit.words}" speaks {side} {hit.category.value} ({hit.weight:+g})'


def _confidence(scores: Mapping[Category, float], evidence: Evidence, category: Category, likely: float) -> float:
    """How likely the category is right: complaint or not, times the margin to the next best of the others."""
    if category is Category.COMPLAINT:
        return min(likely, 0.97)
    if category is Category.OTHER:
        return max(0.2, 0.45 * (1 - likely))
    total = {one: scores[one] + evidence.categories.get(one, 0.0) for one in _ORDER}
    margin = total[category] - max(_FLOOR, *(total[one] for one in _ORDER if one not in (category, Category.COMPLAINT)))
    sure = 0.5 + 0.48 * (1 - math.exp(-max(margin, 0.0) / 2.0))
    return min(sure * (1 if category is Category.UNSUBSCRIBE else max(1 - likely, 0.4)), 0.97)


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
