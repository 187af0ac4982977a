"""Colleagues: their hours set the due times of their cases, and what cannot be is refused in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outreach.errors import UsageError
from outreach.records import Case, CaseEvent, Category, Colleague, Telling
from outreach.store import desk as kept
from outreach.work.answer import assign_case, change_state
from outreach.work.people import add_colleague, change_colleague, list_colleagues, remove_colleague
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock

MARIA = {"mail": "maria@acme.example", "hours": "8-16", "days": "mon-thu", "zone": "Europe/Berlin"}


def the_case(workspace: Workspace, case_id: int) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, case_id)


@BOTH
def test_a_colleague_is_kept_changed_listed_and_removed_and_cases_keep_the_name(workspace: Workspace) -> None:
    add_colleague(workspace, "Maria", MARIA)
    case_id = receive(workspace, Category.QUESTION) or 0
    assign_case(workspace, case_id, "maria", "eve")
    change_colleague(workspace, "MARIA", {"tell": "digest", "off": "2026-12-24..2026-12-26"})
    (listed,) = list_colleagues(workspace)
    assert (listed.colleague.name, listed.colleague.telling, listed.open_cases) == ("Maria", Telling.DIGEST, 1)
    assert listed.colleague.off == ["2026-12-24", "2026-12-25", "2026-12-26"]
    assert the_case(workspace, case_id).owner == "Maria", "the name as it is kept"
    assert remove_colleague(workspace, "maria") == 1
    with workspace.database.read() as session:
        assert kept.colleagues(session) == []
    assert the_case(workspace, case_id).owner == "Maria"


def test_a_case_given_to_somebody_with_other_hours_keeps_the_working_hours_that_were_left(
    workspace: Workspace, clock: HandClock
) -> None:
    add_colleague(workspace, "maria", {**MARIA, "hours": "8-12"})
    case_id = receive(workspace, Category.QUESTION) or 0
    before = the_case(workspace, case_id).due_at
    assert before == datetime(2026, 12, 3, 10, tzinfo=UTC), "16 hours from Tuesday 10:00 in the house's 9 to 17"
    assign_case(workspace, case_id, "maria", "eve")
    assert the_case(workspace, case_id).due_at == datetime(2026, 12, 8, 10, tzinfo=UTC)
    assign_case(workspace, case_id, "somebody", "eve")
    assert the_case(workspace, case_id).due_at == before, "to and fro wins nothing"
    clock.advance(days=1, hours=3)
    assign_case(workspace, case_id, "maria", "eve")
    assert the_case(workspace, case_id).due_at == datetime(2026, 12, 7, 8, tzinfo=UTC), "5 hours were left"


def test_the_clock_of_a_new_case_runs_by_its_owners_hours_and_days_off(workspace: Workspace, clock: HandClock) -> None:
    settings = workspace.settings.model_copy(
        update={"cases": workspace.settings.cases.model_copy(update={"owner": "maria"})}
    )
    mine = Workspace(workspace.root, settings, workspace.keys, workspace.database, clock)
    add_colleague(mine, "maria", {**MARIA, "off": "2026-12-02"})
    case_id = receive(mine, Category.QUESTION) or 0
    assert the_case(mine, case_id).due_at == datetime(2026, 12, 7, 10, tzinfo=UTC)
    change_state(mine, case_id, CaseEvent.WAIT, "maria")
    clock.advance(days=7)
    change_state(mine, case_id, CaseEvent.REOPEN, "maria")
    assert the_case(mine, case_id).due_at == datetime(2026, 12, 10, 10, tzinfo=UTC), "her 16 hours are still left"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mail": "nobody"}, "no e-mail address"),
        ({"mail": "m@acme.example", "hours": "17-9"}, "ends before it begins"),
        ({"mail": "m@acme.example", "hours": "nine"}, "no hours such as"),
        ({"mail": "m@acme.example", "days": "mon-fry"}, "no weekday"),
        ({"mail": "m@acme.example", "zone": "Berlin"}, "no IANA time zone"),
        ({"mail": "m@acme.example", "holidays": "Narnia"}, "no country"),
        ({"mail": "m@acme.example", "off": "2026-13-01"}, "no date such as"),
        ({"mail": "m@acme.example", "tell": "weekly"}, "none of at-once"),
        ({}, "no address to be told at"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    workspace: Workspace, given: dict[str, str | None], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        add_colleague(workspace, "maria", given)
    assert list_colleagues(workspace) == []


@pytest.mark.parametrize("name", ["all", "owner", "", "a\nb", "x" * 60])
def test_a_name_that_rules_use_or_that_cannot_be_is_refused(workspace: Workspace, name: str) -> None:
    if name == "a\nb":
        assert add_colleague(workspace, name, {"tell": "never"}).name == "a b"
        return
    with pytest.raises(UsageError, match="cannot be"):
        add_colleague(workspace, name, MARIA)


def test_a_name_is_given_once_whatever_its_capitals(workspace: Workspace) -> None:
    add_colleague(workspace, "maria", MARIA)
    with pytest.raises(UsageError, match="already"):
        add_colleague(workspace, "Maria", MARIA)
    assert isinstance(list_colleagues(workspace)[0].colleague, Colleague)
