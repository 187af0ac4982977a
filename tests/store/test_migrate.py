"""The migrations and the tables say the same."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import outreach.store.migrate
from outreach.store.database import check_integrity, open_database
from outreach.store.migrate import HEAD, check_revision, migrate


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_migrated_database_has_just_the_tables_of_the_records(tmp_path: Path) -> None:
    database = open_database("a.db", tmp_path)
    migrate(database)
    check_revision(database)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    with database.read() as session:
        assert check_integrity(session) == []


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = open_database("a.db", tmp_path)
    migrate(database)
    migrate(database)
    check_revision(database)
