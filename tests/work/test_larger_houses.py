"""A plan of whole households: larger ones, and dealt crowds in which others live alone."""

from __future__ import annotations

import pytest

from outreach.groups import GroupKind
from outreach.plan.variants import Comparison
from outreach.records import Kind
from outreach.store.groups import ensure_groups, put_members
from outreach.work import dealing
from outreach.work.agenda import read_agenda
from outreach.work.workspace import Workspace

from ..conftest import BOTH, START, MakeCustomer
from .one_by_one import plan_one_by_one
from .planning_kit import make_campaign
from .test_crowd import counted
from .test_house_budget import sent
from .test_together import house

HOME = {"one_per": "household"}


@BOTH
@pytest.mark.parametrize("swap", [False, True])
def test_the_budget_of_a_household_of_three_is_its_own(
    workspace: Workspace, make_customer: MakeCustomer, swap: bool
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(6)]
    long_ago, lately = people[:3], people[3:]
    house(workspace, *long_ago, name="A")
    house(workspace, *lately, name="B")
    if swap:
        long_ago, lately = lately, long_ago
    for occasion, person, days in (("1", long_ago[0], 6), ("2", long_ago[1], 6), ("3", lately[0], 1)):
        sent(workspace, occasion, person, days=days)
    sent(workspace, "4", lately[1], days=1)
    make_campaign(workspace, "news", Kind.NEWS, schedule="every thursday at 09:00", zone="UTC", options=HOME)
    found = [counted(entry) for entry in read_agenda(workspace, days=6).entries if entry.edition_id is None]
    assert found == list(plan_one_by_one(workspace, 6))


@BOTH
def test_who_lives_alone_stays_where_all_households_of_their_kind_lose_to_others(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "DEAL_EACH", 5)
    zones = {"first": "Europe/Berlin", "second": "Asia/Tokyo", "alone": "Asia/Tokyo"}
    people = {
        name: [make_customer(f"{name}{number}@example.com", zone=zone) for number in range(20)]
        for name, zone in zones.items()
    }
    pairs = list(zip(people["first"], people["second"], strict=True))
    with workspace.database.write() as session:
        names = [f"house {number}" for number in range(20)]
        houses = ensure_groups(session, GroupKind.HOUSEHOLD, names, START)
        members = {one: houses[name] for name, pair in zip(names, pairs, strict=True) for one in pair}
        put_members(session, GroupKind.HOUSEHOLD, members, START, how="import")
    test = Comparison(("a", "b")).kept()
    for name, day, options in (("all", "wednesday", {}), ("home", "thursday", HOME)):
        schedule = f"every {day} at 09:00"
        make_campaign(workspace, name, Kind.NEWS, schedule=schedule, zone="UTC", options={"test": test} | options)
    found = [
        (entry.campaign, entry.going, [one.people for one in entry.tried.versions])
        for entry in read_agenda(workspace, days=20).entries
        if entry.tried is not None
    ]
    assert set(map(str, found)) == {"('all', 60, [30, 30])", "('home', 40, [20, 20])"}
