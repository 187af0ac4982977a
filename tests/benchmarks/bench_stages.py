"""Where the time of a mail goes: microseconds of CPU for each stage, on the typical issue.

    python -m tests.benchmarks.bench_stages [--people 3000] [--rounds 5]

Of each stage the quickest of some rounds in this thread, everything else left out: rendering and encoding, the message
around it, a signature, the look at the octets before they go out, and at the desk the claim, the judgement, the intent
and the settling (these two with their commits, in groups as large as the connections give). Sockets are not measured.
What happens once for an edition, or once for each kind of reader, is told in milliseconds apart.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from outreach.newsletter.plates import Plates
from outreach.newsletter.render import Renderer
from outreach.records import Campaign, Customer, DeliveryEvent, DeliveryState, Edition
from outreach.store.customers import load_customers
from outreach.store.moves import Move, apply_moves
from outreach.store.outbox import Claimed, claim, intend
from outreach.wire.dkim import DkimKey, Signer, split_message
from outreach.wire.dkim_keys import make_key
from outreach.wire.smtp import wire_bytes
from outreach.work.compose import freeze
from outreach.work.judge import judge_people
from outreach.work.letter import press_facts
from outreach.work.press import LetterPress, PressFacts
from outreach.work.workspace import Workspace
from tests.benchmarks.bench_relay import FEW, lay_again, lay_people, prepare

TOGETHER = 20
OWNER, RELAY = "bench-stages", "127.0.0.1:25"


class Clockwork:
    """The stages and the quickest that each was, in microseconds for one mail."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.figures: dict[str, float] = {}

    def measure(self, name: str, work: Callable[[Any], object], each: Iterable[Any]) -> None:
        """Do `work` with each, in rounds."""
        them = list(each)
        for _ in range(self.rounds):
            started = time.thread_time()
            for one in them:
                work(one)
            self.note(name, started, len(them))

    def note(self, name: str, started: float, count: int) -> None:
        """What began at `started` is done, for so many mails."""
        took = (time.thread_time() - started) / count * 1e6
        self.figures[name] = round(min(took, self.figures.get(name, took)), 1)


def once(facts: PressFacts, workspace: Workspace, person: Any, public_id: str) -> dict[str, float]:
    """What an edition costs once, in milliseconds: freezing it, opening its press, the first mail of a kind."""
    with workspace.database.read() as session:
        campaign = session.get_one(Campaign, 1)
        started = time.thread_time()
        freeze(session, workspace, campaign, now=workspace.clock())
        compiled = time.thread_time() - started
    started = time.thread_time()
    press = LetterPress(facts)
    opened = time.thread_time() - started
    started = time.thread_time()
    for _ in range(2):
        press.press(person, public_id, {}, workspace.clock())
    first = time.thread_time() - started
    return {
        "compile_ms_per_edition": round(compiled * 1e3, 1),
        "open_press_ms": round(opened * 1e3, 1),
        "first_two_mails_of_a_kind_ms": round(first * 1e3, 1),
    }


def mails(clock: Clockwork, facts: PressFacts, people: list[Any], ids: list[str], now: Any, keys: Path) -> int:
    """From a person to signed octets; the size of a mail."""
    plates, press = Plates(Renderer(facts.frozen, issue_number=facts.number)), LetterPress(facts)
    pairs = list(zip(people, ids, strict=True))
    with_links = [(person, press.links(public_id)) for person, public_id in pairs]
    clock.measure("render", lambda each: plates.print(each[0], (), each[1]), with_links)
    clock.measure("press", lambda each: press.press(each[0], each[1], {}, now), pairs)
    clock.figures["message"] = round(clock.figures["press"] - clock.figures["render"], 1)
    some = [press.press(*pair, {}, now).message for pair in pairs[:200]]
    clock.measure("octets", wire_bytes, some)
    clock.measure("octets_unproved", lambda message: wire_bytes(message), map(bytes, some))
    parts = [split_message(message) for message in some]
    for algorithm in ("ed25519", "rsa"):
        signer = Signer([DkimKey(algorithm, facts.domain, make_key(keys, algorithm, algorithm))])
        clock.measure(f"sign_{algorithm}", lambda each, sign=signer.sign: sign(*each, now), parts)
    return len(some[0])


def desk(clock: Clockwork, workspace: Workspace, edition_id: int, people: int) -> None:
    """The desk's share, by the statements that it runs, in an edition of its own for each round."""
    for number in range(1, clock.rounds + 1):
        again = lay_again(workspace, edition_id, 100 + number, people)
        now, rows = workspace.clock(), list[Claimed]()
        lease = timedelta(seconds=workspace.settings.sending.lease_seconds)
        started = time.thread_time()
        while True:
            with workspace.database.write(beside=True) as session:
                got = claim(session, edition_ids=[again], owner=OWNER, limit=1000, now=now, lease=lease)
            if not got:
                break
            rows += got
        clock.note("claim", started, len(rows))
        started = time.thread_time()
        with workspace.database.read() as session:
            for at in range(0, len(rows), 1000):
                _judge(session, workspace, again, rows[at : at + 1000])
        clock.note("judge", started, len(rows))
        _commits(clock, workspace, rows)


def _judge(session: Session, workspace: Workspace, edition_id: int, rows: list[Claimed]) -> None:
    edition = session.get_one(Edition, edition_id)
    campaign = session.get_one(Campaign, edition.campaign_id)
    people = [row.customer_id for row in rows if row.customer_id is not None]
    customers = load_customers(session, people)
    allowed = judge_people(
        session,
        workspace,
        campaign=campaign,
        edition=edition,
        customer_ids=people,
        now=workspace.clock(),
        zones={person: customer.zone for person, customer in customers.items()},
    )
    refused = [permission for permission in allowed.values() if not permission.allowed]
    assert not refused, refused[0]


def _commits(clock: Clockwork, workspace: Workspace, rows: list[Claimed]) -> None:
    groups = [rows[at : at + TOGETHER] for at in range(0, len(rows), TOGETHER)]
    sent = (DeliveryEvent.ACCEPTED,)
    now = workspace.clock()
    with workspace.database.keep_writing() as writer:
        started = time.thread_time()
        for group in groups:
            with writer.write():
                assert len(intend(writer, group, now, RELAY)) == len(group)
        clock.note("intend", started, len(rows))
        started = time.thread_time()
        for group in groups:
            with writer.write():
                moves = [Move(row, DeliveryState.INFLIGHT, sent, response="250 ok", relay=RELAY) for row in group]
                assert not apply_moves(writer, moves, now)
        clock.note("settle", started, len(rows))


def measure(folder: Path, people: int, rounds: int) -> dict[str, Any]:
    """All stages."""
    os.environ |= {
        "OUTREACH_PUBLIC__URL": "https://news.acme.example",
        "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
        "OUTREACH_SENDING__PER_WEEK": "1000",
    }
    workspace, edition_id, _ = prepare(folder)
    lay_people(workspace, FEW + 1, people)
    clock = Clockwork(rounds)
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
        readers = list(load_customers(session, list(range(1, people + 1))).values())
        ids = [session.get_one(Customer, reader.id).public_id for reader in readers]
    edition_once = once(facts, workspace, readers[0], ids[0])
    size = mails(clock, facts, readers, ids, workspace.clock(), folder)
    desk(clock, workspace, edition_id, people)
    workspace.database.close()
    return {"people": people, "octets": size, **edition_once, "us_of_cpu_per_message": clock.figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-stages-") as folder:
        print(json.dumps(measure(Path(folder), options.people, options.rounds), indent=2))


if __name__ == "__main__":
    main()
