"""Causes: what several cases have in common, and the letters that are drafted when it is fixed.

Law: a draft is a campaign file in the workspace, applied and never sent: a person reads it, changes it and sends it. A
file that stands there is left as it is. Whom a letter goes to is settled when it is sent: once each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from ..audience.segment import Segment
from ..errors import InputError, SettingsError, UsageError
from ..newsletter.whom import Whom, WhomKind
from ..plan.cause import CaseWords, Letter, likely_cases, silent_letter, told_letter
from ..plan.steps import StepDraft
from ..records import Case, CaseState, Cause, CauseState
from ..store.campaigns import campaign_named
from ..store.causes import all_causes, cases_of_cause, find_cause, link_case, unlink_case, unlinked_cases, whom_filter
from ..store.customers import list_id_of, list_names, stream_people
from ..store.plan import apply_step
from ..store.saved_segments import load_segment
from .casework import find_case
from .compose import apply_campaign
from .segments import check_rule
from .workspace import Workspace

DRAFTS = "drafts"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


@dataclass(frozen=True)
class CauseView:
    """A cause with its cases. `told`: customers to write to; `public`: cases of people whose address nobody knows;
    `silent`: who may have it and never told (None: no segment says who); `likely`: other cases, and the words shared.
    """

    cause: Cause
    cases: tuple[Case, ...]
    told: int
    public: tuple[int, ...]
    silent: int | None
    likely: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Drafted:
    """A letter: the campaign, its file, and for how many it is. `kept`: the file stood there and was left as it is."""

    campaign: str
    file: str
    people: int
    kept: bool


def add_cause(workspace: Workspace, name: str, *, title: str, topic: str = "", segment: str = "", by: str) -> None:
    """A new cause. Raises UsageError for a name that is taken or none, InputError for a wrong segment or topic."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a cause's name", remedy="Use lower-case letters, digits and dashes.")
    with workspace.database.read() as session:
        check_rule(session, workspace, segment)
    if topic and topic not in workspace.settings.topics:
        raise InputError(f"there is no topic {topic!r}", remedy=f"There are: {', '.join(workspace.settings.topics)}.")
    with workspace.database.write() as session:
        if find_cause(session, name) is not None:
            raise UsageError(f"there is a cause called {name} already", remedy=f"See: outreach causes show {name}")
        now = workspace.clock()
        state = CauseState.OPEN
        made = Cause(name=name, title=title, topic=topic, segment=segment, state=state, opened_at=now, opened_by=by)
        session.add(made)


def link_cases(workspace: Workspace, name: str, case_ids: Sequence[int], *, by: str) -> int:
    """Say that these cases come from the cause; how many were new. Raises UsageError for what there is not."""
    with workspace.database.write() as session:
        cause = known_cause(session, name)
        for case_id in case_ids:
            find_case(session, case_id)
        now = workspace.clock()
        return sum(link_case(session, cause.id or 0, case_id, by=by, at=now) for case_id in case_ids)


def unlink_cases(workspace: Workspace, case_ids: Sequence[int]) -> int:
    """Say that these cases come from no known cause; how many changed."""
    with workspace.database.write() as session:
        return sum(unlink_case(session, case_id) for case_id in case_ids)


def known_cause(session: Session, name: str) -> Cause:
    """The cause of that name. Raises UsageError with those that there are."""
    cause = find_cause(session, name)
    if cause is None:
        names = ", ".join(found.name for found, _ in all_causes(session)) or "none yet"
        raise UsageError(f"there is no cause called {name}", remedy=f"There are: {names}.")
    return cause


def view_cause(session: Session, workspace: Workspace, name: str, list_name: str = "") -> CauseView:
    """A cause, its cases, whom a letter would reach, and other cases that may belong to it."""
    cause = known_cause(session, name)
    cases = tuple(cases_of_cause(session, cause.id or 0))
    standing = [case for case in cases if case.state is not CaseState.DISMISSED]
    silent = None
    if cause.segment.strip():
        rule = load_segment(session, cause.segment, workspace.clock())
        silent = _count_silent(session, cause.name, rule, _list_of(session, list_name)[1])
    others = [CaseWords(case.id or 0, case.topic, case.summary) for case in unlinked_cases(session)]
    known = [cause.title, *(case.summary for case in standing)]
    return CauseView(
        cause=cause,
        cases=cases,
        told=len({case.customer_id for case in standing if case.customer_id is not None}),
        public=tuple(case.id or 0 for case in standing if case.customer_id is None),
        silent=silent,
        likely=tuple(likely_cases(cause.topic, known, others)),
    )


