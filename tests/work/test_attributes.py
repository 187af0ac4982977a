from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from outreach.errors import InputError, UsageError
from outreach.records import AttributeKind
from outreach.store.attributes import LEAN, add_column, kinds_of
from outreach.store.customers import load_customers
from outreach.store.migrate import migrate
from outreach.store.saved_segments import load_segment
from outreach.store.segment_counts import count_people
from outreach.store.segments import segment_filter
from outreach.work.attributes import declare, drop
from outreach.work.intake import import_customers
from outreach.work.workspace import Workspace

from ..conftest import BOTH

MakeCustomer = Callable[..., int]


def _count(workspace: Workspace, rule: str) -> int:
    with workspace.database.read() as session:
        return count_people(session, load_segment(session, rule, workspace.clock()))


def _column(workspace: Workspace, name: str) -> list[Any]:
    with workspace.database.read() as session:
        return list(session.connection().execute(text(f"SELECT a_{name} FROM customer ORDER BY id")).scalars())


@BOTH
def test_declared_later_an_attribute_is_filled_from_what_is_there(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    values = [5, "7", "n/a", None, True, 2.5]
    ids = [make_customer(f"p{at}@example.com", attributes={"seats": value}) for at, value in enumerate(values)]
    make_customer("none@example.com")
    told = declare(workspace, "seats", AttributeKind.NUMBER, by="maria")
    assert (told.fitting, told.turned, told.unfit, dict(told.examples)) == (2, 1, 2, {"n/a": 1, "True": 1})
    assert _column(workspace, "seats") == [5, 7, None, None, None, 2.5, None]
    assert (
        _count(workspace, "seats > 2"),
        _count(workspace, "seats is empty"),
        _count(workspace, "seats in (5, 7)"),
    ) == (
        *(3, 4),
        2,
    )
    with workspace.database.read() as session:
        found = load_customers(session, ids)
        kept = [found[one].attributes["seats"] for one in ids]
    assert kept == [5, 7, "n/a", None, True, 2.5]


@BOTH
def test_an_import_reads_a_declared_column_as_its_type_and_the_database_fills_it(workspace: Workspace) -> None:
    for name, kind in (("zip", AttributeKind.TEXT), ("seats", AttributeKind.NUMBER), ("vip", AttributeKind.TRUTH)):
        declare(workspace, name, kind, by="maria")
    people = workspace.root / "people.csv"
    people.write_text("email,zip,seats,vip\na@example.com,10115,3,ja\nb@example.com,01067,many,no\n", encoding="utf-8")
    import_customers(workspace, people, "customers")
    assert _column(workspace, "zip") == ["10115", "01067"]
    assert [None if one is None else int(one) for one in _column(workspace, "seats")] == [3, None]
    assert [int(one) for one in _column(workspace, "vip")] == [1, 0]
    people.write_text("email,zip,seats,vip\na@example.com,10117,4,nein\n", encoding="utf-8")
    import_customers(workspace, people, "customers")
    assert _column(workspace, "zip")[0] == "10117"
    assert _count(workspace, 'zip == "10117" and seats == 4 and vip == false') == 1


@BOTH
def test_a_declaration_taken_back_leaves_the_values_and_may_be_made_anew(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"since": "2025-01-31", "plan": "pro"})
    declare(workspace, "since", AttributeKind.TEXT, by="maria")
    declare(workspace, "plan", AttributeKind.TEXT, by="maria")
    with pytest.raises(UsageError, match="declared already, as a text"):
        declare(workspace, "since", AttributeKind.DAY, by="maria")
    drop(workspace, "since")
    with pytest.raises(InputError, match="since is not declared"):
        drop(workspace, "since")
    assert _count(workspace, "since < 2025-02-01") == 1
    declare(workspace, "since", AttributeKind.DAY, by="maria")
    make_customer("ben@example.com", attributes={"since": "2025-03-01", "plan": "pro"})
    assert _count(workspace, 'since > 2025-01-01 and plan == "pro"') == 2


@BOTH
def test_what_fills_the_columns_is_set_up_anew_when_the_tables_are_upgraded(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    declare(workspace, "plan", AttributeKind.TEXT, by="maria")
    on = "" if workspace.database.is_sqlite else " ON customer"
    with workspace.database.write() as session:
        session.connection().execute(text(f"DROP TRIGGER customer_typed_new{on}"))
    migrate(workspace.database)
    make_customer("ann@example.com", attributes={"plan": "pro"})
    assert _column(workspace, "plan") == ["pro"]


def test_a_declaration_that_was_broken_off_is_not_used_and_goes_on(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    with workspace.database.write() as session:
        add_column(session, "plan", AttributeKind.TEXT, by="maria", at=workspace.clock())
        assert kinds_of(session) == {}
    assert _count(workspace, 'plan == "pro"') == 1
    assert declare(workspace, "plan", AttributeKind.TEXT, by="maria").fitting == 1
    with workspace.database.read() as session:
        assert kinds_of(session) == {"plan": AttributeKind.TEXT}
        said = str(segment_filter(load_segment(session, 'plan == "pro"', workspace.clock())).compile())
    assert "customer.a_plan" in said and "json" not in said.lower()


@pytest.mark.parametrize("name", ["email", "open_cases", "Plan", "größe", 'x" --', "opened", "a" * 60])
def test_a_name_that_must_not_come_into_a_statement_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be declared"):
        declare(workspace, name, AttributeKind.TEXT, by="maria")


def test_an_equal_value_is_looked_up_by_the_index(workspace: Workspace) -> None:
    if not workspace.database.is_sqlite:
        pytest.skip("it is about SQLite itself")
    declare(workspace, "plan", AttributeKind.TEXT, by="maria")
    with workspace.database.read() as session:
        found = session.connection().execute(
            text("EXPLAIN QUERY PLAN SELECT count(*) FROM customer WHERE a_plan IS NOT NULL AND a_plan IN ('pro')")
        )
        assert any("ix_customer_a_plan" in row[3] for row in found)


def test_an_upgrade_lays_the_narrow_index_where_it_is_missing_and_a_drop_takes_the_column_out(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    if not workspace.database.is_sqlite:
        pytest.skip("it is about SQLite itself")
    make_customer("ann@example.com", country="DE", attributes={"plan": "pro", "tags": ["vip"]})
    declare(workspace, "plan", AttributeKind.TEXT, by="maria")
    declare(workspace, "tags", AttributeKind.LIST, by="maria")
    with workspace.database.write() as session:
        session.connection().execute(text(f"DROP INDEX {LEAN}"))
    assert _count(workspace, 'plan == "pro" and "vip" in tags') == 1, "it is only quicker with it"
    migrate(workspace.database)
    assert _lean(workspace).endswith("(id, language, country, a_plan, a_tags)")
    drop(workspace, "tags")
    assert _lean(workspace).endswith("(id, language, country, a_plan)")
    assert _count(workspace, 'plan == "pro" and "vip" in tags and country == "DE"') == 1
    drop(workspace, "plan")
    assert _lean(workspace) == ""


def _lean(workspace: Workspace) -> str:
    with workspace.database.read() as session:
        found = session.connection().execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": LEAN})
        return (found.scalar() or "").partition(" WHERE")[0]
