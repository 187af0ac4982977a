from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from outreach.address import new_public_id
from outreach.errors import InputError
from outreach.records import Category, Channel, Delivery, DeliveryState, Edition, Inbound, InboundState
from outreach.store.customers import load_customers
from outreach.work.compose import apply_campaign
from outreach.work.letter import open_press
from outreach.work.proof import find_draft, prove
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.versions import version_figures
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from ..servers import Sink, start_sink
from .sending import with_relay

MakeCustomer = Callable[..., int]
FILE = """---
name: spring
subject: Plain
kind: news
list: customers
{test}---
Hello, this is the first text.

---
version: b
subject: Bold
{later}---
Hello, this is another text.
"""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as started:
        yield started


def write(workspace: Workspace, test: str = "50% for 4 hours by replies", later: str = "") -> None:
    path = workspace.root / "spring.md"
    lines = {"test": f"test: {test}\n" if test else "", "later": f"later: {later}\n" if later else ""}
    path.write_text(FILE.format(**lines), encoding="utf-8")
    apply_campaign(workspace, path)


def rows(workspace: Workspace) -> list[Delivery]:
    with workspace.database.read() as session:
        return list(session.exec(select(Delivery).order_by(col(Delivery.id))))


def edition(workspace: Workspace) -> Edition:
    with workspace.database.read() as session:
        return session.exec(select(Edition)).one()


def answer(workspace: Workspace, row: Delivery, category: Category = Category.QUESTION) -> None:
    with workspace.database.write() as session:
        session.add(
            Inbound(
                public_id=new_public_id(),
                channel=Channel.EMAIL,
                state=InboundState.READ,
                received_at=workspace.clock(),
                stored_at=workspace.clock(),
                content_hash=new_public_id(),
                raw=b"x",
                customer_id=row.customer_id,
                delivery_id=row.id,
                category=category,
            )
        )


@BOTH
def test_the_rest_gets_what_won_and_everybody_gets_one(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    for number in range(60):
        make_customer(f"p{number}@example.com")
    write(workspace)
    open_occasion(workspace, "spring")
    here = with_relay(workspace, sink.port)
    send_open(here)
    first = rows(workspace)
    dealt = Counter(row.variant for row in first)
    assert set(dealt) == {"a", "b", "rest"} and dealt["rest"] > 15
    sent = [row for row in first if row.state is DeliveryState.SENT]
    assert {row.variant for row in sent} == {"a", "b"} and len(sent) == dealt["a"] + dealt["b"]
    assert all(row.choices["variant"] == row.variant for row in sent)
    for row in sent:
        if row.variant == "b":
            answer(workspace, row)
    clock.advance(hours=3)
    send_open(here)
    assert sum(row.state is DeliveryState.SENT for row in rows(workspace)) == len(sent)
    clock.advance(hours=2)
    send_open(here)
    last = rows(workspace)
    assert all(row.state is DeliveryState.SENT for row in last)
    assert {row.choices["variant"] for row in last if row.variant == "rest"} == {"b"}
    kept = edition(workspace)
    assert (kept.versions["decided"], kept.versions["won"]) == ("b", True)
    assert sink.count() == 60
    with workspace.database.read() as session:
        press = open_press(session, workspace, last[0].edition_id)
        people = load_customers(session, [row.customer_id or 0 for row in last])
    subjects = Counter(press.render(people[row.customer_id or 0], row.public_id, row.choices).subject for row in last)
    assert subjects == {"Plain": dealt["a"], "Bold": dealt["b"] + dealt["rest"]}
    told = version_figures(workspace, kept)
    assert {one["clicks"] for one in told["versions"]} == {None}, "what is not counted is not nought"
    assert told["judged_at"] == kept.due_at + timedelta(hours=4)
    assert told["won"] == "b" and [one["replies"] for one in told["versions"]] == [0, dealt["b"]]


def test_without_a_clear_winner_the_rest_gets_the_original(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, sink: Sink
) -> None:
    for number in range(40):
        make_customer(f"p{number}@example.com")
    write(workspace)
    open_occasion(workspace, "spring")
    here = with_relay(workspace, sink.port)
    send_open(here)
    clock.advance(hours=5)
    send_open(here)
    assert {row.choices["variant"] for row in rows(workspace) if row.variant == "rest"} == {"a"}
    kept = edition(workspace).versions
    assert (kept["decided"], kept["won"]) == ("a", False) and "no clear winner" in kept["words"]


def test_a_version_may_go_later_and_where_all_take_part_nobody_waits(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for number in range(40):
        make_customer(f"p{number}@example.com")
    write(workspace, test="all by complaints", later="9 hours")
    open_occasion(workspace, "spring")
    found = rows(workspace)
    assert {row.variant for row in found} == {"a", "b"}
    assert {row.due_at - clock() for row in found if row.variant == "b"} == {timedelta(hours=9)}
    assert {row.due_at - clock() for row in found if row.variant == "a"} == {timedelta()}


def test_each_version_can_be_looked_at(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    write(workspace)
    assert prove(workspace, find_draft(workspace, "spring")).rendered.subject == "Plain"
    other = prove(workspace, find_draft(workspace, "spring"), version="b").rendered
    assert other.subject == "Bold" and "another text" in other.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("50% for 4 hours by replies", "half of them"), "is no test"),
        (("version: b", "version: a"), "cannot be a version"),
        (("version: b\nsubject: Bold", "version: b\nsubjekt: Bold"), "subjekt"),
    ],
)
def test_what_is_wrong_is_said(workspace: Workspace, change: tuple[str, str], words: str) -> None:
    path = workspace.root / "spring.md"
    text = FILE.format(test="test: 50% for 4 hours by replies\n", later="").replace(*change)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        apply_campaign(workspace, path)
