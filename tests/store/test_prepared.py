"""Statements that run for each mail: they must find their rows by a key, however large the tables are."""

from __future__ import annotations

import pytest

from outreach.store import consents, customers, moves, outbox, plan
from outreach.store.prepared import Prepared
from outreach.work import epoch
from outreach.work.workspace import Workspace

STATEMENTS = [
    pytest.param(statement, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in (consents, customers, moves, outbox, plan, epoch)
    for name, statement in vars(module).items()
    if isinstance(statement, Prepared) and name != "_TAKE_BESIDE_OTHERS"
]


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
