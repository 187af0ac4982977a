"""How long `outreach plan --days 30` takes for a million customers.

Run: python -m tests.benchmarks.bench_plan [people] [folder] [--all] [--households] [--hold-out]. The people live in
twelve zones and had a newsletter three days ago; some complained, were answered, left, or must not be written to. Five
campaigns go out: tips every week by each reader's own clock, news every second week, an invitation and an offer to
parts of the list, and an offer for which there is no room. Two sequences run: a greeting on each birthday, and a
welcome in which one in twenty is (--all: everybody). With --households three in four live in households of two, of
which one gets each newsletter, by the budget of both; with --hold-out an issue of tips a month ago brought complaints,
so that those to come are tested. In a folder that is named the workspace is kept, and used again as it was laid.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, Select, String, case, cast, func, insert, literal, select, text
from sqlmodel import Session, SQLModel, col

from outreach.address import new_public_id
from outreach.records import (
    Boost,
    Category,
    Channel,
    Customer,
    CustomerGroup,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    GroupKind,
    Hold,
    HoldState,
    Inbound,
    InboundState,
    Kind,
    Membership,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from outreach.store.customers import list_id_of
from outreach.work.agenda import read_agenda
from outreach.work.create import create_workspace
from outreach.work.sequence_plan import apply_sequence, approve_sequence
from outreach.work.workspace import Workspace, open_workspace
from tests.conftest import START, HandClock
from tests.work.planning_kit import make_campaign, make_edition, make_sent, make_tip

PEOPLE = 1_000_000
ZONES = (
    ("Europe/Berlin", "DE"),
    ("Europe/Vienna", "AT"),
    ("Europe/Zurich", "CH"),
    ("Europe/London", "GB"),
    ("Europe/Paris", "FR"),
    ("Europe/Madrid", "ES"),
    ("Europe/Rome", "IT"),
    ("America/New_York", "US"),
    ("America/Chicago", "US"),
    ("America/Los_Angeles", "US"),
    ("Asia/Tokyo", "JP"),
    ("Australia/Sydney", "AU"),
)


def fill(workspace: Workspace, people: int, *, households: bool = False, hold_out: bool = False) -> None:
    """Lay the people and what they have had, by a few statements that the database works off alone."""
    usual: dict[str, Any] = {"options": {"one_per": "household"}} if households else {}
    now = workspace.clock()
    for number in range(35):
        make_tip(workspace, f"tip-{number}", "descaling" if number % 5 else "milk", position=number)
    past = make_campaign(workspace, "past", Kind.NEWS)
    sent = make_edition(
        workspace, past, state=EditionState.DONE, due_at=now - timedelta(days=3), finished_at=now - timedelta(days=3)
    )
    berlin = usual | {"zone": "Europe/Berlin"}
    tips = make_campaign(workspace, "tips", schedule="every thursday at 09:00", zone="customer", **usual)
    make_campaign(workspace, "news", Kind.NEWS, schedule="every 2 weeks on wednesday at 15:00", **berlin)
    offer = usual | {"segment": 'country in ("DE", "AT", "CH")', "zone": "customer"}
    make_campaign(workspace, "offer", Kind.OFFER, schedule="monthly on day 11 at 10:00", **offer)
    seminar = usual | {"segment": 'country == "US"'}
    make_campaign(workspace, "seminar", Kind.INVITATION, schedule="at 2026-12-15 11:00", **seminar)
    make_campaign(workspace, "sale", Kind.OFFER, schedule="at 2026-12-04 12:00", **berlin)
    with workspace.database.write() as session:
        list_id = list_id_of(session, "customers")
        assert list_id is not None
        _people(session, people, now)
        _ties(session, list_id, now)
        _what_came(session, now)
        _sent(session, session.get_one(Edition, sent), now - timedelta(days=3))
        if households:
            _live_together(session, now)
    if hold_out:
        _complained(workspace, tips, now - timedelta(days=30))


def _people(session: Session, people: int, now: datetime) -> None:
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < people))
    n: Any = numbers.c.n
    place = cast(n * 7 % len(ZONES), Integer)
    name = cast(n, String)
    values = {
        "id": n,
        "public_id": literal("c") + name,
        "address": literal("person") + name + literal("@example.com"),
        "address_key": func.substr(literal("0123456789abcdef0123456789abcdef"), 1, 24) + name,
        "language": literal("en"),
        "country": case(*((place == at, country) for at, (_, country) in enumerate(ZONES))),
        "zone": case(*((place == at, zone) for at, (zone, _) in enumerate(ZONES))),
        "attributes": literal(
            {"plan": "plus", "machine": "Barista 3", "bought": "2025-03-04"}, Customer.__table__.c.attributes.type
        ),  # type: ignore[attr-defined]
        "version": literal(1),
    }
    _insert(session, Customer, values, select(*_named(values, created_at=now, updated_at=now)).select_from(numbers))


def _ties(session: Session, list_id: int, now: datetime) -> None:
    n: Any = col(Customer.id)
    state = case((n % 33 == 0, SubscriptionState.UNSUBSCRIBED.value), else_=SubscriptionState.SUBSCRIBED.value)
    values = {"list_id": literal(list_id), "customer_id": n, "state": state}
    _insert(session, Subscription, values, select(*_named(values, changed_at=now)))


def _what_came(session: Session, now: datetime) -> None:
    """One in 100 must not be written to, one in 300 has an open complaint, one in 500 was answered."""
    n: Any = col(Customer.id)
    values: dict[str, Any] = {
        "address_key": col(Customer.address_key),
        "reason": literal(SuppressionReason.BAD_ADDRESS.value),
        "evidence": literal("a bounce"),
    }
    _insert(session, Suppression, values, select(*_named(values, at=now)).where(n % 100 == 0))
    values = {
        "customer_id": n,
        "scope": case((n % 2 == 0, "promotion"), else_="tips"),
        "topic": case((n % 2 == 0, ""), else_="descaling"),
        "state": literal(HoldState.CONFIRMED.value),
        "reason": literal("complaint about descaling"),
    }
    _insert(session, Hold, values, select(*_named(values, since=now)).where(n % 300 == 1))
    values = {"customer_id": n, "topic": literal("milk"), "reason": literal("they asked")}
    _insert(session, Boost, values, select(*_named(values, since=now)).where(n % 500 == 3))


def _live_together(session: Session, now: datetime) -> None:
    """Of every eight people in a row six are in households of two."""
    n: Any = col(Customer.id)
    kind = literal(GroupKind.HOUSEHOLD.value)
    name = literal("h") + cast(n / 2, String)
    values: dict[str, Any] = {
        "id": n,
        "kind": kind,
        "key": name,
        "name": name,
        "name_key": name,
        "manager": literal(""),
    }
    _insert(session, CustomerGroup, values, select(*_named(values, created_at=now)).where(n % 8 < 6, n % 2 == 0))
    values = {"customer_id": n, "kind": kind, "group_id": n - n % 2, "how": literal("import"), "evidence": literal("")}
    values["by"] = literal("")
    _insert(session, Membership, values, select(*_named(values, since=now)).where(n % 8 < 6, n > 1))


def _complained(workspace: Workspace, tips: int, at: datetime) -> None:
    """Forty people had an issue of tips, and half of them complained within a week."""
    done = make_edition(workspace, tips, "once-1", state=EditionState.DONE, due_at=at, finished_at=at)
    for number in range(1, 41):
        make_sent(workspace, done, number, at)
    with workspace.database.write() as session:
        for number in range(1, 41, 2):
            words: dict[str, Any] = {"channel": Channel.PHONE, "raw": b"", "content_hash": new_public_id()}
            read = {"state": InboundState.READ, "category": Category.COMPLAINT, "customer_id": number}
            when = {"received_at": at + timedelta(days=5), "stored_at": at + timedelta(days=5)}
            session.add(Inbound(public_id=new_public_id(), **words, **read, **when))


def _sent(session: Session, edition: Edition, at: datetime) -> None:
    """A newsletter that all who are subscribed got within forty minutes."""
    n: Any = col(Customer.id)
    blank = {name: literal(0) for name in ("wave", "attempts", "crashes", "resent", "fence", "customer_version")}
    blank |= {name: literal(0) for name in ("campaign_version", "workspace_version")}
    blank |= {name: literal("") for name in ("reason", "evidence", "variant", "relay", "response", "onward_words")}
    instants = [at + timedelta(minutes=minute, seconds=17) for minute in range(40)]
    kind: Any = Delivery.__table__.c.sent_at.type  # type: ignore[attr-defined]
    when = case(
        *((n * 40 / (func.max(n).over() + 1) < minute + 1, literal(one, kind)) for minute, one in enumerate(instants))
    )
    values = blank | {
        "public_id": literal("d") + cast(n, String),
        "edition_id": literal(edition.id),
        "campaign_id": literal(edition.campaign_id),
        "occasion": literal(edition.occasion),
        "customer_id": n,
        "address_key": col(Customer.address_key),
        "domain_key": literal("example"),
        "kind": literal(Kind.NEWS.value),
        "state": literal(DeliveryState.SENT.value),
        "choices": literal({}, Delivery.__table__.c.choices.type),  # type: ignore[attr-defined]
        "sent_at": when,
        "intent_at": when,
    }
    _insert(session, Delivery, values, select(*_named(values, due_at=at)).where(n % 33 != 0, n % 100 != 0))


def _named(values: dict[str, Any], **instants: datetime) -> list[Any]:
    kind = Customer.__table__.c.created_at.type  # type: ignore[attr-defined]
    values |= {name: literal(at, kind) for name, at in instants.items()}
    return [value.label(name) if hasattr(value, "label") else value for name, value in values.items()]


def _insert(session: Session, record: type[SQLModel], values: dict[str, Any], rows: Select[Any]) -> None:
    session.connection().execute(insert(record).from_select(list(values), rows))


GREETING = """---
name: birthday
list: customers
kind: news
begins: each year on born
zone: customer
---

