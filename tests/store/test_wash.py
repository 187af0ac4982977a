from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import text

from outreach.store.wash import traces
from outreach.work.workspace import Workspace

LOOK = "import sqlite3, sys; it = sqlite3.connect(sys.argv[1]); it.execute('SELECT 1 FROM customer'); it.close()"
RENAME = text("UPDATE mailing_list SET name = :name")


@pytest.mark.sqlite
def test_what_is_written_after_a_look_for_traces_is_kept_whoever_comes_and_goes(workspace: Workspace) -> None:
    """The look dropped our locks: the other process took the log away, and what came then went with it."""
    path = workspace.database.path
    assert path is not None
    with workspace.database.write() as session:
        session.connection().execute(RENAME, {"name": "before"})
    assert traces(workspace.database, [b"nobody has this"]) == []
    subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True)
    with workspace.database.write() as session:
        session.connection().execute(RENAME, {"name": "behind"})
    subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True)
    assert sqlite3.connect(path).execute("SELECT DISTINCT name FROM mailing_list").fetchall() == [("behind",)]
