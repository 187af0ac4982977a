"""Learning from reviews and files of labels: examples kept, a model tried on what it has not seen, kept or refused.

Law: training happens outside of any transaction and comes into force only if nothing else has meanwhile; each review
counts at once, as a small step beside the model in force, until enough have come for a new one to be tried.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from ..errors import InputError
from ..prose import guess_language
from ..records import Category, Inbound, LearnedExample, ModelState, ReplyModel, Verdict
from ..replies.classify import weigh
from ..replies.learn import Example, Shares, Trial, go_on, train, try_out
from ..replies.learned import NOTHING, Learned, features, pack, unpack
from ..store.learning import (
    Standing,
    add_examples,
    examples_of,
    forget_example,
    models_of,
    put_in_force,
    set_aside,
    standing,
)
from .workspace import Workspace

EVERY = 25
"""Reviews after which a new model is tried; a twentieth of all where that is more."""
REVIEW = "review"


@dataclass(frozen=True)
class Lesson:
    """What a try came to. `version`: the number of the model that was made, whether or not it is in force."""

    version: int
    kept: bool
    examples: int
    new: int
    trial: Trial


@dataclass
class _Kept:
    """The model last read, so that a thousand replies do not read it a thousand times."""

    place: str = ""
    at: tuple[int, int, int] = (0, 0, 0)
    model: Learned = field(default_factory=Learned)


_LAST = _Kept()


def model_of(workspace: Workspace) -> Learned:
    """What reviews have taught by now: the model in force, and the reviews since then, taken in one by one."""
    with workspace.database.read() as session:
        stand = standing(session)
        if not stand.last:
            return NOTHING
        at = (stand.version, stand.last, stand.waiting)
        if (_LAST.place, _LAST.at) == (workspace.database.place, at):
            return _LAST.model
        row = session.get(ReplyModel, stand.version) if stand.version else None
        late = [] if stand.refused else examples_of(session, after=stand.mark)
    model = _unpacked(row)
    model.version = stand.version
    _LAST.model = go_on(model, [_example(one, stand.mark) for one in late])
    _LAST.place, _LAST.at = workspace.database.place, at
    return _LAST.model


def _unpacked(row: ReplyModel | None) -> Learned:
    """A version's model; the cues alone where its bytes are spoilt: a reply must be read all the same."""
    try:
        return unpack(row.weights) if row is not None else Learned()
    except ValueError:
        return Learned()


def note_review(session: Session, workspace: Workspace, inbound: Inbound, verdict: Verdict | None) -> None:
    """Let a review count: what was decided about a message is an example; taken back (None) it is one no longer."""
    assert inbound.id is not None
    forget_example(session, inbound.id)
    if verdict is None or verdict.category is Category.MACHINE or not (inbound.text or inbound.subject):
        return
    example = example_of(
        workspace,
        inbound.text,
        inbound.subject,
        inbound.language,
        category=verdict.category,
        topics=verdict.topics,
        at=verdict.at,
        source=REVIEW,
        key=f"inbound {inbound.public_id}",
    )
    example.inbound_id = inbound.id
    add_examples(session, [example])


def example_of(
    workspace: Workspace,
    text: str,
    subject: str,
    language: str,
    *,
    at: datetime,
    source: str,
    complaint: bool | None = None,
    category: Category | None = None,
    topics: Sequence[str] = (),
    key: str = "",
) -> LearnedExample:
    """A decision as it is kept. Whether it is a complaint follows from the category, where only that is given."""
    weighed = weigh(text, subject, language or guess_language(text or subject), workspace.settings.topics)
    if category is not None and complaint is None:
        complaint = category is Category.COMPLAINT
    return LearnedExample(
        at=at,
        source=source,
        key=key or hashlib.sha256(f"{subject}\n{text}".encode("utf-8", "surrogatepass")).hexdigest(),
        features=array("I", sorted(features(weighed.said))).tobytes(),
        odds=round(weighed.odds, 6),
        by_cues=list(weighed.topics),
        complaint=complaint if weighed.scores is not None else None,
        category=category if weighed.scores is not None else None,
        topics=list(dict.fromkeys(topics)),
    )


