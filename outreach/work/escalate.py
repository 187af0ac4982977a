"""Escalating cases that wait too long: whom each due level tells, and what is written down.

Law: looking (`what_is_due`) changes nothing; doing it writes the level, its words in the case, and notices to people,
in one transaction, so that each level is done once whoever looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from ..cases.escalate import DueLevel, due_levels, rule_for
from ..records import Case, Colleague, EntryKind, NoticeKind
from ..settings_office import EVERYBODY, OWNER
from ..store import cases as cases
from ..store import desk as kept
from .casework import case_desk
from .notices import note_case
from .workspace import Workspace


@dataclass(frozen=True)
class Due:
    """A level of a case's rule that is due, and whom it tells; `trouble` where that is not as the rule says."""

    case: Case
    rule: str
    level: DueLevel
    to: tuple[Colleague, ...]
    trouble: str = ""


def what_is_due(session: Session, workspace: Workspace, now: datetime) -> list[Due]:
    """Every level that is due and not done, in the order of the cases."""
    ours = kept.cases_on_desks(session)
    ids = [case.id for case in ours if case.id is not None]
    done, channels = kept.levels_done(session, ids), kept.channels_of(session, ids)
    moves = cases.moves_of(session, ids)
    people = kept.colleagues(session)
    desks = {owner: case_desk(session, workspace, owner) for owner in {case.owner for case in ours}}
    found = []
    for case in ours:
        number = case.id or 0
        rule = rule_for(workspace.settings.escalation_rules, case, channels.get(number, set()))
        at_work = desks[case.owner].at_work
        for level in due_levels(rule, case, moves.get(number, []), done.get(number, set()), now, at_work):
            to, trouble = _whom(people, case, level.to)
            found.append(Due(case, rule.name, level, to, trouble))
    return found


def escalate(workspace: Workspace) -> list[Due]:
    """Do every level that is due; those that were done now."""
    with workspace.database.write() as session:
        now = workspace.clock()
        return [due for due in what_is_due(session, workspace, now) if _do(session, due, now)]


def _do(session: Session, due: Due, now: datetime) -> bool:
    case, level = due.case, due.level
    assert case.id is not None
    names = [one.name for one in due.to]
    row = {"case_id": case.id, "level": level.number, "rule": due.rule, "at": now, "hours": level.hours, "told": names}
    if not kept.add_escalation(session, row):
        return False
    words = f"level {level.number} of {due.rule}: {level.hours:.1f} business hours, told {', '.join(names) or 'nobody'}"
    words = f"{words} ({due.trouble})" if due.trouble else words
    cases.add_entry(session, case.id, now, EntryKind.ESCALATION, by="outreach", text=words)
    note_case(session, case, NoticeKind.ESCALATED, now, mark=str(level.number), words=words, to=due.to)
    return True


def _whom(people: list[Colleague], case: Case, to: str) -> tuple[tuple[Colleague, ...], str]:
    """Whom a level tells: the one it names, the owner, or everybody; everybody too where that one is not known."""
    able = tuple(one for one in people if one.address)
    if to.lower() == EVERYBODY:
        return able, "" if able else "nobody is in `outreach people` with an address"
    name = case.owner if to.lower() == OWNER else to
    mine = tuple(one for one in able if name and one.name.lower() == name.lower())
    if mine:
        return mine, ""
    who = f"{name!r} is not in `outreach people` with an address" if name else "nobody owns it"
    return able, f"{who}: everybody is told" if able else f"{who}, and neither is anybody else"