---
step: wish
when: on the day
subject: Happy birthday
---
All the best.

---
step: gift
when: 3 days after wish
subject: A gift
---
For you.
"""
WELCOME = """---
name: welcome
list: customers
kind: tips
begins: signup
zone: customer
exits: [goal order]
---

---
step: hello
when: at once
subject: Welcome
---
Hello.

---
step: first
when: 3 days after hello
subject: The first week
---
Do this.

---
step: more
when: 1 day after replied hello, within 10 days
subject: You asked
---
More.

---
step: month
when: on day 25
if: not replied hello
subject: A month with it
---
And now?
"""


def lay_sequences(workspace: Workspace, every: int) -> None:
    """Two sequences that run; one in `every` people began the welcome within three weeks and had its first mail."""
    for name, words in (("birthday", GREETING), ("welcome", WELCOME)):
        path = workspace.root / f"{name}.md"
        path.write_text(words, encoding="utf-8")
        apply_sequence(workspace, path)
        approve_sequence(workspace, name, "bench")
    born = "json_set(attributes, '$.born', date('1980-01-01', '+' || (id * 13 % 365) || ' days'))"
    began = f"datetime('{workspace.clock():%Y-%m-%d %H:%M:%S}', '-' || (id * 7 % 30240) || ' minutes')"
    with workspace.database.write() as session:
        session.execute(text(f"UPDATE customer SET attributes = {born}"))
        session.execute(
            text(
                "INSERT INTO enrolment (sequence_id, customer_id, key, day, began_at, state, reason, done, step,"
                " waits, look_at, changed_at, version) SELECT s.id, c.id, 'signup', date(c.at), c.at || '.000000',"
                " 'going', '', json_object('hello', json_object('at', replace(c.at, ' ', 'T') || '+00:00',"
                " 'how', 'sent', 'why', '')), 'first', '', c.at || '.000000', c.at || '.000000', 2"
                f" FROM sequence s, (SELECT id, {began} AS at FROM customer WHERE id % {every} = 0) c"
                " WHERE s.name = 'welcome'"
            )
        )


def main(people: int, folder: Path | None, every: int = 20, **more: bool) -> None:
    """Print the seconds of three looks ahead, their entries, and the memory that they took."""
    with tempfile.TemporaryDirectory() as scratch:
        root = (folder or Path(scratch)) / "acme"
        made = (root / "outreach.toml").exists()
        if not made:
            create_workspace(root, "acme", clock=HandClock(START))
        workspace = open_workspace(root, HandClock(START))
        if not made:
            began = time.monotonic()
            fill(workspace, people, **more)
            lay_sequences(workspace, every)
            print(f"{people:,} people laid in {time.monotonic() - began:.0f} s")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for turn in range(3):
            began, cpu = time.monotonic(), time.process_time()
            agenda = read_agenda(workspace, days=30)
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
            if not turn:
                for entry in agenda.entries:
                    print(
                        f"  {entry.campaign:<8} {entry.occasion:<18} to {entry.going:>9,} of {entry.people:>9,}",
                        entry.later,
                        f"{entry.hold_out.percent} % held out" if entry.hold_out and entry.hold_out.on else "",
                    )
                for found in agenda.sequences:
                    print(f"  {found.sequence:<8} {found.people:,} in it, {found.begin:,} begin: {found.going:,} mails")
            print(f"{len(agenda.entries)} entries in {seconds:.1f} s ({cpu:.1f} s of CPU)")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"memory: {used / 1024:.0f} MB more than before")


if __name__ == "__main__":
    given = [one for one in sys.argv[1:] if not one.startswith("--")]
    place = Path(given[1]) if len(given) > 1 else None
    more = {"households": "--households" in sys.argv, "hold_out": "--hold-out" in sys.argv}
    main(int(given[0]) if given else PEOPLE, place, 1 if "--all" in sys.argv else 20, **more)
