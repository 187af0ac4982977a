"""Learning from a file of labels: its rows become examples, and the model that they give is tried at once.

Law: a file whose model is refused leaves nothing behind that later tries would learn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..replies.learned import Learned, features, share_of
from ..replies.tokens import pieces, plain
from ..store.database import rows_in_chunks
from ..store.learning import add_examples, set_aside, standing
from .labels import Labelled
from .learn import Lesson, example_of, learn, model_of
from .workspace import Workspace

CHUNK = 100
SEEN_OFTEN = 3
"""Texts in which a piece must stand to be told as learned."""


@dataclass(frozen=True)
class FileLesson:
    """What a file taught. `known`: rows that were here already; `strongest`: (piece, what it adds), for and against."""

    lesson: Lesson
    taken: int
    known: int
    unlabelled: int
    strongest: tuple[tuple[str, float], ...]


def learn_from_rows(
    workspace: Workspace, rows: Sequence[Labelled], *, source: str, by: str, tick: Callable[[], None] = lambda: None
) -> FileLesson:
    """Take labelled rows as examples and try the model that they give, with all that was decided before.

    Raises InputError where no row has a label.
    """
    useful = [row for row in rows if row.complaint is not None or row.topics]
    if not useful:
        raise InputError(
            "no row has a label to learn from",
            remedy="Name the columns: --label-column for complaint or not, --topic-column for the topic.",
        )
    with workspace.database.read() as session:
        before = standing(session).last
    taken = 0
    for some in rows_in_chunks(useful, CHUNK):
        made = []
        for row in some:
            made.append(
                example_of(
                    workspace,
                    row.text,
                    row.subject,
                    row.language,
                    at=workspace.clock(),
                    source=source,
                    complaint=row.complaint,
                    category=row.category,
                    topics=row.topics,
                )
            )
            tick()
        with workspace.database.write() as session:
            taken += add_examples(session, made)
    lesson = learn(workspace, by=by)
    if not lesson.kept:
        with workspace.database.write() as session:
            set_aside(session, after=before)
    strongest = strongest_pieces(model_of(workspace), [row.text for row in useful]) if lesson.kept else ()
    return FileLesson(lesson, taken, len(useful) - taken, len(rows) - len(useful), strongest)


def strongest_pieces(model: Learned, texts: Sequence[str], most: int = 8) -> tuple[tuple[str, float], ...]:
    """The pieces of these texts that weigh most in the model, in log-odds: for a complaint, then against one."""
    counts: Counter[str] = Counter()
    weights: dict[str, float] = {}
    for text in texts:
        found = features(pieces(plain(text)))
        share = share_of(list(found))
        for one, piece in found.items():
            if one in model.complaint:
                counts[piece] += 1
                weights[piece] = weights.get(piece, 0.0) + share * model.complaint[one]
    often = [(piece, weights[piece] / count) for piece, count in counts.items() if count >= SEEN_OFTEN]
    up = sorted((one for one in often if one[1] > 0), key=lambda one: (-one[1], one[0]))[:most]
    down = sorted((one for one in often if one[1] < 0), key=lambda one: (one[1], one[0]))[:most]
    return (*up, *down)
