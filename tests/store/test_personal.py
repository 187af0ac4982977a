"""The map of what tells of a person covers every table and column that there is."""

from __future__ import annotations

from sqlmodel import SQLModel

from outreach.store.personal import HOUSE, KEPT, REMOVED, ROOTS, holds_words, leading

TABLES = {table.name: table for table in SQLModel.metadata.sorted_tables}


def test_every_table_is_somebodys_or_tells_of_nobody_and_says_why() -> None:
    owned = {name for name, table in TABLES.items() if name in ROOTS or any(leading(table))}
    both, neither = owned & HOUSE.keys(), TABLES.keys() - owned - HOUSE.keys()
    assert both == set()
    assert neither == set(), (
        "a new table: give it a foreign key to customer, delivery, inbound or case_file, or say in "
        "store.personal.HOUSE what it holds and why it tells of no customer"
    )
    assert HOUSE.keys() - TABLES.keys() <= {"alembic_version"}


def test_what_is_kept_or_removed_names_columns_and_tables_that_there_are() -> None:
    assert set(TABLES) >= REMOVED
    for name, columns in KEPT.items():
        there = {column.name for column in TABLES[name].columns if holds_words(column)}
        assert columns.keys() <= there, name
        assert all(columns.values())


def test_every_table_that_is_somebodys_has_a_number() -> None:
    for name, table in TABLES.items():
        if name not in HOUSE:
            assert [column.name for column in table.primary_key] == ["id"], name
