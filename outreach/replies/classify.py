"""What a person's message is: complaint, question, thanks, a wish to leave, changed data; its topics and urgency.

Law: every judgement shows the words that led to it, and ignorance is said: a language without cues is "not scored"
(confidence None), and a person reads it. A cue suggests; only a person confirms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..records import Category, Urgency
from .cues import TABLES, CueTable
from .cues.table import Hit, find_cues, find_urgency

READ = 8_000
"""Characters that are weighed: what matters stands at the top."""
MOST_TOPICS = 3
_ORDER = (
    Category.UNSUBSCRIBE,
    Category.COMPLAINT,
    Category.CHANGE_OF_DATA,
    Category.QUESTION,
    Category.THANKS,
)
_FLOOR = 1.0
"""What a category must reach to be held against "other"."""
_REPLY_MARK = re.compile(r"^(?:\s*(?:re|aw|antw|fw|fwd|wg|tr|rv|sv|vs|odp|res)(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)
_COMMANDS = frozenset(
    "unsubscribe unsubscribed stop remove cancel leave optout opt-out signoff abmelden abbestellen austragen stopp"
    " désabonner desabonner désinscrire desinscrire baja cancelar afmelden avregistrera remover disiscrivimi"
    " отписаться".split()
)
_LEAVE_PHRASES = frozenset(
    ("opt out", "remove me", "unsubscribe me", "stop it", "sign off", "bitte abmelden", "me désabonner", "dar de baja")
)
_POLITE = frozenset(
    "please pls thanks thank you hi hello bitte danke hallo merci svp gracias por favor mich me".split()
)


@dataclass(frozen=True)
class Judgement:
    """What a text seems to be. `confidence` 0 to 1, or None: not scored. `complaint` ranks by likelihood, 0 to 1."""

    category: Category
    topics: tuple[str, ...]
    urgency: Urgency
    confidence: float | None
    reasons: tuple[str, ...]
    complaint: float = 0.0
    leaves: bool = False
    """The person asks to be unsubscribed, whatever else the message is."""


def classify(text: str, subject: str, language: str, topics: Mapping[str, Sequence[str]]) -> Judgement:
    """Judge a person's own words (quotes taken off). `language` as guessed, or ""; `topics`: name to cue words."""
    own_subject = "" if _REPLY_MARK.match(subject) else subject
    said = _plain(f"{own_subject}\n{text}" if own_subject else text)
    found_topics = find_topics(_plain(text), topics) or find_topics(_plain(subject), topics)
    if asks_to_leave(text, subject):
        words = f'"{(text.strip() or subject.strip())[:60]}" asks to be unsubscribed'
        return Judgement(Category.UNSUBSCRIBE, found_topics, Urgency.NORMAL, 0.97, (words,), leaves=True)
    if not any(char.isalpha() for char in said) and not any(char in "👍🙏❤😡🤬😠👎?" for char in said):
        return Judgement(Category.OTHER, (), Urgency.NORMAL, None, ("there are no words to judge",))
    name, hits = _best_table(said, language)
    if not name:
        if not language and (urgent := _urgent_in_any(said)) is not None:
            return replace(urgent, topics=found_topics)
        spoken = f"the language ({language})" if language else "the language, which is unknown,"
        return Judgement(
            Category.OTHER, found_topics, Urgency.NORMAL, None, (f"not scored: {spoken} has no cues; please read it",)
        )
    shape = _shape(text)
    if len(shape) > 1 or any(hit.category is Category.COMPLAINT for hit in hits):
        hits = hits + shape
    return _judge(said, hits, TABLES[name], found_topics)


def _urgent_in_any(said: str) -> Judgement | None:
    """A short cry of harm in a language that nothing else told."""
    for table in TABLES.values():
        found = find_urgency(table, said)
        if found is not None and found[0] is Urgency.HIGH:
            words = (f'high urgency ({found[1]}): "{found[2]}"', "treated as a complaint until a person has read it")
            return Judgement(Category.COMPLAINT, (), Urgency.HIGH, 0.5, words, 0.5)
    return None


def _judge(said: str, hits: list[Hit], table: CueTable, topics: tuple[str, ...]) -> Judgement:
    scores = _scores(said, hits)
    leaves = scores[Category.UNSUBSCRIBE] >= 3
    category = _weigh(scores, leaves)
    reasons = [_told(hit) for hit in _telling(hits, category)]
    confidence = _confidence(scores, category)
    urgency = Urgency.NORMAL
    if category is not Category.THANKS and (urgent := find_urgency(table, said)):
        urgency, rule, words = urgent
        reasons.append(f'{urgency.value} urgency ({rule}): "{words}"')
        if category in (Category.OTHER, Category.QUESTION) and rule != "cancellation":
            category, confidence = Category.COMPLAINT, 0.5
            reasons.append(f"{rule} is treated as a complaint until a person has read it")
    likely = 1 / (1 + math.exp(-(scores[Category.COMPLAINT] - 2.0)))
    return Judgement(
        category,
        topics,
        urgency,
        round(confidence, 2),
        tuple(reasons) or ("no cue speaks for anything",),
        round(max(likely, 0.5 if category is Category.COMPLAINT else 0.0), 4),
        leaves,
    )


