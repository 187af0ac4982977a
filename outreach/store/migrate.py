"""Bringing a database to the version that this program needs, by Alembic.

Law: a database from a newer version is refused, never touched. SQLite: foreign keys are off while tables are rebuilt
and checked after (RELIABILITY, SQLite). PostgreSQL: all revisions in one transaction, so that it is done or not. What
fills the columns of declared attributes is set up anew: a table that was rebuilt has lost it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from ..errors import DatabaseError
from .attributes import fill_by_itself, lay_lean
from .database import Database, told
from .postgresql import take_turn

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0038"
"""The newest revision; a test compares it with the scripts, so that opening needs no Alembic."""


def current_revision(connection: Connection) -> str | None:
    """The database's revision, or None where it has no tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_revision(database: Database) -> None:
    """Raise DatabaseError unless the database has just the revision that this program needs."""
    with told(database), database.engine.connect() as connection:
        found = current_revision(connection)
    if found == HEAD:
        return
    if found is None:
        raise DatabaseError(f"{database.place} has no tables of outreach", remedy="Run `outreach init` here.")
    if found > HEAD:
        raise DatabaseError(
            f"{database.place} is from a newer outreach (revision {found}; this one knows {HEAD})",
            remedy="Install that version, or restore a backup made by this one.",
        )
    raise DatabaseError(
        f"{database.place} is from an older outreach (revision {found}, needed {HEAD})",
        remedy="Run `outreach init` in the workspace: it backs the database up and upgrades it, nothing else.",
    )


def migrate(database: Database) -> None:
    """Create the tables, or upgrade them to HEAD."""
    from alembic import command  # lazy: 200 ms
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    if database.is_sqlite:
        _migrate_file(database, config)
        return
    with told(database), database.engine.begin() as connection:
        take_turn(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        fill_by_itself(connection)


def _migrate_file(database: Database, config: Config) -> None:
    from alembic import command  # lazy: 200 ms

    with told(database), database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        fill_by_itself(connection)
        lay_lean(connection)
        connection.commit()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.commit()
    if broken:
        raise DatabaseError(f"{len(broken)} rows lost what they point at in the upgrade", remedy="Restore the backup.")
