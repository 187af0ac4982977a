"""The migrations and the tables say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import SQLModel

import outreach.store.migrate
from outreach.errors import DatabaseError
from outreach.store.database import check_integrity, open_database
from outreach.store.migrate import HEAD, check_revision, migrate

from ..conftest import BOTH


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


@BOTH
def test_a_migrated_database_has_just_the_tables_of_the_records(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    migrate(database)
    check_revision(database)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    with database.read() as session:
        assert check_integrity(session) == []
    database.close()


@BOTH
def test_migrating_twice_changes_nothing(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    migrate(database)
    migrate(database)
    check_revision(database)
    database.close()


@BOTH
def test_a_database_of_an_older_or_a_newer_outreach_is_told_apart(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    with pytest.raises(DatabaseError, match="no tables of outreach"):
        check_revision(database)
    migrate(database)
    for revision, words in (("0001", "older"), ("9999", "newer")):
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": revision})
        with pytest.raises(DatabaseError, match=words):
            check_revision(database)
    database.close()
