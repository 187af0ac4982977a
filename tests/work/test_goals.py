from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import InputError
from outreach.plan.holdout import Group
from outreach.records import Delivery, Edition, EditionState, Goal, Kind
from outreach.store.figures import read_figures
from outreach.store.goals import goal_counts
from outreach.work.goals import GoalImport, import_goals
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .planning_kit import make_campaign, make_edition, make_sent

MakeCustomer = Callable[..., int]
ORDERS = """E-Mail;Event;Order date;Betrag;Order_ID
ann@example.com;order;2026-11-30 12:00;49,90;A1
Ann@Example.com;order;2026-11-30 12:00;49,90;A1
ann@example.com;order;2026-11-01 12:00;1.049,90;A2
ben@example.com;;2026-11-30T12:00:00+01:00;;A3
nobody@example.com;order;2026-11-30;1;A4
ben@example.com;order;2027-01-01;1;A5
ben@example.com;order;someday;1;A6
no address;order;2026-11-30;1;A7
ben@example.com;order;2026-11-30;cheap;A8
"""


@pytest.fixture
def acme(workspace: Workspace, make_customer: MakeCustomer, clock: HandClock) -> Workspace:
    """Ann and Ben, who were sent a newsletter two weeks and five days ago."""
    people = [make_customer(f"{name}@example.com") for name in ("ann", "ben")]
    campaign = make_campaign(workspace, "news", Kind.NEWS)
    for number, ago in enumerate((20, 5), 1):
        at = clock.now - timedelta(days=ago)
        edition = make_edition(
            workspace, campaign, f"once-{number}", number=number, due_at=at, state=EditionState.DONE, planned=2
        )
        for person in people:
            make_sent(workspace, edition, person, at)
    return workspace


def take(workspace: Workspace, text: str, name: str = "orders.csv", **options: object) -> GoalImport:
    path = workspace.root / name
    path.write_text(text, encoding="utf-8")
    return import_goals(workspace, path, **options)  # type: ignore[arg-type]


@BOTH
def test_goals_are_taken_once_and_what_cannot_be_used_is_set_aside_with_its_reason(acme: Workspace) -> None:
    done = take(acme, ORDERS, goal="visit")
    assert (done.rows, done.added, done.known, done.invalid) == (9, 3, 1, 5)
    assert done.added + done.known + done.invalid == done.rows
    assert done.reasons == {
        "no customer has this address": 1,
        "the date lies in the future": 1,
        "the date cannot be read: write it like 2026-12-01 14:30": 1,
        "this is no e-mail address": 1,
        "the value is no number": 1,
    }
    assert done.rejects is not None
    rejects = done.rejects.read_text("utf-8-sig").splitlines()
    assert rejects[0] == "reject_row;reject_reason;E-Mail;Event;Order date;Betrag;Order_ID"
    assert any(line.startswith("6;no customer has this address;nobody@example.com") for line in rejects)
    again = take(acme, ORDERS, goal="visit")
    assert (again.added, again.known, again.invalid) == (0, 4, 5)
    with acme.database.read() as session:
        counts = {row["name"]: row for row in goal_counts(session)}
        values = sorted(goal.value or 0 for goal in session.execute(select(Goal)).scalars())
    assert (counts["order"]["reached"], counts["visit"]["reached"]) == (2, 1)
    assert values == [0, 49.9, 1049.9]


def test_a_goal_counts_for_the_last_newsletter_in_the_days_before(acme: Workspace, clock: HandClock) -> None:
    done = take(acme, ORDERS, goal="visit")
    assert done.attributed == 2
    with acme.database.read() as session:
        rows = session.execute(
            select(col(Goal.name), col(Goal.value), col(Edition.number))
            .outerjoin(Delivery, col(Delivery.id) == col(Goal.delivery_id))
            .outerjoin(Edition, col(Edition.id) == col(Delivery.edition_id))
        ).all()
        figures = read_figures(session, name="x", company="x", now=clock.now, at_work=acme.working_hours)
    assert {tuple(row) for row in rows} == {("order", 49.9, 2), ("order", 1049.9, None), ("visit", None, 2)}
    first, second = (figures.worth.editions[edition.id].goals for edition in figures.editions)
    assert first.count == 0
    assert (second.count, second.people, second.value, second.names) == (2, 2, 49.9, {"order": 1, "visit": 1})


def test_an_instant_that_names_its_zone_is_not_taken_for_local_time(acme: Workspace, clock: HandClock) -> None:
    identity = acme.settings.identity.model_copy(update={"zone": "America/Los_Angeles"})
    here = replace(acme, settings=acme.settings.model_copy(update={"identity": identity}))
    ends = (" UTC", " GMT", "Z", "+00:00", " +0000 UTC", "")
    said = [f"ann@example.com,{number},2026-11-20 12:00:00{end}" for number, end in enumerate(ends)]
    assert take(here, "\n".join(["email,goal,at", *said])).added == len(said)
    with here.database.read() as session:
        at = {goal.name: goal.at.astimezone(UTC).hour for goal in session.execute(select(Goal)).scalars()}
    assert at == {"0": 12, "1": 12, "2": 12, "3": 12, "4": 12, "5": 20}


def test_a_dry_run_counts_the_same_and_keeps_nothing(acme: Workspace) -> None:
    dry = take(acme, ORDERS, goal="visit", dry_run=True)
    assert (dry.added, dry.known, dry.invalid, dry.attributed, dry.rejects) == (3, 1, 5, 2, None)
    with acme.database.read() as session:
        assert goal_counts(session) == []


def test_json_lines_are_taken_and_a_broken_line_is_set_aside(acme: Workspace) -> None:
    rows = [{"email": "ann@example.com", "goal": "seminar", "at": "2026-11-28T10:00:00Z", "value": 3}, {"email": "x"}]
    text = "\n".join([*map(json.dumps, rows), "{not json", "[1]", ""])
    done = take(acme, text, "goals.jsonl")
    assert (done.rows, done.added, done.invalid) == (4, 1, 3)
    assert done.reasons["this line is no JSON"] == done.reasons["this line is no JSON object"] == 1
    assert take(acme, text, "goals.jsonl").added == 0


def test_a_file_that_is_none_is_refused_with_a_remedy(acme: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column holds dates") as wrong:
        take(acme, "email,goal\nann@example.com,order\n")
    assert "Name it at" in wrong.value.remedy
    with pytest.raises(InputError, match="no column holds e-mail addresses"):
        take(acme, "goal,at\norder,2026-11-30\n")
    with pytest.raises(InputError, match=r"cannot be read|does not exist"):
        import_goals(acme, tmp_path / "none.jsonl")


def test_goals_of_both_groups_of_a_tested_issue_are_counted(acme: Workspace) -> None:
    from outreach.store.holdouts import goals_in_groups

    take(acme, ORDERS, goal="visit")
    with acme.database.write() as session:
        edition = session.execute(select(Edition).where(col(Edition.number) == 2)).scalars().one()
        for row in session.execute(select(Delivery).where(col(Delivery.edition_id) == edition.id)).scalars():
            row.variant = Group.HELD if row.customer_id == 2 else Group.ISSUE
            session.add(row)
        session.flush()
        assert edition.id is not None
        found = goals_in_groups(session, edition.id, edition.due_at, 14)
        assert {str(group): (share.count, share.of) for group, share in found.items()} == {
            "held out": (1, 1),
            "issue": (1, 1),
        }
        assert all(share.count == 0 for share in goals_in_groups(session, edition.id, edition.due_at, 2).values())
