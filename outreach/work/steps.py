"""A person's word on a step: yes to what was proposed, no, or take back what was applied.

Law: what is approved is the effect that was written down when it was proposed; a step is decided once, whoever is
quicker; what is taken back leaves the step standing, with who did it and why.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..errors import InputError, UsageError
from ..plan.correction import PEOPLE, different_people
from ..plan.effects import Effect, ErrorNoted, NewBoost, NewHold, NewTrend, StopEdition, read_effect
from ..records import CaseState, Step, StepState
from ..store.cases import load_case
from ..store.plan import apply_effect, drop_boost, lift_hold, resume_edition
from ..store.steps import decide_step, find_step, pointed_at, stops_in_force
from .correction import lengthen
from .workspace import Workspace

CLOSED = (CaseState.SOLVED, CaseState.CONFIRMED, CaseState.DISMISSED)


def approve_step(workspace: Workspace, step_id: int, *, by: str, words: str = "") -> Step:
    """Say yes: the step's effect is made so. Raises UsageError for no such step, InputError where it is decided
    already, or its case is closed meanwhile."""
    now = workspace.clock()
    with workspace.database.write() as session:
        step = _step(session, step_id, StepState.PROPOSED, "proposed")
        effect = read_effect(step.effect)
        case = load_case(session, step.case_id) if step.case_id is not None else None
        if isinstance(effect, NewHold) and case is not None and case.state in CLOSED:
            raise InputError(f"case {case.id} is {case.state.value} meanwhile: there is nothing left to hold for")
        _decide(session, step, StepState.APPLIED, by, words, now)
        if effect is not None:
            apply_effect(session, effect, now)
        return step


def refuse_step(workspace: Workspace, step_id: int, *, by: str, words: str = "") -> Step:
    """Say no: nothing changes. Raises as `approve_step` does."""
    now = workspace.clock()
    with workspace.database.write() as session:
        step = _step(session, step_id, StepState.PROPOSED, "proposed")
        _decide(session, step, StepState.REFUSED, by, words, now)
        return step


def undo_step(workspace: Workspace, step_id: int, *, by: str, words: str = "") -> Step:
    """Take back what was applied. Raises UsageError for no such step, InputError for one that cannot be taken back."""
    with workspace.database.read() as session:
        stopping = read_effect(_step(session, step_id, StepState.APPLIED, "in force").effect)
    if isinstance(stopping, StopEdition):
        lengthen(workspace, stopping.edition_id)
    now = workspace.clock()
    with workspace.database.write() as session:
        step = _step(session, step_id, StepState.APPLIED, "in force")
        effect = read_effect(step.effect)
        _decide(session, step, StepState.UNDONE, by, words, now)
        _take_back(session, step, effect, now)
        return step


def _take_back(session: Session, step: Step, effect: Effect | None, now: datetime) -> None:
    match effect:
        case NewHold():
            lift_hold(session, effect, now)
        case NewBoost():
            drop_boost(session, effect, now)
        case StopEdition():
            resume_edition(session, effect)
        case ErrorNoted():
            _recount(session, effect.edition_id, step, now)
        case NewTrend():
            if step.edition_id is not None:
                raise InputError(
                    f"step {step.id} came into an issue that is planned already",
                    remedy="Its tips are chosen as each mail leaves: cancel the campaign to stop it.",
                )
        case _:
            remedy = f"Open its case again: outreach cases reopen {step.case_id}" if step.case_id else ""
            raise InputError(
                f"step {step.id} only ended or told something: there is nothing to take back", remedy=remedy
            )


def let_on(workspace: Workspace, edition_id: int, *, by: str) -> bool:
    """A person lets an edition go on that an error had stopped; False where none did."""
    with workspace.database.read() as session:
        found = [step.id or 0 for step, _, _ in stops_in_force(session, edition_id)]
    for step_id in found:
        undo_step(workspace, step_id, by=by, words="let go on as it is")
    return bool(found)


def _recount(session: Session, edition_id: int, taken: Step, now: datetime) -> None:
    """Where too few people are left who point at an error, what they had stopped goes on."""
    people = different_people((one.customer_id, one.author) for one in pointed_at(session, edition_id))
    for step, _, _ in stops_in_force(session, edition_id) if people < PEOPLE else ():
        stop, words = read_effect(step.effect), f"step {taken.id} was taken back"
        _decide(session, step, StepState.UNDONE, taken.decided_by, words, now)
        if isinstance(stop, StopEdition):
            resume_edition(session, stop)


def _step(session: Session, step_id: int, wanted: StepState, words: str) -> Step:
    step = find_step(session, step_id)
    if step is None:
        raise UsageError(f"there is no step {step_id}", remedy="`outreach steps list` shows the numbers.")
    if step.state is not wanted:
        who = f" by {step.decided_by}" if step.decided_by else ""
        raise InputError(f"step {step_id} is not {words}: it is {step.state.value}{who}")
    return step


def _decide(session: Session, step: Step, after: StepState, by: str, words: str, now: datetime) -> None:
    if not decide_step(session, step.id or 0, step.state, after, by=by, words=words, now=now):
        raise InputError(f"step {step.id} was decided by somebody else at this moment")
    session.refresh(step)