def _weigh(scores: Mapping[Category, float], leaves: bool) -> Category:
    if leaves:
        angry = scores[Category.COMPLAINT] >= scores[Category.UNSUBSCRIBE] + 2
        return Category.COMPLAINT if angry else Category.UNSUBSCRIBE
    best = max(_ORDER, key=lambda one: (scores[one], -_ORDER.index(one)))
    return best if scores[best] >= _FLOOR else Category.OTHER


def asks_to_leave(text: str, subject: str) -> bool:
    """Whether it says nothing but "unsubscribe": a bare command in the text, or in the subject over an empty text.

    Asked before anything else, of machine mail too (mail programs send it for their users; RFC 2369 3.2).
    """
    line = text.strip()
    if not line:
        return not _REPLY_MARK.match(subject) and _is_command(subject)
    return len(line) < 60 and _is_command(line)


def find_topics(text: str, topics: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The topics whose cue words `text` (lower-case) uses, those with most different ones first.

    A word counts where another begins with it, up to three letters only as a whole word; a phrase as it stands.
    """
    found: list[tuple[int, int, str]] = []
    for name, cues in topics.items():
        places = [match.start() for cue in cues if (match := _topic_pattern(cue).search(text[:READ]))]
        if places:
            found.append((-len(places), min(places), name))
    return tuple(name for _, _, name in sorted(found)[:MOST_TOPICS])


def _topic_pattern(cue: str) -> re.Pattern[str]:
    word = cue.strip().lower()
    rest = r"(?:s|'s)?(?!\w)" if len(word) <= 3 or " " in word else ""
    return re.compile(r"(?<!\w)" + re.escape(word) + rest)


def _plain(text: str) -> str:
    return text[:READ].lower().replace("’", "'").replace("`", "'")


def _is_command(line: str) -> bool:
    low = _plain(line)
    words = [word for word in re.findall(r"[\w'-]+", low) if word not in _POLITE]
    return (len(words) == 1 and words[0] in _COMMANDS) or low.strip(" .!") in _LEAVE_PHRASES


def _best_table(said: str, language: str) -> tuple[str, list[Hit]]:
    """The language whose cues are used; where it is unknown, or its cues find nothing, the one with clear hits."""
    if language and language not in TABLES:
        return "", []
    if language and (hits := find_cues(TABLES[language], said)):
        return language, hits
    tried = [(name, find_cues(table, said)) for name, table in TABLES.items()]
    name, hits = max(tried, key=lambda one: sum(abs(hit.weight) for hit in one[1]))
    needed = 3 if language else 2
    return (name, hits) if sum(abs(hit.weight) for hit in hits) >= needed else (language, [])


def _shape(text: str) -> list[Hit]:
    """What the form of a text says: shouting, rows of exclamation marks."""
    found = []
    letters = [char for char in text[:READ] if char.isalpha()]
    if len(letters) > 12 and sum(char.isupper() for char in letters) > 0.6 * len(letters):
        found.append(Hit(Category.COMPLAINT, 1.0, "WRITTEN IN CAPITALS"))
    if "!!" in text or "?!" in text or "??" in text:
        found.append(Hit(Category.COMPLAINT, 1.0, "!!"))
    return found


def _scores(said: str, hits: list[Hit]) -> dict[Category, float]:
    scores = dict.fromkeys(_ORDER, 0.0)
    for hit in hits:
        scores[hit.category] += hit.weight
    scores[Category.COMPLAINT] -= 0.5 * scores[Category.THANKS] if scores[Category.COMPLAINT] < 3 else 0.0
    if scores[Category.COMPLAINT] >= 3:
        scores[Category.THANKS] -= 0.5 * scores[Category.COMPLAINT]
    asks = said.rstrip().endswith("?") or scores[Category.QUESTION] >= 4
    if asks and scores[Category.COMPLAINT] < 3:
        scores[Category.COMPLAINT] *= 0.6
    scores[Category.QUESTION] = min(scores[Category.QUESTION], 5.0)
    scores[Category.THANKS] = min(scores[Category.THANKS], 6.0)
    return scores


def _telling(hits: list[Hit], category: Category) -> list[Hit]:
    chosen = [hit for hit in hits if hit.category == category and hit.weight > 0]
    against = [hit for hit in hits if hit.weight < 0]
    rest = [hit for hit in hits if hit.category != category and hit.weight >= 2]
    ordered = [sorted(some, key=lambda hit: -abs(hit.weight)) for some in (chosen, against, rest)]
    return [*ordered[0][:4], *ordered[1][:2], *ordered[2][:2]]


def _told(hit: Hit) -> str:
    side = "for" if hit.weight > 0 else "against"
    return f'"{" ".join(hit.words.split())}" speaks {side} {hit.category.value} ({hit.weight:+g})'


def _confidence(scores: Mapping[Category, float], category: Category) -> float:
    """The margin to the next best category, as a share: measured on the corpus, half right at 0.4, all at 0.85."""
    if category is Category.OTHER:
        return 0.4
    margin = scores[category] - max(_FLOOR, *(scores[one] for one in _ORDER if one != category))
    return min(0.35 + 0.6 * (1 - math.exp(-max(margin, 0.0) / 3.0)), 0.95)
