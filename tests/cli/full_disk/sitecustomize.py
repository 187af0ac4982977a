"""Loaded by a child process alone: its SQLite files may not grow, as on a full disk (a real SQLITE_FULL)."""

import sqlite3

_connect = sqlite3.connect


def connect(*arguments, **options):
    connection = _connect(*arguments, **options)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    if pages:
        connection.execute(f"PRAGMA max_page_count = {pages}")
    return connection


sqlite3.connect = sqlite3.dbapi2.connect = connect
