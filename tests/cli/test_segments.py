"""`outreach segments …` as a person and a program call it."""

from __future__ import annotations

import json
from collections.abc import Callable

from outreach.work.duplicates import merge
from outreach.work.workspace import Workspace

from .inside import outreach

MakeCustomer = Callable[..., int]


def test_a_rule_is_saved_listed_explained_and_let_go_of(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_customer("ben@example.com", attributes={"plan": "free"})
    root = workspace.root
    done = outreach(root, "segments", "save", "paying", 'plan == "pro" and plna is empty', "--by", "maria")
    assert done.stdout == "paying is saved: 1 person now.\n"
    assert done.stderr == "note: no customer has 'plna' (column 19); did you mean plan?\n"
    [row] = json.loads(outreach(root, "segments", "list", "--json").stdout)
    assert (row["name"], row["people"], row["used_by"], row["by"]) == ("paying", 1, [], "maria")
    told = json.loads(outreach(root, "segments", "explain", "paying", "--as", "ben@example.com", "--json").stdout)
    assert (told["of"], told["people"]) == (2, 1)
    assert [(one["alone"], one["left"], one["takes"]) for one in told["clauses"]] == [(1, 1, False), (2, 1, True)]
    assert json.loads(outreach(root, "customers", "count", "--segment", "paying", "--json").stdout)["count"] == 1
    assert outreach(root, "segments", "save", "paying", "added > 2020-01-01").returncode == 2
    wrong = outreach(root, "segments", "explain", 'plan == "pro" adn x == 1')
    assert wrong.returncode == 1 and "column 15: expected" in wrong.stderr and "did you mean and?" in wrong.stderr
    assert outreach(root, "segments", "delete", "paying").stdout == "paying is gone.\n"
    assert outreach(root, "segments", "show", "paying").returncode == 1


def test_segments_are_told_in_words_that_a_marketer_reads(workspace: Workspace, make_customer: MakeCustomer) -> None:
    for at, plan in enumerate(["pro", "pro", "free", "plus"]):
        make_customer(f"p{at}@example.com", country="DE" if at else "US", attributes={"plan": plan, "seats": at})
    root = workspace.root
    rule = 'plan == "pro" and (country == "DE" or not (seats > 3 and seats < 9)) and seats > 7'
    outreach(root, "segments", "save", "odd", rule, "--about", "Nobody yet", "--by", "maria")
    assert outreach(root, "segments", "explain", "odd").stdout.splitlines() == [
        "4 people with an address",
        "clause\tby itself\tleft",
        'plan == "pro"\t2\t2',
        "and any of:\t4\t2",
        '  country == "DE"\t3\t',
        "  or not all of:\t4\t",
        "    seats > 3\t0\t",
        "    and seats < 9\t4\t",
        "and seats > 7\t0\t0",
        "The rule takes 0 of 4 people (0 %).",
        "Nobody is left after seats > 7, which takes 0 people by itself.",
    ]
    assert outreach(root, "segments", "list").stdout.splitlines()[1:] == [
        "odd\t0\t0 %\t\tNobody yet",
        "4 people with an address in all. Clause by clause: outreach segments explain odd",
    ]
    shown = outreach(root, "segments", "show", "odd").stdout
    assert "takes     0 of 4 people (0 %) with an address" in shown and "by maria" in shown


def test_a_merge_is_listed_shown_and_taken_back_only_by_a_yes(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", first_name="Ann")
    make_customer("bo@example.com", first_name="Bo", attributes={"tags": ["x", "y"]})
    merge(workspace, "ann@example.com", "bo@example.com", by="maria")
    root = workspace.root
    assert outreach(root, "customers", "merges").stdout.splitlines()[1].split("\t")[2:] == [
        *("ann@example.com", "bo@example.com", "maria", "done"),
    ]
    shown = outreach(root, "customers", "merges", "1").stdout
    assert "first name\tAnn\tBo" in shown and "tags\t\tx, y" in shown
    assert outreach(root, "customers", "merge", "--undo", "1").returncode == 3
    done = json.loads(outreach(root, "customers", "merge", "--undo", "1", "--yes", "--json").stdout)
    assert (done["kept"], done["gone"], done["words"]) == ("ann@example.com", "bo@example.com", [])
    [row] = json.loads(outreach(root, "customers", "merges", "--json").stdout)
    assert (row["state"], row["gone"], row["moved"]) == ("taken_back", "bo@example.com", {"subscription": 1})
    assert outreach(root, "customers", "merge", "--undo", "1", "--yes").returncode == 1
    assert outreach(root, "customers", "merge", "ann@example.com").returncode == 2


def test_duplicates_are_shown_and_merged_only_by_a_yes(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@gmail.com")
    make_customer("ann@gmial.com")
    root = workspace.root
    [group] = json.loads(outreach(root, "customers", "duplicates", "--json").stdout)
    assert [one["address"] for one in group["people"]] == ["ann@gmail.com", "ann@gmial.com"]
    pair = ("customers", "merge", "ann@gmail.com", "ann@gmial.com")
    assert outreach(root, *pair, "--dry-run").stdout.endswith("Nothing was changed.\n")
    assert outreach(root, *pair).returncode == 3
    assert len(json.loads(outreach(root, "customers", "list", "--json").stdout)) == 2
    assert outreach(root, *pair, "--yes").returncode == 0
    assert [one["email"] for one in json.loads(outreach(root, "customers", "list", "--json").stdout)] == [
        "ann@gmail.com"
    ]
    assert outreach(root, *pair, "--yes").returncode == 2
