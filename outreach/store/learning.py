"""Kept: what people's decisions on replies have taught, as examples and as versions of a model.

Law: the text of an example is not here, only what it was learned as; one model at most is in force. The caller commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..records import LearnedExample, ModelState, ReplyModel
from .prepared import Prepared


@dataclass(frozen=True)
class Standing:
    """Where learning stands: the version in force (0: none), its mark, the last example, how many came behind the mark;
    and the mark of the last attempt, whatever became of it.
    """

    version: int
    mark: int
    last: int
    waiting: int
    tried: int
    refused: bool


def standing(session: Session) -> Standing:
    """What is in force, and what waits to be learned from."""
    force = next(iter(_IN_FORCE.rows(session)), None)
    latest = next(iter(_LATEST.rows(session)), None)
    version, mark = (int(force[0]), int(force[1])) if force is not None else (0, 0)
    tried = int(latest[0]) if latest is not None else 0
    last = _LAST.rows(session)[0][0] or 0
    waiting = _WAITING.rows(session, tried=tried)[0][0]
    refused = latest is not None and ModelState(latest[1]) is ModelState.REFUSED
    return Standing(version, mark, int(last), int(waiting), tried, refused)


_IN_FORCE = Prepared(
    select(col(ReplyModel.id), col(ReplyModel.mark))
    .where(col(ReplyModel.state) == ModelState.IN_FORCE)
    .order_by(col(ReplyModel.id).desc())
    .limit(1)
)
_LATEST = Prepared(select(col(ReplyModel.mark), col(ReplyModel.state)).order_by(col(ReplyModel.id).desc()).limit(1))
_LAST = Prepared(select(func.max(col(LearnedExample.id))))
_WAITING = Prepared(
    select(func.count()).where(col(LearnedExample.id) > bindparam("tried"), col(LearnedExample.set_aside).is_(False))
)


def add_examples(session: Session, rows: Sequence[LearnedExample]) -> int:
    """Keep examples; one whose key stands already is replaced where it says something else. How many are new."""
    added = 0
    for row in rows:
        query = orm_select(LearnedExample).where(LearnedExample.key == row.key)
        known = session.exec(query).first()
        if known is not None:
            same = (known.complaint, known.category, known.topics) == (row.complaint, row.category, row.topics)
            if same and not known.set_aside:
                continue
            session.delete(known)
            session.flush()
        session.add(row)
        added += 1
    session.flush()
    return added


def forget_example(session: Session, inbound_id: int) -> None:
    """Learn no longer from what was decided about a message."""
    session.execute(delete(LearnedExample).where(col(LearnedExample.inbound_id) == inbound_id))


def examples_of(session: Session, *, after: int = 0) -> list[LearnedExample]:
    """What may be learned from, in the order in which it was decided; only what came behind `after`."""
    query = orm_select(LearnedExample).where(col(LearnedExample.set_aside).is_(False), col(LearnedExample.id) > after)
    return list(session.exec(query.order_by(col(LearnedExample.id))))


def models_of(session: Session, limit: int = 100) -> list[ReplyModel]:
    """The versions, newest first, without their weights being read."""
    query = orm_select(ReplyModel).options(defer(ReplyModel.weights, raiseload=True))  # type: ignore[arg-type]
    return list(session.exec(query.order_by(col(ReplyModel.id).desc()).limit(limit)))


def put_in_force(session: Session, model: ReplyModel | None, *, left: ModelState) -> None:
    """Let this version (or none: the cues alone) be in force; `left`: what becomes of the one that was."""
    in_force = col(ReplyModel.state) == ModelState.IN_FORCE
    session.execute(update(ReplyModel).where(in_force).values(state=left))
    if model is not None:
        model.state = ModelState.IN_FORCE
        session.add(model)
    session.flush()


def set_aside(session: Session, *, after: int, until: int | None = None, aside: bool = True) -> int:
    """Learn no longer (or, with `aside` false, again) from what came behind a mark. How many that are."""
    which = [col(LearnedExample.id) > after, col(LearnedExample.set_aside).is_(not aside)]
    if until is not None:
        which.append(col(LearnedExample.id) <= until)
    found = session.execute(update(LearnedExample).where(*which).values(set_aside=aside))
    return int(getattr(found, "rowcount", 0))
