"""How well replies are understood, measured on a labelled file: `python -m tests.benchmarks.bench_understanding FILE`.

FILE is CSV or JSON lines as `outreach replies classify` takes it. Its rows are split by a hash of their text: one part
may be looked at while cues are built, the other never is, and only that is measured. `--all` measures all
rows of a set that nobody has looked at. Where rows have topics, these are measured too, after 5,000 reviews.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from collections.abc import Sequence
from pathlib import Path

from outreach.prose import guess_language
from outreach.replies.classify import classify, weigh
from outreach.replies.learn import Example, train, try_out
from outreach.replies.learned import NOTHING, Learned, features
from outreach.work.labels import Columns, Labelled, area_under_curve, read_labels

SEED = 20_261_127
REVIEWS = (0, 200, 1000)
TOPIC_REVIEWS = 5000


def never_looked_at(row: Labelled) -> bool:
    """Which half a row belongs to: decided by its text alone, so that it is the same for ever."""
    return int(hashlib.sha256(row.text.encode()).hexdigest()[:8], 16) % 2 == 1


def example(row: Labelled) -> Example:
    """A row as a review of it would be kept."""
    weighed = weigh(row.text, row.subject, row.language or guess_language(row.text), {})
    complaint = row.complaint if weighed.scores is not None else None
    return Example(tuple(features(weighed.said)), weighed.odds, complaint, topics=row.topics)


def judged(rows: Sequence[Labelled], learned: Learned) -> list[tuple[float, bool]]:
    """(likelihood of a complaint, whether it is one), as the program judges each row."""
    found = []
    for row in rows:
        language = row.language or guess_language(row.text)
        found.append((classify(row.text, row.subject, language, {}, learned).complaint, bool(row.complaint)))
    return found


def complaints(rows: list[Labelled], seed: int) -> None:
    """Cold, and after reviews of other rows of the same part."""
    random.Random(seed).shuffle(rows)
    for reviews in REVIEWS:
        asked = rows[max(REVIEWS) :] if len(rows) > max(REVIEWS) + 200 else rows[len(rows) // 2 :]
        asked = rows if reviews == 0 else asked
        taught = rows[:reviews]
        if reviews and len(rows) - len(asked) < reviews:
            print(f"after {reviews} reviews: the file has too few rows")
            continue
        learned = train([example(row) for row in taught]) if taught else NOTHING
        pairs = judged(asked, learned)
        right = sum((likely >= 0.5) == complaint for likely, complaint in pairs) / len(pairs)
        area = area_under_curve(pairs)
        told = "cold, by the cues alone" if not reviews else f"after {reviews:,} reviews"
        print(
            f"{told}: AUC {area or 0:.3f}, {right:.3f} right of {len(pairs):,}, measured on none of the reviewed rows"
        )


def flipped(rows: list[Labelled], seed: int) -> None:
    """Whether reviews with 30 % of their labels turned round are refused, and right ones are not."""
    for share in (0.0, 0.3):
        draw = random.Random(seed)
        kept = []
        for row in rows[:1000]:
            wrong = draw.random() < share
            kept.append(Labelled(row.row, row.text, complaint=bool(row.complaint) ^ wrong))
        trial = try_out([example(row) for row in kept])
        print(f"{share:.0%} of {len(kept)} labels flipped: {'refused: ' + trial.refused if trial.refused else 'kept'}")


def topics(rows: list[Labelled], seed: int) -> None:
    """A topic among the first three, on rows that were not learned from."""
    random.Random(seed).shuffle(rows)
    taught, asked = rows[:TOPIC_REVIEWS], rows[TOPIC_REVIEWS : TOPIC_REVIEWS + 3000]
    if len(asked) < 200:
        taught, asked = rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :]
    began = time.process_time()
    model = train([Example(one.features, one.odds, None, topics=one.topics) for one in map(example, taught)])
    spent = time.process_time() - began
    ranked = [(model.rank(example(row).features, ()), set(row.topics)) for row in asked]
    first = sum(bool(set(found[:1]) & right) for found, right in ranked) / len(ranked)
    third = sum(bool(set(found[:3]) & right) for found, right in ranked) / len(ranked)
    names = len({name for row in rows for name in row.topics})
    print(
        f"topics, {names} of them, after {len(taught):,} reviews: first {first:.3f}, among the first three {third:.3f}"
        f" of {len(asked):,}; learned in {spent:.1f} s of CPU"
    )


def speed(rows: Sequence[Labelled]) -> None:
    """CPU time for a reply, the language guessed and a model asked."""
    model = train([example(row) for row in rows[:1000]])
    some = rows[:1000]
    for name, learned in (("cold", NOTHING), ("with a model", model)):
        began = time.process_time()
        for row in some:
            classify(row.text, row.subject, guess_language(row.text), {"app": ["app", "wifi"]}, learned)
        each = (time.process_time() - began) / len(some) * 1000
        print(
            f"a reply {name}: {each:.3f} ms of CPU, {sum(len(row.text) for row in some) // len(some)} characters each"
        )


def main() -> None:
    """Measure one file."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", type=Path)
    asked.add_argument("--all", action="store_true", help="nobody has looked at any of its rows")
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--text-column", default="")
    asked.add_argument("--label-column", default="")
    asked.add_argument("--topic-column", default="")
    asked.add_argument("--complaint-is", default="")
    told = asked.parse_args()
    columns = Columns(told.text_column, told.label_column, told.topic_column, told.complaint_is)
    rows = read_labels(told.file, columns).rows
    rows = [row for row in rows if told.all or never_looked_at(row)]
    labelled = [row for row in rows if row.complaint is not None]
    print(f"{told.file.name}: {len(rows):,} rows measured, seed {told.seed}")
    if labelled:
        complaints(list(labelled), told.seed)
        flipped(list(labelled), told.seed)
    about = [row for row in rows if row.topics]
    if about:
        topics(about, told.seed)
    speed(rows)


if __name__ == "__main__":
    main()
