"""`outreach segments …` as a person and a program call it."""

from __future__ import annotations

import json
from collections.abc import Callable

from outreach.work.workspace import Workspace

from .inside import outreach

MakeCustomer = Callable[..., int]


def test_a_rule_is_saved_listed_explained_and_let_go_of(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_customer("ben@example.com", attributes={"plan": "free"})
    root = workspace.root
    done = outreach(root, "segments", "save", "paying", 'plan == "pro" and plna is empty', "--by", "maria")
    assert done.stdout == "paying is saved: 1 people now.\n"
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
