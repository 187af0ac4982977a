"""Answers kept ready: kept, listed, filled in for one case.

Law: a text whose variables cannot be is not kept; one that is not whole for this customer is not sent.
"""

from __future__ import annotations

import re
from typing import Any

from sqlmodel import Session

from ..cases.clock import owed_at
from ..cases.ready import check_text, fill
from ..cases.said import wall_words
from ..errors import InputError, UsageError
from ..records import Case, ReadyAnswer
from ..store import cases as cases
from ..store import promises as kept
from .casework import case_desk, find_case
from .workspace import Workspace

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def keep_answer(workspace: Workspace, name: str, text: str, by: str, *, topic: str = "", file: str = "") -> bool:
    """Keep an answer under a name; whether it is new. Raises InputError with line and column of what cannot be."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be an answer's name", remedy="Small letters, digits and - will do.")
    text = text.strip()
    if not text:
        raise UsageError("there is no text to keep")
    with workspace.database.write() as session:
        _check(text, kept.attributes_of_customers(session), file)
        answer = kept.ready_answer(session, name)
        new = answer is None
        now = workspace.clock()
        answer = answer or ReadyAnswer(name=name, text=text, changed_at=now)
        answer.text, answer.by, answer.changed_at = text, by, now
        answer.topic = topic or answer.topic
        kept.keep_ready(session, answer)
    return new


def remove_answer(workspace: Workspace, name: str) -> None:
    """Let a kept answer go. Raises UsageError where there is none."""
    with workspace.database.write() as session:
        kept.remove_ready(session, find_answer(session, name))


def preview_answer(workspace: Workspace, name: str, case_id: int, by: str) -> str:
    """The answer as this case's customer would read it. Raises UsageError for what nobody knows of them."""
    with workspace.database.read() as session:
        return fill_answer(session, workspace, name, find_case(session, case_id), by)


def fill_answer(session: Session, workspace: Workspace, name: str, case: Case, by: str) -> str:
    """The text of a kept answer for one case. Raises UsageError."""
    text, missing = fill(find_answer(session, name).text, values_of(session, workspace, case, by))
    if missing:
        words = ", ".join(missing)
        raise UsageError(
            f"the answer {name} needs {words}, which nobody knows of the customer of case {case.id}",
            remedy=f'Give it words for that, such as {{{{ {missing[0]} or "there" }}}}; or write this answer yourself.',
        )
    return text


def find_answer(session: Session, name: str) -> ReadyAnswer:
    """The kept answer of this name. Raises UsageError where there is none."""
    found = kept.ready_answer(session, name)
    if found is None:
        names = ", ".join(one.name for one in kept.ready_answers(session)) or "none yet"
        raise UsageError(f"there is no answer {name!r}", remedy=f"There is: {names}. Keep one: `answers add`.")
    return found


def values_of(session: Session, workspace: Workspace, case: Case, by: str) -> dict[str, Any]:
    """What an answer's variables stand for in this case."""
    customer = cases.customer_of(session, case)
    zone = case_desk(session, workspace, case.owner).at_work.zone
    first = (customer.first_name if customer is not None else "") or ""
    last = (customer.last_name if customer is not None else "") or ""
    opened = case.opened_at.astimezone(zone)
    attributes = dict(customer.attributes) if customer is not None else {}
    return {
        **attributes,
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}".strip(),
        "email": (customer.address if customer is not None else case.author) or "",
        "case": case.id,
        "topic": case.topic,
        "opened": f"{opened.day} {opened:%B}",
        "due": wall_words(owed_at(case), zone),
        "company": workspace.settings.identity.company,
        "me": by,
    }


def _check(text: str, attributes: list[str], file: str) -> None:
    faults = check_text(text, attributes)
    if faults:
        first = faults[0]
        more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise InputError(
            first.words + more, file=file or None, line=first.line, column=first.column, remedy="Nothing was kept."
        )
