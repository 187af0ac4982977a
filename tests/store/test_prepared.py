"""Statements that run for each mail: they must find their rows by a key, however large the tables are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outreach.records import Suppression, SuppressionReason
from outreach.store import (
    bounces,
    channels,
    consents,
    customers,
    lanes,
    matters,
    moves,
    outbox,
    plan,
    replies,
    standing,
    thanks,
    together,
)
from outreach.store.outbox import insert_deliveries
from outreach.store.prepared import Change, Group, NewRow, Prepared
from outreach.work.workspace import Workspace

from .rows import delivery, lay_edition

STATEMENTS = [
    pytest.param(getattr(statement, "each", statement), id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in (consents, customers, moves, outbox, plan, lanes)
    for name, statement in vars(module).items()
    if isinstance(statement, (Prepared, Group)) and name not in ("_TAKE_BESIDE_OTHERS", "_ANY_BLOCK")
]
"""The first of these two is PostgreSQL's; the second reads one row, whichever."""


ASKED_BY_A_REPLY = [
    pytest.param(statement, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in (bounces, channels, matters, replies, thanks)
    for name, statement in vars(module).items()
    if isinstance(statement, Prepared)
]


@pytest.mark.parametrize("statement", ASKED_BY_A_REPLY)
def test_no_reply_walks_a_whole_table_or_all_that_is_no_copy_or_comes_from_one_sender(
    workspace: Workspace, statement: Prepared
) -> None:
    if not workspace.database.is_sqlite:
        pytest.skip("it is about SQLite itself")
    with workspace.database.read() as session:
        steps = statement.explain(session)
    steps = [step for step in steps if "json_each" not in step]
    shared = ("ix_inbound_copy_of", "ix_inbound_sender")
    assert steps and not [step for step in steps if step.startswith("SCAN") or any(one in step for one in shared)], (
        steps
    )


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_of_the_hot_path_walks_a_table_or_all_rows_of_a_state(
    workspace: Workspace, statement: Prepared
) -> None:
    if not workspace.database.is_sqlite:
        pytest.skip("it is about SQLite itself")
    with workspace.database.read() as session:
        steps = statement.explain(session)
    assert steps
    for step in steps:
        assert not step.startswith("SCAN") or "json_each" in step, steps
        assert "ix_delivery_lease" not in step, steps
        assert "TEMP B-TREE" not in step, steps


def steps_of(workspace: Workspace, statement: Prepared, given: dict[str, Any]) -> tuple[list[str], list[str]]:
    """How the sender's own connection goes about it, and those of its steps that read a table."""
    with workspace.database.keep_writing() as writer, writer.write():
        steps = [line.strip().removeprefix("->").strip() for line in statement.explain(writer, **given)]
    return steps, [step for step in steps if " Scan " in step and not step.startswith(("CTE Scan", "Function Scan"))]


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "given"),
    [
        pytest.param(standing._INTENT, {"owner": "w"}, id="intent"),
        pytest.param(together._TOGETHER[False], {"owner": "w", "lane": 1}, id="together"),
        pytest.param(together._USUALLY[False], {"owner": "w", "lane": 1}, id="usually"),
        pytest.param(moves.MOVE.together, {}, id="move"),
        pytest.param(moves._CHOOSE.together, {}, id="choose"),
    ],
)
def test_a_plan_made_while_the_outbox_is_empty_goes_by_the_keys_too(
    workspace: Workspace, statement: Prepared, given: dict[str, str]
) -> None:
    steps, reads = steps_of(workspace, statement, given)
    assert any("using delivery_pkey on delivery" in step for step in reads), steps
    for step in reads:
        assert step.startswith("Index Scan using") and "_pkey on" in step, steps
    assert sum(step.startswith("Index Cond: (id = ") for step in steps) == len(reads), steps


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statement", [together._TOGETHER[True], together._USUALLY[True]], ids=["together", "usually"])
def test_the_turn_is_raised_by_the_place_where_it_lies_and_sought_by_its_number_only_where_that_is_not_known(
    workspace: Workspace, statement: Prepared
) -> None:
    """By its number it is found behind all that an old snapshot keeps of it: one row for each commit."""
    steps, reads = steps_of(workspace, statement, {"owner": "w", "lane": 1, "place": "(0,1)"})
    assert [step.partition(" on ")[0] for step in reads if " on lane" in step] == [
        "Tid Scan",
        "Index Scan using lane_pkey",
        "Tid Scan",
    ], steps


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_plan_made_while_an_edition_is_large_does_not_walk_through_it(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.write() as session:
        copy = ("edition_id", "campaign_id", "kind", "state", "due_at")
        others = {name: getattr(delivery(workspace, 1), name) for name in copy}
        rows = [
            others | {"occasion": f"again-{number}", "address_key": "", "public_id": str(number)}
            for number in range(6000)
        ]
        insert_deliveries(session, rows)
    some = {name: list(range(1, 11)) for name in ("customers", "keys", "sent_id", "held_id")}
    given = some | {"campaigns": [1], "editions": [edition], "owner": "w", "rows": "[]", "lane": 1}
    for statement in (standing._INTENT, *together._TOGETHER.values(), *together._USUALLY.values()):
        _, reads = steps_of(workspace, statement, given)
        assert any("delivery_pkey" in step for step in reads), reads
        assert not [step for step in reads if "on ix_" in step or "using ix_" in step], reads


BLOCK = {"reason": SuppressionReason.BY_HAND, "evidence": "a test"}


def test_a_row_whose_key_stands_already_is_left_as_it_is(workspace: Workspace) -> None:
    row = NewRow(Suppression, unless=["address_key"])
    now = workspace.clock()
    with workspace.database.write() as session:
        number = row.added(session, address_key="k", at=now, **BLOCK)
        assert number is not None
        assert row.added(session, address_key="k", at=now, **(BLOCK | {"evidence": "another"})) is None
        block = consents.find_suppression(session, "k")
    assert block is not None
    assert (block.id, block.evidence, block.expires_at, block.at) == (number, "a test", None, now)


def test_a_change_sets_the_columns_it_names_of_one_row_and_no_other(workspace: Workspace) -> None:
    row, change = NewRow(Suppression), Change(Suppression)
    now = workspace.clock()
    with workspace.database.write() as session:
        ids = [row.add(session, address_key=key, at=now, **BLOCK) for key in ("a", "b")]
        change.write(session, ids[1], {"evidence": "changed", "expires_at": now})
        change.write(session, ids[1], {"reason": SuppressionReason.BAD_ADDRESS})
        change.write(session, ids[0], {})
        blocks = [consents.find_suppression(session, key) for key in ("a", "b")]
    told = [(one.evidence, one.expires_at, one.reason) for one in blocks if one is not None]
    assert told == [
        ("a test", None, SuppressionReason.BY_HAND),
        ("changed", now, SuppressionReason.BAD_ADDRESS),
    ]
