"""Debian's PostgreSQL with a private cluster: one for all workers of a test run, stopped when the last of them is gone.

Law: it ends however the run ends. Each worker holds a FIFO open; the kernel closes it with the worker, and the guard
that waits at its other end stops the server and removes the folder. Its locale sorts as people do, not by code
points, so that a query that leans on the order of bytes is found out.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
USER = "outreach"
LOCKED_USER, PASSWORD = "locked", "s3cret-pass"
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
OPTIONS = {
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "listen_addresses": "",
    "logging_collector": "off",
    "log_min_messages": "fatal",
}


def find_binaries() -> Path | None:
    """Where initdb and postgres are, the newest version first; None where Debian's package is missing."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    on_path = shutil.which("initdb")
    if not found and on_path:
        return Path(on_path).resolve().parent
    return max(found, key=lambda path: float(path.parent.name), default=None)


@dataclass(frozen=True)
class Cluster:
    """A running server, reached by a socket in `folder`."""

    folder: Path

    def url(self, name: str, *, user: str = USER, password: str = "") -> str:
        """The URL of a database in it."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{name}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run SQL, each statement by itself."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def connect(self, database: str = "postgres") -> Any:
        """A driver's connection that commits each statement."""
        import psycopg  # lazy: an extra

        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def create(self, name: str, template: str = "template0") -> str:
        """A database as a copy of `template`; its URL."""
        how = f"TEMPLATE {template} STRATEGY file_copy" if template != "template0" else "TEMPLATE template0"
        self.run(f'CREATE DATABASE "{name}" {how}')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def shared_cluster(place: Path, *, durable: bool = False) -> Iterator[Cluster]:
    """The run's cluster, started by whoever comes first. `place` is a folder that all workers of the run share.

    `durable`: on the disk, and as an operator runs it, for measuring.
    """
    with (place / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = place / "postgres.json"
        held = _hold(told, 0) if told.exists() else None
        if held is None:
            told.write_text(json.dumps(_start("--durable" if durable else "")), encoding="utf-8")
            held = _hold(told, 10)
            assert held is not None
        cluster = Cluster(_folder(told))
    try:
        yield cluster
    finally:
        os.close(held)


def _folder(told: Path) -> Path:
    return Path(json.loads(told.read_text(encoding="utf-8"))["folder"])


def _hold(told: Path, seconds: float) -> int | None:
    """The FIFO, held open; None where nobody is at its other end: that cluster has ended."""
    until = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            return os.open(_folder(told) / "held", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if time.monotonic() >= until:
            return None
        time.sleep(0.01)


def _start(how: str) -> dict[str, str]:
    """Start the guard, and through it the server."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.postgres", how],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guard.stdout is not None
    line = guard.stdout.readline()
    if not line:
        raise AssertionError("the private PostgreSQL did not start; its messages are above")
    found: dict[str, str] = json.loads(line)
    return found


def _account() -> dict[str, Any]:
    """PostgreSQL does not run as root: then as Debian's user for it, or nobody."""
    if os.getuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def guard(*, durable: bool = False) -> None:
    """Make a cluster, say where it is, and wait until nobody holds it any more."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
    binaries = find_binaries()
    assert binaries is not None, "apt-get install postgresql"
    in_memory = not durable and os.access(MEMORY, os.W_OK)
    folder = Path(tempfile.mkdtemp(prefix="outreach-pg-", dir=MEMORY if in_memory else None))
    server: subprocess.Popen[bytes] | None = None
    try:
        server = _serve(binaries, folder, {} if durable else NOT_DURABLE)
        os.mkfifo(folder / "held", 0o600)
        print(json.dumps({"folder": str(folder)}), flush=True)
        os.close(1)
        signal.alarm(60)  # whoever started us may have died before it held the FIFO
        with (folder / "held").open("rb") as held:  # opened with the first holder, at its end with the last
            signal.alarm(0)
            held.read()
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)
            server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _serve(binaries: Path, folder: Path, more: dict[str, str]) -> subprocess.Popen[bytes]:
    account = _account()
    folder.chmod(0o755)
    if account:
        os.chown(folder, account["user"], account["group"])
    data = folder / "data"
    words = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-sync", "--no-instructions"]
    locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
    made = subprocess.run(
        [binaries / "initdb", "-D", data, *words, *locale], cwd=folder, capture_output=True, text=True, **account
    )
    if made.returncode:
        raise AssertionError(f"initdb: {made.stderr}")
    (data / "pg_hba.conf").write_text(f"local all {LOCKED_USER} scram-sha-256\nlocal all all trust\n")
    options = [f"-c{name}={value}" for name, value in (OPTIONS | more).items()]
    server = subprocess.Popen([binaries / "postgres", "-D", data, "-k", folder, *options], cwd=folder, **account)
    cluster = Cluster(folder)
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        with suppress(Exception):
            cluster.run(f"CREATE ROLE {LOCKED_USER} LOGIN PASSWORD '{PASSWORD}'")
            return server
        time.sleep(0.02)
    raise AssertionError("postgres did not start")


if __name__ == "__main__":
    guard(durable="--durable" in sys.argv)
