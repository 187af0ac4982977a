"""An open complaint of one keeps promotion from the others of the household, and offers from those of the company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from outreach.groups import GroupKind
from outreach.plan.steps import Facts, PlanEvent, next_steps
from outreach.records import Customer, DeliveryState, Kind
from outreach.store.plan import apply_step
from outreach.work.agenda import read_agenda
from outreach.work.groups import join_group, leave_group
from outreach.work.send import send_open
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from ..store.rows import lay_edition
from .planning_kit import complain, make_campaign
from .sending import open_plain_press, with_relay
from .test_holdout import with_plan
from .test_together import became

HOME, FIRM = GroupKind.HOUSEHOLD, GroupKind.COMPANY


@pytest.fixture
def people(workspace: Workspace, make_customer: MakeCustomer) -> dict[str, int]:
    """Ann and Bob live together, Ann and Cy work together, Di does neither."""
    ids = {name: make_customer(f"{name}@example.com") for name in ("ann", "bob", "cy", "di")}
    join_group(workspace, HOME, "Baker", ["ann@example.com", "bob@example.com"], by="x")
    join_group(workspace, FIRM, "Acme", ["ann@example.com", "cy@example.com"], by="x")
    for kind in (Kind.NEWS, Kind.OFFER, Kind.TIPS):
        make_campaign(workspace, kind.value, kind)
    return ids


def refused(workspace: Workspace, name: str) -> dict[str, str]:
    """Why each of these campaigns would not go to somebody."""
    said = {kind: explain_person(workspace, f"{name}@example.com", kind) for kind in ("news", "offer", "tips")}
    return {
        kind: next(rule.reason for rule in why.rules if rule.answer == "no")
        for kind, why in said.items()
        if not why.allowed
    }


@BOTH
def test_who_is_kept_from_what_by_another_ones_complaint(workspace: Workspace, people: dict[str, int]) -> None:
    case = complain(workspace, people["ann"])
    house, firm = "open complaint in the household", "open complaint in the company"
    assert refused(workspace, "ann") == {"news": "open complaint", "offer": "open complaint"}
    assert refused(workspace, "bob") == {"news": house, "offer": house}
    assert refused(workspace, "cy") == {"offer": firm}, "in a company only offers wait"
    assert refused(workspace, "di") == {}
    told = next(rule for rule in explain_person(workspace, "bob@example.com", "news").rules if rule.rule == "holds")
    assert told.evidence == f"case {case} of customer {people['ann']}, of the same household, is still open"
    assert "descaling" not in told.evidence, "what it is about stays Ann's"
    entry = read_agenda(workspace, campaign="offer").entries[0]
    assert (entry.going, entry.before) == (1, 4)
    assert {one.reason: one.people for one in entry.refused} == {"open complaint": 1, house: 1, firm: 1}


def test_the_settings_say_otherwise(workspace: Workspace, people: dict[str, int]) -> None:
    complain(workspace, people["ann"])
    apart = with_plan(workspace, household_holds="no", company_holds="promotion")
    assert refused(apart, "bob") == {}
    assert set(refused(apart, "cy")) == {"news", "offer"}


def test_who_leaves_the_house_is_free_and_so_is_everybody_once_it_is_solved(
    workspace: Workspace, people: dict[str, int], clock: HandClock
) -> None:
    case = complain(workspace, people["ann"])
    before = _version(workspace, people["cy"])
    leave_group(workspace, HOME, ["bob@example.com"])
    assert refused(workspace, "bob") == {}
    with workspace.database.write() as session:
        _solve(session, case, people["ann"], clock)
    assert refused(workspace, "cy") == {}
    assert _version(workspace, people["cy"]) > before, "a mail that was put off is judged again"


def _solve(session: Session, case: int, person: int, clock: HandClock) -> None:
    for step in next_steps(Facts(PlanEvent.CLOSED, case, person, clock.now, by="x")):
        apply_step(session, step, clock.now)


def _version(workspace: Workspace, person: int) -> int:
    with workspace.database.read() as session:
        return session.get_one(Customer, person).version


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@BOTH
def test_a_complaint_stops_what_was_planned_for_the_others_before_it_came(
    workspace: Workspace, people: dict[str, int], sink: Sink
) -> None:
    edition = lay_edition(workspace, list(people.values()), name="more", kind=Kind.NEWS)
    before = [_version(workspace, people[name]) for name in ("bob", "cy", "di")]
    complain(workspace, people["ann"])
    after = [_version(workspace, people[name]) for name in ("bob", "cy", "di")]
    assert [now > then for then, now in zip(before, after, strict=True)] == [True, True, False]
    send_open(with_relay(workspace, sink.port), press=open_plain_press)
    states = became(workspace, edition)
    assert states[people["di"]][0] is DeliveryState.SENT
    assert states[people["bob"]] == (DeliveryState.WITHHELD, "open complaint in the household")
