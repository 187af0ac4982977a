"""Replies read: `python -m tests.benchmarks.bench_replies [--replies 4000] [--profile]`.

Real mails of a real edition are answered as Gmail, Outlook and Apple Mail answer them (two in three people's words;
else automatic replies, bounces, wishes to leave, abuse reports), stored raw in an SQLite database on disk, and then
read as the daemon reads them: parsed, matched, quotes subtracted, sorted, cases and holds written. The yardstick of
the same run: Python's own `email` parsing the same bytes and decoding their text, and nothing else, on one core.
"""

from __future__ import annotations

import argparse
import cProfile
import email
import os
import pstats
import random
import tempfile
import time
from pathlib import Path

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
from outreach.records import Case, Channel, Inbound, InboundState
from outreach.store.replies import insert_inbound
from outreach.work.collect import inbound_values, read_stored
from outreach.work.create import create_workspace
from outreach.work.workspace import Workspace, open_workspace

from ..faults.crowd import add_people
from ..work.replying import send_newsletter

PEOPLE = 1_000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=4_000)
    parser.add_argument("--profile", action="store_true", help="show where the time goes, in one process")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder) / "acme"
        create_workspace(root, "acme", port=2525)
        workspace = open_workspace(root)
        add_people(workspace, PEOPLE)
        mails = list(send_newsletter(workspace, range(1, PEOPLE + 1)).values())
        replies = make_replies(mails, wanted.replies)
        store(workspace, replies)
        yardstick = parse_only(replies)
        measure(workspace, len(replies), yardstick, wanted)
        workspace.database.close()


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


def store(workspace: Workspace, replies: list[bytes]) -> None:
    """Keep them raw, as fetching does; not measured."""
    for start in range(0, len(replies), 100):
        with workspace.database.write() as session:
            for raw in replies[start : start + 100]:
                assert insert_inbound(session, inbound_values(workspace, raw, Channel.EMAIL, "", "", None)) is not None


def parse_only(replies: list[bytes]) -> float:
    """Replies a second that `email` parses and decodes on one core, doing nothing with them."""
    began = time.perf_counter()
    for raw in replies:
        for part in email.message_from_bytes(raw).walk():
            if part.get_content_maintype() == "text":
                part.get_payload(decode=True).decode(part.get_content_charset() or "utf-8", "replace")  # type: ignore[union-attr]
    return len(replies) / (time.perf_counter() - began)


def measure(workspace: Workspace, count: int, yardstick: float, wanted: argparse.Namespace) -> None:
    """Read everything, and print how fast that was."""
    profile = cProfile.Profile()
    began, busy = time.perf_counter(), os.times()
    if wanted.profile:
        profile.runcall(read_stored, workspace)
    else:
        read_stored(workspace)
    took, done = time.perf_counter() - began, os.times()
    cores = sum(done[:4]) - sum(busy[:4])
    with workspace.database.read() as session:
        states = dict(session.execute(select(col(Inbound.state), func.count()).group_by(col(Inbound.state))).all())
        kinds = session.execute(select(col(Inbound.machine), func.count()).group_by(col(Inbound.machine))).all()
        cases = session.execute(select(func.count()).select_from(Case)).scalar_one()
    assert states == {InboundState.READ: count}, states
    print(f"{count} replies: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds)) + f"; {cases} cases")
    print(
        f"read, matched and sorted: {count / took:.0f} a second; {1000 * cores / count:.2f} ms of processor time each"
    )
    print(f"yardstick, parsing alone on one core: {yardstick:.0f} a second; ratio {count / took / yardstick:.2f}")
    if wanted.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


if __name__ == "__main__":
    main()
