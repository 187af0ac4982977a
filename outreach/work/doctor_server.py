"""Is the PostgreSQL server in order: its version, how far away it is, what it would lose in a power cut, its time?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import text

from ..delivery.domain import Finding
from ..errors import DatabaseError
from ..store.postgresql import Reader, ServerFacts, oldest_reader, server_facts
from ..store.queued import count_missed, keepers_off
from ..store.server_clock import ServerClock
from .steady import SteadyClock
from .workspace import Workspace

FAR_SECONDS = 0.02
CLOCK_OFF_SECONDS = 2.0
LONG_MINUTES = 60
"""A dump takes less; who forgot to end a transaction reads for longer."""
_ROUNDS = 5


def check_server(workspace: Workspace) -> Iterator[Finding]:
    """What an operator should know of the server."""
    try:
        with workspace.database.read() as session:
            connection = session.connection()
            facts = server_facts(connection)
            began = time.perf_counter()
            for _ in range(_ROUNDS):
                connection.execute(text("SELECT 1")).scalar()
            away = (time.perf_counter() - began) / _ROUNDS
            missed, off = count_missed(session), keepers_off(session)
            reader = oldest_reader(connection)
    except DatabaseError as wrong:
        yield Finding("PostgreSQL", "bad", wrong.message, wrong.remedy)
        return
    words = f"{facts.version} answers in {away * 1000:.1f} ms"
    if away > FAR_SECONDS:
        yield Finding("PostgreSQL", "note", words, "That is far: each mail waits for it. Run outreach near the server.")
    else:
        yield Finding("PostgreSQL", "good", words)
    yield _durable(facts)
    yield from _queue(missed, off)
    if reader is not None and reader.seconds >= LONG_MINUTES * 60:
        yield _reads_long(reader)
    if not facts.checksums:
        remedy = "pg_checksums --enable, while the server is stopped."
        yield Finding("page checksums", "note", "are off: a damaged page would not be noticed", remedy)
    if not (facts.local or facts.encrypted):
        remedy = "Add ?sslmode=verify-full to the URL in `database`."
        yield Finding("connection", "bad", "to another machine, and not encrypted", remedy)
    clock = workspace.clock.system if isinstance(workspace.clock, SteadyClock) else workspace.clock
    if isinstance(clock, ServerClock):
        yield _clock(clock)


def _queue(missed: int, off: list[str]) -> Iterator[Finding]:
    """Whether all that wait are found: the database keeps the queue by itself, unless somebody kept it from that."""
    found = []
    if missed:
        found.append(f"{missed:,} {'mails wait' if missed > 1 else 'mail waits'} where no claim would find them")
    if off:
        found.append(
            f"the database does not keep it by itself ({', '.join(off)} {'are' if len(off) > 1 else 'is'} off)"
        )
    if found:
        remedy = (
            "Cancel what should go no more (`outreach campaigns cancel`), then `outreach db upgrade` puts it right."
        )
        yield Finding("queue", "bad", "; ".join(found), remedy)


def _reads_long(reader: Reader) -> Finding:
    """Somebody reads from an old snapshot: each mail leaves three versions of its row, none of which can go."""
    words = (
        f"{reader.program} (process {reader.process}) has read from one snapshot for {reader.seconds / 60:.0f} minutes"
    )
    remedy = f"If nobody waits for it: SELECT pg_terminate_backend({reader.process}). The tables grow until it ends."
    return Finding("long reader", "note", f"{words}: what mails leave behind cannot be cleared away", remedy)


def _durable(facts: ServerFacts) -> Finding:
    """Whether a commit that has returned outlives a power cut: what no mail twice rests on."""
    off = [name for name, on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)) if not on]
    if off:
        remedy = "Set it on in postgresql.conf: after a power cut mail could go out twice."
        return Finding("durability", "bad", f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off", remedy)
    return Finding("durability", "good", f"commits are flushed (synchronous_commit={facts.synchronous_commit})")


def _clock(clock: ServerClock) -> Finding:
    ahead = clock.ahead()
    if abs(ahead) <= CLOCK_OFF_SECONDS + clock.unsure:
        return Finding("clock", "good", "this machine and the server agree; the server's time counts")
    words = f"this machine is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the server"
    return Finding("clock", "note", f"{words}, whose time counts", "Set both by NTP (timedatectl).")