def _count_silent(session: Session, name: str, rule: Segment, list_id: int) -> int:
    chosen = whom_filter(Whom(WhomKind.SILENT, name), None, None)
    return sum(1 for _ in stream_people(session, list_id, rule, among=chosen))


def _list_of(session: Session, name: str) -> tuple[str, int]:
    """The list of a letter: the one named, else the only one. Raises UsageError where that is not clear."""
    names = list_names(session)
    chosen = name or (names[0] if len(names) == 1 else "")
    found = list_id_of(session, chosen) if chosen else None
    if found is None:
        remedy = f"Name it with --list; there are: {', '.join(names)}."
        raise UsageError(f"there is no list called {name}" if name else "which list is the letter for?", remedy=remedy)
    return chosen, found


def mark_fixed(workspace: Workspace, name: str, fix: str, *, by: str, list_name: str = "") -> list[Drafted]:
    """The cause is fixed: draft the letter to everyone who told us, and where a segment says who else may have it, the
    one to them. Said again, it drafts for nobody twice: whoever has had a letter is left out when it is sent.

    Raises UsageError for no such cause or list, InputError for an empty text.
    """
    if not fix.strip():
        raise InputError("it is not said what was done", remedy='Say it: --fix "The new version no longer blinks."')
    now = workspace.clock()
    with workspace.database.write() as session:
        cause = known_cause(session, name)
        chosen, _ = _list_of(session, list_name)
        cause.state, cause.fix, cause.fixed_at, cause.fixed_by = CauseState.FIXED, fix.strip(), now, by
        session.add(cause)
    with workspace.database.read() as session:
        view = view_cause(session, workspace, name, chosen)
    identity = workspace.settings.identity
    common = (view.cause.title, view.cause.fix)
    letters = []
    if view.told:
        letters.append((told_letter(name, *common, chosen, identity.company, identity.language), view.told, "told us"))
    if view.silent:
        segment = view.cause.segment
        letter = silent_letter(name, *common, segment, chosen, identity.company, identity.language)
        letters.append((letter, view.silent, "may have it and never told us"))
    done = []
    for letter, people, words in letters:
        drafted = draft_letter(workspace, letter, people)
        what = f"drafted {letter.name} to {people} who {words}"
        evidence = {"cause": name, "cases": [case.id for case in view.cases][:50], "people": people}
        note_draft(workspace, letter.name, "cause_fixed", what, f"{by} marked {name} as fixed", evidence)
        done.append(drafted)
    return done


def draft_letter(workspace: Workspace, letter: Letter, people: int) -> Drafted:
    """Write the letter's file, unless one stands there, and apply it: `outreach send` is then all that is left."""
    path = workspace.root / DRAFTS / f"{letter.name}.md"
    kept = path.exists()
    if not kept:
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(letter.text, encoding="utf-8")
        except OSError as wrong:
            raise SettingsError(f"{path} cannot be written: {wrong.strerror}") from wrong
    applied = apply_campaign(workspace, path)
    return Drafted(applied.name, str(path.relative_to(workspace.root)), people, kept)


def note_draft(
    workspace: Workspace, campaign: str, rule: str, what: str, reason: str, evidence: dict[str, Any]
) -> None:
    """Keep as a step that a letter was drafted, and why."""
    with workspace.database.write() as session:
        found = campaign_named(session, campaign)
        campaign_id = found.id if found is not None else None
        draft = StepDraft(rule, what, reason, None, None, None, evidence, campaign_id=campaign_id)
        apply_step(session, draft, workspace.clock())


def reopen_cause(workspace: Workspace, name: str) -> None:
    """It is not fixed after all."""
    with workspace.database.write() as session:
        cause = known_cause(session, name)
        cause.state, cause.fixed_at, cause.fixed_by = CauseState.OPEN, None, ""
        session.add(cause)