def learn_if_due(workspace: Workspace, *, by: str) -> Lesson | None:
    """Try a new model where enough has been decided since the last one; None where not."""
    with workspace.database.read() as session:
        stand = standing(session)
    if stand.waiting < max(EVERY, stand.last // 20):
        return None
    return learn(workspace, by=by)


def learn(workspace: Workspace, *, by: str) -> Lesson:
    """Make a model of everything decided so far, and put it in force if hold-outs show that it is no worse.

    Raises InputError where there is nothing to learn from.
    """
    with workspace.database.read() as session:
        stand = standing(session)
        rows = examples_of(session)
    if not rows:
        raise InputError(
            "nothing has been decided yet that could be learned from",
            remedy="Review what came in (`outreach replies review`), or give a file with labels.",
        )
    examples = [_example(one, stand.mark) for one in rows]
    trial = try_out(examples)
    model = train(examples)
    version = _write(workspace, stand, model, trial, by=by, mark=rows[-1].id or 0)
    return Lesson(version, not trial.refused, len(rows), sum(one.new for one in examples), trial)


def _write(workspace: Workspace, stand: Standing, model: Learned, trial: Trial, *, by: str, mark: int) -> int:
    with workspace.database.write() as session:
        if standing(session).version != stand.version:
            raise InputError("another model came into force meanwhile", remedy="Run the command again.")
        row = ReplyModel(
            at=workspace.clock(),
            by=by,
            state=ModelState.REFUSED,
            mark=mark,
            examples=model.examples,
            figures=figures_of(trial),
            reason=trial.refused or "no worse than before on what was held out",
            weights=pack(model),
        )
        session.add(row)
        session.flush()
        if not trial.refused:
            put_in_force(session, row, left=ModelState.REPLACED)
        return row.id or 0


def go_back(workspace: Workspace, version: int | None) -> int:
    """Put an earlier version in force (0: the cues alone; None: the one before), and learn no longer from what came
    behind it. How many examples that sets aside. Raises InputError where there is no such version.
    """
    with workspace.database.write() as session:
        stand = standing(session)
        if version is None:
            version = _before(session, stand.version)
        row = session.get(ReplyModel, version) if version else None
        if version and (row is None or row.state is ModelState.REFUSED):
            raise InputError(
                f"there is no version {version} that was in force", remedy="`outreach replies models` lists them."
            )
        mark = row.mark if row is not None else 0
        put_in_force(session, row, left=ModelState.ROLLED_BACK)
        if mark > stand.mark:
            set_aside(session, after=stand.mark, until=mark, aside=False)
        return set_aside(session, after=mark)


def _before(session: Session, version: int) -> int:
    if not version:
        raise InputError("no model is in force: the cues decide alone", remedy="`outreach replies models` lists all.")
    rows = [row for row in models_of(session) if row.state is ModelState.REPLACED and (row.id or 0) < version]
    return max((row.id or 0 for row in rows), default=0)


def figures_of(trial: Trial) -> dict[str, float | int | None]:
    """A trial as it is kept and printed: shares that were right of what was held out, before and after."""
    return {
        "held_out": trial.told.asked,
        "accuracy": _rounded(trial.told),
        "accuracy_before": _rounded(trial.told_before),
        "topics_held_out": trial.top3.asked,
        "topic_top3": _rounded(trial.top3),
        "topic_top3_before": _rounded(trial.top3_before),
        "surest": _rounded(trial.clear),
    }


def _rounded(shares: Shares) -> float | None:
    return None if shares.share is None else round(shares.share, 4)


def _example(row: LearnedExample, mark: int) -> Example:
    found = array("I")
    found.frombytes(row.features)
    return Example(
        tuple(found),
        row.odds,
        row.complaint,
        row.category,
        tuple(row.topics),
        tuple(row.by_cues),
        new=(row.id or 0) > mark,
    )
