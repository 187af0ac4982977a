"""Replies read: `python -m tests.benchmarks.bench_replies [--replies 4000] [--processes 0] [--stages] [--profile]`.

Real mails of a real edition are answered as Gmail, Outlook and Apple Mail answer them (two in three people's words;
else automatic replies, bounces, wishes to leave, abuse reports) and lie in a Maildir. From there they are taken as the
daemon takes them: stored raw in an SQLite database on disk, committed and acknowledged, then parsed, matched, quotes
subtracted, sorted, cases and holds written. Starting processes is measured too. The yardstick of the same run: Python's
own `email` parsing the same bytes and decoding their text, and nothing else, on one core.
"""

from __future__ import annotations

import argparse
import cProfile
import email
import gc
import os
import pstats
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select
from sqlmodel import col

from outreach.cli.demo.reply_mail import (
    as_abuse_report,
    as_bounce,
    as_out_of_office,
    as_reply,
    as_unsubscribe_mail,
)
from outreach.cli.demo.voices import VOICES
from outreach.records import Case, Inbound, InboundState
from outreach.settings import MailboxSettings
from outreach.store.database import rows_in_chunks
from outreach.work import collect
from outreach.work.collect import collect_all
from outreach.work.create import create_workspace
from outreach.work.read import TOGETHER
from outreach.work.reading_room import ReadingRoom
from outreach.work.workspace import Workspace, open_workspace

from ..faults.crowd import add_people
from ..work.replying import send_newsletter

PEOPLE = 1_000
T = TypeVar("T")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=4_000)
    parser.add_argument("--people", type=int, default=PEOPLE, help="who write them, in turn")
    parser.add_argument("--processes", type=int, default=0, help="as in [replies]; 0: by cores")
    parser.add_argument("--stages", action="store_true", help="what each stage costs, one after the other")
    parser.add_argument("--profile", action="store_true", help="show where the time goes, in one process")
    wanted = parser.parse_args()
    if wanted.stages or wanted.profile:
        wanted.processes = 1
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder) / "acme"
        create_workspace(root, "acme", port=2525)
        workspace = open_workspace(root)
        add_people(workspace, wanted.people)
        mails = list(send_newsletter(workspace, range(1, wanted.people + 1)).values())
        replies = make_replies(mails, wanted.replies)
        drop(root / "inbox", replies)
        yardstick = parse_only(replies)
        measure(with_inbox(workspace, wanted.processes), len(replies), yardstick, wanted)
        workspace.database.close()


def drop(inbox: Path, replies: list[bytes]) -> None:
    """Lay them into a Maildir."""
    for part in ("tmp", "new", "cur"):
        (inbox / part).mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(replies):
        (inbox / "new" / f"{int(time.time())}.{number:06d}.made").write_bytes(raw)


def with_inbox(workspace: Workspace, processes: int) -> Workspace:
    """The workspace that reads this Maildir with so many processes."""
    box = MailboxSettings(name="replies", kind="maildir", path="inbox")
    replies = workspace.settings.replies.model_copy(update={"mailboxes": (box,), "processes": processes})
    return replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies}))


def make_replies(mails: list[bytes], count: int) -> list[bytes]:
    """Answers to these mails, no two alike, one in three by a machine or a link."""
    dice = random.Random(2026)
    people = [voice for voice in VOICES if voice.kind != "out_of_office"]
    away = [voice for voice in VOICES if voice.kind == "out_of_office"]
    made = []
    for number in range(count):
        mail = mails[number % len(mails)]
        sender = f"P <p{number % len(mails) + 1}@example.com>"
        chance = dice.random()
        if chance < 0.66:
            raw = as_reply(dice.choice(people), mail, sender, style=dice.randrange(3))
        elif chance < 0.80:
            raw = as_out_of_office(dice.choice(away), mail, sender)
        elif chance < 0.92:
            raw = as_bounce(mail)
        elif chance < 0.97:
            raw = as_unsubscribe_mail(mail, sender)
        else:
            raw = as_abuse_report(mail)
        made.append(b"Message-ID: <%d@made.example>\r\n" % number + drop_id(raw))
    return made


def drop_id(raw: bytes) -> bytes:
    """The mail without the Message-ID that its builder gave it."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"message-id:")]
    return b"\r\n".join(lines) + gap + body


def parse_only(replies: list[bytes]) -> float:
    """Replies a second that `email` parses and decodes on one core, doing nothing with them."""
    began = time.perf_counter()
    for raw in replies:
        for part in email.message_from_bytes(raw).walk():
            if part.get_content_maintype() == "text":
                part.get_payload(decode=True).decode(part.get_content_charset() or "utf-8", "replace")  # type: ignore[union-attr]
    return len(replies) / (time.perf_counter() - began)


def measure(workspace: Workspace, count: int, yardstick: float, wanted: argparse.Namespace) -> None:
    """Take everything in and read it, and print how fast that was."""
    gc.set_threshold(20_000, 20, 20)  # as the command line does
    profile = cProfile.Profile()
    began, busy = time.perf_counter(), os.times()
    if wanted.profile:
        profile.runcall(collect_all, workspace)
    elif wanted.stages:
        show_stages(workspace, count)
    else:
        collect_all(workspace)
    took, done = time.perf_counter() - began, os.times()
    cores = sum(done[:4]) - sum(busy[:4])
    with workspace.database.read() as session:
        states = dict(session.execute(select(col(Inbound.state), func.count()).group_by(col(Inbound.state))).all())
        kinds = session.execute(select(col(Inbound.machine), func.count()).group_by(col(Inbound.machine))).all()
        cases = session.execute(select(func.count()).select_from(Case)).scalar_one()
    assert states == {InboundState.READ: count}, states
    assert not list((workspace.root / "inbox" / "new").iterdir()), "all is acknowledged"
    print(f"{count} replies: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds)) + f"; {cases} cases")
    print(
        f"fetched, stored, read, matched and sorted: {count / took:.0f} a second;"
        f" {1000 * cores / count:.2f} ms of processor time each"
    )
    print(f"yardstick, parsing alone on one core: {yardstick:.0f} a second; ratio {count / took / yardstick:.2f}")
    again = time.perf_counter()
    counts = collect_all(workspace)
    assert (counts.stored, counts.read) == (0, 0), counts
    print(f"a second fetch: nothing new, {time.perf_counter() - again:.2f} seconds")
    if wanted.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


def show_stages(workspace: Workspace, count: int) -> None:
    """Fetch all, then understand all, then write all, by the hundred: what each costs of one core."""
    spent = dict.fromkeys(("fetch, store, commit, acknowledge", "parse, match, subtract, sort", "write"), 0.0)
    fetch, understand, write = spent

    def clocked(stage: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        done = work()
        spent[stage] += time.process_time() - began
        return done

    ids: list[int] = []
    with ReadingRoom(workspace, lambda _: None) as room:
        room.offer = ids.extend  # type: ignore[method-assign]
        box = workspace.settings.replies.mailboxes[0]
        clocked(fetch, lambda: collect._fetch(workspace, box, collect.CollectCounts(), None, room))
        for some in rows_in_chunks(ids, TOGETHER):
            readings = clocked(understand, partial(room.reader.understanding.of, some))
            clocked(write, partial(room.reader.write_together, some, readings))
    for stage, seconds in spent.items():
        print(f"  {1000 * seconds / count:.2f} ms of processor time each: {stage}")


if __name__ == "__main__":
    main()
