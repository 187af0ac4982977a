"""The colleagues who answer: added, listed, changed, removed.

Law: what cannot be an address, an hour, a day or a zone is refused in words before anything is kept; who is removed
stays the named owner of their cases until these are given to somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from ..address import canonical_address
from ..cases.clock import is_overdue
from ..cases.shift import colleague_hours, read_days, read_hours, read_off, read_zone
from ..errors import InputError, UsageError
from ..records import Colleague, Telling
from ..settings_office import EVERYBODY, OWNER, Hours
from ..store import desk as kept
from ..workdays import WorkingHours
from .workspace import Workspace

NAME = re.compile(r"[^\W_][\w .'-]{0,39}")


@dataclass(frozen=True)
class Listed:
    """A colleague, the hours that count for them, and the cases that are their turn."""

    colleague: Colleague
    hours: WorkingHours
    open_cases: int
    overdue: int


def add_colleague(workspace: Workspace, name: str, given: Mapping[str, str | None]) -> Colleague:
    """Add somebody. `given`: mail, hours, days, zone, holidays, off, tell, as a person writes them; None is not given.

    Raises UsageError for what cannot be, and for a name that there is.
    """
    name = " ".join(name.split())
    if not NAME.fullmatch(name) or name.lower() in (EVERYBODY, OWNER, "outreach", "cues"):
        raise UsageError(f"{name!r} cannot be a colleague's name", remedy="Letters, digits, blanks, . and - will do.")
    with workspace.database.write() as session:
        if kept.colleague_named(session, name) is not None:
            raise UsageError(f"there is a colleague {name!r} already", remedy=f"Change them: `people change {name}`.")
        colleague = Colleague(name=name, created_at=workspace.clock())
        _fill(colleague, given, workspace.working_hours)
        kept.keep_colleague(session, colleague)
    return colleague


def change_colleague(workspace: Workspace, name: str, given: Mapping[str, str | None]) -> Colleague:
    """Change what is given; "" puts the workspace's own back. Raises UsageError."""
    with workspace.database.write() as session:
        colleague = find_colleague(session, name)
        _fill(colleague, given, workspace.working_hours)
        kept.keep_colleague(session, colleague)
    return colleague


def remove_colleague(workspace: Workspace, name: str) -> int:
    """Remove somebody; how many open cases still carry their name."""
    with workspace.database.write() as session:
        colleague = find_colleague(session, name)
        left = sum(case.owner.lower() == colleague.name.lower() for case in kept.cases_on_desks(session))
        kept.remove_colleague(session, colleague)
    return left


def list_colleagues(workspace: Workspace) -> list[Listed]:
    """Everybody, with what is on their desk."""
    now = workspace.clock()
    with workspace.database.read() as session:
        people, cases = kept.colleagues(session), kept.cases_on_desks(session)
    found = []
    for one in people:
        mine = [case for case in cases if case.owner.lower() == one.name.lower()]
        hours = colleague_hours(one, workspace.working_hours)
        found.append(Listed(one, hours, len(mine), sum(is_overdue(case, now) for case in mine)))
    return found


def find_colleague(session: Session, name: str) -> Colleague:
    """The colleague of this name. Raises UsageError where there is none."""
    found = kept.colleague_named(session, name)
    if found is None:
        names = ", ".join(one.name for one in kept.colleagues(session)) or "nobody yet"
        raise UsageError(f"there is no colleague {name!r}", remedy=f"There is: {names}. Add one: `people add`.")
    return found


def _fill(colleague: Colleague, given: Mapping[str, str | None], usual: WorkingHours) -> None:
    readers: dict[str, Callable[[str], dict[str, Any]]] = {
        "mail": lambda text: {"address": _address(text)},
        "hours": lambda text: dict(zip(("starts", "ends"), read_hours(text) if text else ("", ""), strict=True)),
        "days": lambda text: {"days": read_days(text) if text else []},
        "zone": lambda text: {"zone": read_zone(text) if text else ""},
        "holidays": lambda text: {"holidays": Hours(holidays=text).holidays},
        "off": lambda text: {"off": read_off(text)},
        "tell": lambda text: {"telling": _telling(text)},
    }
    for what, text in given.items():
        if text is None:
            continue
        try:
            for name, value in readers[what](text.strip()).items():
                setattr(colleague, name, value)
        except ValueError as wrong:
            words = str(wrong) if what != "holidays" else f"{text!r} is no country, such as DE or DE-BY, that is known"
            raise UsageError(f"--{what}: {words}") from None
    hours = colleague_hours(colleague, usual)
    if hours.start >= hours.end:
        raise UsageError("--hours: they end before they begin, beside the workspace's own")
    if colleague.telling is not Telling.NEVER and not colleague.address:
        raise UsageError(f"{colleague.name} has no address to be told at", remedy="Give --mail, or --tell never.")


def _address(text: str) -> str:
    try:
        return canonical_address(text) if text else ""
    except InputError as wrong:
        raise ValueError(wrong.message) from None


def _telling(text: str) -> Telling:
    try:
        return Telling(text.lower().replace("-", "_").replace(" ", "_"))
    except ValueError:
        raise ValueError(f"{text!r} is none of at-once, digest, never") from None
