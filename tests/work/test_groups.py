"""Households and companies come by file or by hand, and stay right through undo, merging and erasure."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from outreach.audience.segment import judge_segment, parse_segment
from outreach.cli.customer_views import customer_json
from outreach.errors import InputError, UsageError
from outreach.groups import GroupKind
from outreach.records import Case, Channel, Customer, CustomerGroup, Hold, HoldState, Membership
from outreach.store.customers import find_customer, load_customers
from outreach.store.groups import groups_of, list_groups, mates_of
from outreach.store.segment_events import facts_of
from outreach.store.segments import people_among
from outreach.work.duplicates import merge
from outreach.work.erase import erase_customer
from outreach.work.export import export_customer
from outreach.work.extract import extract_customers
from outreach.work.groups import join_group, leave_group, manage_group, rename_group, suggest_groups
from outreach.work.people import add_colleague, remove_colleague
from outreach.work.suggested import agree_to_all, take_yes_back
from outreach.work.undo import undo_import
from outreach.work.unmerge import undo_merge
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .importing import person, take
from .planning_kit import complain
from .test_told import told as told_by

HOME, FIRM = GroupKind.HOUSEHOLD, GroupKind.COMPANY
FILE = """email,Nachname,Haushalt,Firma
ann@example.com,Baker,B1,Acme
bob@example.com,Baker,b1,ACME
cy@example.com,Cook,,Other
di@example.com,Dorn,,
"""


def told(workspace: Workspace) -> dict[str, dict[str, str]]:
    """The groups of everybody who has one."""
    with workspace.database.read() as session:
        people = {row.id: row.address or f"#{row.id}" for row in session.execute(select(Customer)).scalars()}
        found = groups_of(session, [number for number in people if number is not None])
        return {people[who]: {str(kind): one.name for kind, one in own.items()} for who, own in found.items()}


def groups(workspace: Workspace) -> dict[tuple[str, str], int]:
    with workspace.database.read() as session:
        return {(row.kind.value, row.name): row.people for row in list_groups(session, None)}


def attribute(workspace: Workspace, address: str, name: str) -> Any:
    return person(workspace, address).attributes.get(name)


@BOTH
def test_a_file_makes_groups_and_moves_people_between_them(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, FILE)
    assert groups(workspace) == {("household", "B1"): 2, ("company", "Acme"): 2, ("company", "Other"): 1}
    assert told(workspace)["bob@example.com"] == {"household": "B1", "company": "Acme"}
    assert take(workspace, FILE).unchanged == 4
    clock.advance(hours=1)
    moved = take(workspace, "email,company\ncy@example.com,acme\nann@example.com,\n")
    assert (moved.updated, moved.unchanged) == (1, 1), "merged, an empty cell says nothing"
    assert groups(workspace) == {("household", "B1"): 2, ("company", "Acme"): 3}
    clock.advance(hours=1)
    gone = take(workspace, "email,company\nann@example.com,\n", ways=["company=replace"])
    assert gone.updated == 1 and "company" not in told(workspace)["ann@example.com"]
    clock.advance(hours=1)
    assert undo_import(workspace, gone.import_id, by="x").left == 0
    assert undo_import(workspace, moved.import_id, by="x").left == 0
    assert groups(workspace) == {("household", "B1"): 2, ("company", "Acme"): 2, ("company", "Other"): 1}
    assert attribute(workspace, "cy@example.com", "company") == "Other"


def test_a_dry_run_makes_no_groups(workspace: Workspace) -> None:
    assert take(workspace, FILE, dry_run=True).created == 4
    assert groups(workspace) == {}


def test_an_import_taken_back_takes_its_groups_along(workspace: Workspace, clock: HandClock) -> None:
    first = take(workspace, FILE)
    clock.advance(hours=1)
    join_group(workspace, HOME, "Dorn at home", ["di@example.com"], by="ann")
    done = undo_import(workspace, first.import_id, by="ann")
    assert (done.removed, done.kept) == (3, 1)
    assert groups(workspace) == {("household", "Dorn at home"): 1}, "what a person did since is kept"


def test_a_person_joins_leaves_and_renames(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, FILE)
    before = person(workspace, "cy@example.com").version
    done = join_group(workspace, HOME, "b1", ["cy@example.com", "bob@example.com"], by="ann")
    assert (done.name, done.new, done.joined, done.moved) == ("B1", False, ("cy@example.com",), {})
    assert person(workspace, "cy@example.com").version > before
    assert attribute(workspace, "cy@example.com", "household") == "B1"
    rename_group(workspace, HOME, "B1", "Baker, 12 Elm St")
    assert attribute(workspace, "ann@example.com", "household") == "Baker, 12 Elm St"
    clock.advance(hours=1)
    take(workspace, "email,household\ndi@example.com,B1\n")
    assert told(workspace)["di@example.com"] == {"household": "Baker, 12 Elm St"}, "files still know it by its old name"
    with pytest.raises(UsageError, match="already"):
        rename_group(workspace, FIRM, "Acme", "other")
    assert leave_group(workspace, HOME, ["di@example.com"]) == {"di@example.com": "Baker, 12 Elm St"}
    assert attribute(workspace, "di@example.com", "household") is None
    with pytest.raises(InputError, match="is of no household"):
        leave_group(workspace, HOME, ["di@example.com"])
    moved = join_group(workspace, FIRM, "New Co", ["cy@example.com"], by="ann")
    assert moved.moved == {"cy@example.com": "Other"} and ("company", "Other") not in groups(workspace)
    with pytest.raises(InputError, match=r"there is no company 'Acne'; did you mean Acme\?"):
        manage_group(workspace, FIRM, "Acne", "")
    add_colleague(workspace, "Maria", {"tell": "never"})
    assert manage_group(workspace, FIRM, "acme", "maria").manager == "Maria"


def test_whoever_a_newcomers_hold_now_stops_is_judged_again(workspace: Workspace) -> None:
    take(workspace, FILE)
    complain(workspace, person(workspace, "cy@example.com").id or 0)
    before = person(workspace, "ann@example.com").version
    join_group(workspace, HOME, "B1", ["di@example.com"], by="ann")
    assert person(workspace, "ann@example.com").version == before
    join_group(workspace, HOME, "B1", ["cy@example.com"], by="ann")
    assert person(workspace, "ann@example.com").version == before + 1
    with workspace.database.read() as session:
        assert session.execute(select(func.count()).where(col(Hold.state) != HoldState.LIFTED)).scalar_one()
        own = [person(workspace, f"{one}@example.com").id for one in ("ann", "bob", "cy")]
        assert mates_of(session, [own[2] or 0]) == [*own[:2], person(workspace, "di@example.com").id]


def test_merged_customers_are_of_one_group_of_each_kind(workspace: Workspace) -> None:
    take(workspace, FILE)
    merge(workspace, "di@example.com", "cy@example.com", by="ann")
    assert told(workspace)["di@example.com"] == {"company": "Other"}
    merge(workspace, "ann@example.com", "di@example.com", by="ann")
    assert told(workspace)["ann@example.com"] == {"household": "B1", "company": "Acme"}, "the kept one's stays"
    assert ("company", "Other") not in groups(workspace), "nobody is of it any more"


def test_whoever_a_hold_that_moves_by_a_merge_now_stops_is_judged_again(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, FILE)
    join_group(workspace, HOME, "D1", ["cy@example.com", "di@example.com"], by="ann")
    complain(workspace, person(workspace, "di@example.com").id or 0)
    bob, cy = (person(workspace, f"{one}@example.com").version for one in ("bob", "cy"))
    merge(workspace, "ann@example.com", "di@example.com", by="maria")
    assert person(workspace, "bob@example.com").version == bob + 1, "di's hold is ann's now, and bob is of her house"
    undo_merge(workspace, 1, by="maria")
    assert person(workspace, "cy@example.com").version == cy + 1, "and now it stops those of di's house again"


def test_a_hold_whose_owner_takes_the_others_place_in_a_house_stops_those_there(workspace: Workspace) -> None:
    take(workspace, FILE)
    complain(workspace, person(workspace, "di@example.com").id or 0)
    before = person(workspace, "ann@example.com").version
    merge(workspace, "di@example.com", "bob@example.com", by="maria")
    assert told(workspace)["di@example.com"] == {"household": "B1", "company": "Acme"}
    assert person(workspace, "ann@example.com").version == before + 1


@BOTH
def test_with_its_last_member_a_group_and_its_name_are_erased(workspace: Workspace) -> None:
    take(workspace, FILE)
    rename_group(workspace, HOME, "B1", "The Bakers of Elm Street")
    assert {"group": "The Bakers of Elm Street"}.items() <= _memberships(workspace, "ann@example.com")[
        "household"
    ].items()
    erase_customer(workspace, "ann@example.com", by="maria")
    assert groups(workspace)["household", "The Bakers of Elm Street"] == 1
    assert "customer_group" in export_customer(workspace, "bob@example.com").sections
    erase_customer(workspace, "bob@example.com", by="maria")
    assert groups(workspace) == {("company", "Other"): 1}
    with workspace.database.read() as session:
        assert [row.name for row in session.execute(select(CustomerGroup)).scalars()] == ["Other"]
        assert session.execute(select(func.count()).select_from(Membership)).scalar_one() == 1
    if workspace.database.path is not None:
        files = workspace.root.glob("outreach.db*")
        assert not [file for file in files if b"The Bakers of Elm" in file.read_bytes()]


def _memberships(workspace: Workspace, address: str) -> dict[str, dict[str, Any]]:
    return {str(row["kind"]): row for row in export_customer(workspace, address).sections["membership"]}


def test_what_is_saved_imports_back_into_the_same_groups(workspace: Workspace) -> None:
    take(workspace, FILE)
    rename_group(workspace, FIRM, "Acme", "Acme Coffee")
    before = told(workspace)
    file = workspace.root / "saved.csv"
    extract_customers(workspace, file, list_id=1, segment=parse_segment(""))
    again = take(workspace, file.read_bytes(), "again.csv")
    assert (again.unchanged, told(workspace)) == (4, before)


@BOTH
def test_segments_see_the_group(workspace: Workspace) -> None:
    take(workspace, FILE)
    complain(workspace, person(workspace, "bob@example.com").id or 0)
    wanted = {
        'company == "Acme" and company_open_cases == 1': {"ann", "bob"},
        "household_size == 2": {"ann", "bob"},
        "household_size == 0": {"cy", "di"},
        "company_open_cases > 0 and open_cases == 0": {"ann"},
        "not household_open_cases > 0": {"cy", "di"},
        "company_size == 1 or company is empty": {"cy", "di"},
    }
    with workspace.database.read() as session:
        people = [row.id or 0 for row in session.execute(select(Customer)).scalars()]
        rows = load_customers(session, people)
        for rule, names in wanted.items():
            segment = parse_segment(rule)
            taken = {(rows[one].address or "").partition("@")[0] for one in people_among(session, segment, people)}
            facts = facts_of(session, segment, people)
            judged = {
                (rows[one].address or "").partition("@")[0]
                for one in people
                if judge_segment(segment, rows[one].values() | facts.get(one, {}))
            }
            assert taken == judged == names, rule


def test_who_may_belong_together_is_told_with_the_reason(workspace: Workspace) -> None:
    take(
        workspace,
        "email,last_name,street,zip,company\nann@one.example,Baker,Elm 1,10115,\nbob@one.example,Baker,Elm 1,10115,\n"
        "cy@gmail.com,Baker,Elm 2,10115,\ndi@gmail.com,Cook,Elm 1,10115,\ned@two.example,Ede,,,Two\n",
    )
    likely = suggest_groups(workspace, HOME)
    assert [(one.name, one.people, one.group) for one in likely] == [
        ("Baker, Elm 1, 10115", ("ann@one.example", "bob@one.example"), "")
    ]
    assert [one.name for one in suggest_groups(workspace, FIRM)] == ["one.example"]
    join_group(workspace, HOME, "Home", ["ann@one.example"], by="x")
    assert [(one.name, one.people) for one in suggest_groups(workspace, HOME)] == [("Home", ("bob@one.example",))]
    join_group(workspace, HOME, "Home", ["bob@one.example"], by="x")
    assert suggest_groups(workspace, HOME) == []


@BOTH
def test_a_yes_to_many_suggestions_leaves_groups_alone_and_is_taken_back_as_one(
    workspace: Workspace, clock: HandClock
) -> None:
    take(
        workspace,
        "email,last_name,street,zip,company\nann@one.example,Baker,Elm 1,10115,\nbob@one.example,Baker,Elm 1,10115,\n"
        "di@gmail.com,Baker,Elm 1,10115,\nfay@two.example,Fay,Oak 1,10115,\ngus@two.example,Fay,Oak 1,10115,\n",
    )
    likely = suggest_groups(workspace, HOME, limit=None, why="address")
    assert suggest_groups(workspace, HOME, why="named") == []
    join_group(workspace, HOME, "Elsewhere", ["di@gmail.com"], by="x")
    version = person(workspace, "ann@one.example").version
    done = agree_to_all(workspace, likely, by="maria")
    assert (done.groups, done.new, done.people, done.left_out) == (2, 2, 4, 1)
    assert groups(workspace)["household", "Baker, Elm 1, 10115"] == 2
    assert told(workspace)["di@gmail.com"] == {"household": "Elsewhere"}
    assert attribute(workspace, "gus@two.example", "household") == "Fay, Oak 1, 10115"
    assert person(workspace, "ann@one.example").version > version
    assert suggest_groups(workspace, HOME) == [], "there is nothing left to say yes to"
    clock.advance(hours=1)
    assert agree_to_all(workspace, suggest_groups(workspace, FIRM, why="domain"), by="x").people == 4
    join_group(workspace, HOME, "By hand", ["bob@one.example"], by="x")
    assert sorted(take_yes_back(workspace, HOME)) == ["ann@one.example", "fay@two.example", "gus@two.example"]
    assert groups(workspace) == {
        ("household", "By hand"): 1,
        ("household", "Elsewhere"): 1,
        ("company", "one.example"): 2,
        ("company", "two.example"): 2,
    }
    assert attribute(workspace, "gus@two.example", "household") is None
    with pytest.raises(InputError, match="no yes to all"):
        take_yes_back(workspace, HOME)


def test_a_yes_taken_back_leaves_the_attribute_that_people_came_with(workspace: Workspace) -> None:
    take(workspace, "email\nann@one.example\nbob@gmail.com\n")
    with workspace.database.write() as session:  # as those stand whose column was an attribute only
        for one, name in zip(session.execute(select(Customer)).scalars(), ("Acme", "ACME"), strict=True):
            one.attributes = {"company": name}
            session.add(one)
    likely = suggest_groups(workspace, FIRM, why="named")
    assert [one.people for one in likely] == [("ann@one.example", "bob@gmail.com")]
    assert agree_to_all(workspace, likely, by="x").people == 2
    assert len(take_yes_back(workspace, FIRM)) == 2
    assert str(attribute(workspace, "bob@gmail.com", "company")).casefold() == "acme"


def test_a_customer_is_shown_with_the_others_and_their_open_cases(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    take(workspace, FILE)
    case = complain(workspace, person(workspace, "bob@example.com").id or 0)
    with workspace.database.read() as session:
        ann = find_customer(session, workspace.keys, "ann@example.com")
        assert ann is not None
        shown = {str(one["kind"]): one for one in customer_json(session, workspace, ann)["groups"]}
    assert [one["email"] for one in shown["company"]["others"]] == ["bob@example.com"]
    assert [(one["case"], one["who"]) for one in shown["household"]["open_cases"]] == [(case, "bob@example.com")]


@BOTH
def test_a_new_case_of_a_company_is_its_account_managers(workspace: Workspace) -> None:
    take(workspace, FILE)
    add_colleague(workspace, "Maria", {"tell": "never"})
    manage_group(workspace, FIRM, "Acme", "maria")
    owners = []
    for who, day in (("ann@example.com", "one"), ("cy@example.com", "two"), ("bob@example.com", "three")):
        got = told_by(
            workspace, Channel.PHONE, text=f"The pump is broken again, unacceptable! Day {day}.", customer=who
        )
        with workspace.database.read() as session:
            owners.append(session.get_one(Case, got.case_id).owner)
        if len(owners) == 2:
            remove_colleague(workspace, "Maria")
    assert owners == ["Maria", "", ""], "who has gone gets no new ones"
