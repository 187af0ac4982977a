"""A dump of an older version goes back into a PostgreSQL database of today, and can be upgraded anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from outreach.errors import DatabaseError
from outreach.store.backup import copy_database, load_dump
from outreach.store.migrate import check_revision, current_revision, migrate
from outreach.work.workspace import Workspace

from .test_slices import alembic_on

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


@pytest.mark.parametrize("revision", ["0031", "0012"])
def test_a_dump_of_an_older_version_goes_back_and_is_upgraded(
    workspace: Workspace, tmp_path: Path, revision: str
) -> None:
    database = workspace.database
    with database.engine.begin() as connection:
        command.downgrade(alembic_on(connection), revision)
    copy_database(database, tmp_path / "old.dump")
    migrate(database)
    load_dump(tmp_path / "old.dump", database.engine.url)
    with database.engine.connect() as connection:
        assert current_revision(connection) == revision
    migrate(database)
    check_revision(database)


def test_a_dump_that_cannot_go_back_as_a_whole_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    database = workspace.database
    copy_database(database, tmp_path / "own.dump")
    with database.write() as session:
        session.execute(text("CREATE VIEW addresses AS SELECT address FROM customer"))  # an operator's own
        session.execute(text("UPDATE workspace SET name = 'after'"))
    with pytest.raises(DatabaseError, match="depend"):
        load_dump(tmp_path / "own.dump", database.engine.url)
    (tmp_path / "cut.dump").write_bytes((tmp_path / "own.dump").read_bytes()[:-5000])
    with database.write() as session:
        session.execute(text("DROP VIEW addresses"))
    with pytest.raises(DatabaseError):
        load_dump(tmp_path / "cut.dump", database.engine.url)
    with database.read() as session:
        assert session.execute(text("SELECT name FROM workspace")).scalar() == "after"
    assert sorted(path.name for path in tmp_path.iterdir() if "dump" in path.name) == ["cut.dump", "own.dump"]
    check_revision(database)
