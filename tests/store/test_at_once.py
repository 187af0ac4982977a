"""A statement that is its own transaction on PostgreSQL: its values and its errors are as the driver has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import DateTime, Integer, String, bindparam, cast, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from outreach.errors import DatabaseError
from outreach.records import DeliveryState, WorkspaceRow
from outreach.store.prepared import Prepared
from outreach.work.workspace import Workspace

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]

_NAME = Prepared(
    update(WorkspaceRow).values(name=bindparam("to_name")).where(col(WorkspaceRow.id) == 1).returning(WorkspaceRow.name)  # type: ignore[call-overload]
)
_SAID = Prepared(
    select(
        cast(bindparam("number"), Integer),
        cast(bindparam("words"), String),
        cast(bindparam("at"), DateTime(timezone=True)),
        cast(bindparam("state"), String),
        literal("100 % sure"),
        cast(bindparam("none"), String),
        cast(bindparam("words"), String),
    )
)
_SECOND = Prepared(insert(WorkspaceRow).from_select(list(WorkspaceRow.model_fields), select(WorkspaceRow)))


def name_of(workspace: Workspace) -> str:
    with workspace.database.read() as session:
        return session.get_one(WorkspaceRow, 1).name


def test_values_go_there_and_back_as_the_driver_has_them(workspace: Workspace) -> None:
    at = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    given = {"number": -7, "words": "ä \0 'x' $1 %(at)s", "at": at, "state": DeliveryState.SENT, "none": None}
    with workspace.database.keep_writing() as writer:
        for _ in range(2):  # prepared, and known
            said = "ä \ufffd 'x' $1 %(at)s"
            assert writer.at_once(_SAID, **given) == [(-7, said, at, "sent", "100 % sure", None, said)]
        with writer.write():
            assert _SAID.rows(writer, **given) == [(-7, said, at, "sent", "100 % sure", None, said)]


def test_it_is_committed_when_it_returns(workspace: Workspace) -> None:
    with workspace.database.keep_writing() as writer:
        assert writer.at_once(_NAME, to_name="one") == [("one",)]
        assert name_of(workspace) == "one"


def test_it_is_refused_inside_of_a_transaction(workspace: Workspace) -> None:
    before = name_of(workspace)
    with workspace.database.keep_writing() as writer:
        with pytest.raises(DatabaseError, match="inside of a transaction"), writer.write():
            _SAID.rows(writer, number=1, words="", at=None, state="", none=None)
            writer.at_once(_NAME, to_name="two")
        assert name_of(workspace) == before
        writer.at_once(_NAME, to_name="three")
    assert name_of(workspace) == "three"


def test_what_the_server_refuses_is_told_and_the_next_goes_on(workspace: Workspace) -> None:
    with workspace.database.keep_writing() as writer:
        with pytest.raises(IntegrityError):
            writer.at_once(_SECOND)
        with workspace.database.write() as session:
            session.connection().exec_driver_sql("SELECT * FROM workspace FOR UPDATE")
            with writer.write():
                writer.connection().exec_driver_sql("SET lock_timeout = '50ms'")
            with pytest.raises(DatabaseError) as wrong:
                writer.at_once(_NAME, to_name="four")
        assert "longer than 15 seconds" in str(wrong.value.remedy)
        assert writer.at_once(_NAME, to_name="five") == [("five",)]


def test_a_connection_that_the_server_ended_is_told_and_made_anew(workspace: Workspace) -> None:
    with workspace.database.keep_writing() as writer:
        writer.at_once(_NAME, to_name="six")
        with workspace.database.write() as session:
            session.connection().exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(DatabaseError):
            writer.at_once(_NAME, to_name="seven")
        assert writer.at_once(_NAME, to_name="eight") == [("eight",)]
    assert name_of(workspace) == "eight"
