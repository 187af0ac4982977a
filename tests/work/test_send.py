"""Sending, over a real SMTP server on this machine."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.errors import NeedsPerson, RelayError
from outreach.records import (
    Campaign,
    CampaignState,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    Worker,
    WorkspaceRow,
)
from outreach.store import sooner
from outreach.store.campaigns import change_campaign_state
from outreach.store.consents import unsubscribe
from outreach.store.moves import apply_moves, release
from outreach.store.sooner import hasten_campaign
from outreach.work import feed
from outreach.work.presence import FOLDER, Presence
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace
from outreach.workdays import utc_now

from ..conftest import BOTH
from ..servers import Sink, start_sink
from ..store.rows import delivery, lay_edition, states_of
from ..store.test_outbox import intend, take
from .sending import arrived, open_plain_press, with_relay

pytestmark = BOTH

People = Callable[..., int]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def send(workspace: Workspace, **how: Any) -> SendCounts:
    return send_open(workspace, press=open_plain_press, **how)


def ids_of(workspace: Workspace, edition: int) -> dict[str, Delivery]:
    with workspace.database.read() as session:
        rows = session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars()
        return {row.public_id: row for row in rows}


def test_everybody_who_may_be_mailed_gets_it_once_and_the_edition_is_done(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    people = [make_customer(f"p{number}@example.com", first_name=f"P{number}") for number in range(120)]
    edition = lay_edition(workspace, people)
    here = with_relay(workspace, sink.port)
    counts = send(here)
    assert (counts.sent, counts.total, counts.finished) == (120, 120, (edition,))
    rows = ids_of(workspace, edition)
    assert sorted(arrived(sink)) == sorted(rows)
    one = next(iter(rows.values()))
    assert (one.state, one.attempts, one.owner, one.relay) == (DeliveryState.SENT, 1, None, f"127.0.0.1:{sink.port}")
    assert one.response.startswith("250")
    assert send(here) == SendCounts()


def test_nothing_is_left_behind_by_a_run_in_good_order(workspace: Workspace, make_customer: People, sink: Sink) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    send(with_relay(workspace, sink.port))
    assert list((workspace.root / FOLDER).iterdir()) == []
    with workspace.database.read() as session:
        worker = session.execute(select(Worker)).scalar_one()
    assert worker.stopped_at is not None


def test_who_unsubscribed_after_planning_gets_nothing(workspace: Workspace, make_customer: People, sink: Sink) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    edition = lay_edition(workspace, [ann, bob])
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), how="one_click", evidence="test")
    counts = send(with_relay(workspace, sink.port))
    assert (counts.sent, counts.withheld + counts.suppressed) == (1, 1)
    assert [record["recipient"] for record in sink.taken()] == ["bob@example.com"]
    row = next(row for row in ids_of(workspace, edition).values() if row.customer_id == ann)
    assert row.reason and row.evidence


def test_who_cannot_be_rendered_is_withheld_and_the_others_go(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    people = [make_customer(f"{name}@example.com", first_name=name) for name in ("Ann", "Broken", "Cid")]
    edition = lay_edition(workspace, people)
    counts = send(with_relay(workspace, sink.port))
    assert (counts.sent, counts.withheld) == (2, 1)
    row = next(row for row in ids_of(workspace, edition).values() if row.customer_id == people[1])
    assert row.state is DeliveryState.WITHHELD
    assert row.reason.startswith("render: ")
    assert "plan" in row.evidence


@pytest.mark.parametrize("batch", [1000, 30])
def test_of_newsletters_that_are_due_at_once_nobody_gets_more_than_their_budget_and_tips_come_first(
    workspace: Workspace, make_customer: People, sink: Sink, batch: int
) -> None:
    people = [make_customer(f"p{number}@example.com", first_name=f"P{number}") for number in range(40)]
    names = ("news", "offer", "tips")
    news, offer, tips = (lay_edition(workspace, people, name=name, kind=Kind(name)) for name in names)
    here = with_relay(workspace, sink.port)
    sending = here.settings.sending.model_copy(update={"per_week": 2, "batch": batch})
    replies = here.settings.replies.model_copy(update={"blind_minutes": 0})
    settings = here.settings.model_copy(update={"sending": sending, "replies": replies})
    counts = send(replace(here, settings=settings))
    assert (counts.sent, counts.postponed) == (80, 40)
    states = [set(states_of(workspace, edition)) for edition in (tips, news, offer)]
    assert states == [{DeliveryState.SENT}, {DeliveryState.SENT}, {DeliveryState.QUEUED}]
    assert Counter(record["recipient"] for record in sink.taken()).most_common(1)[0][1] == 2


def test_a_newsletter_waits_while_another_worker_has_one_claimed_for_the_same_person(
    workspace: Workspace, make_customer: People, sink: Sink, clock: Any
) -> None:
    ann = make_customer("ann@example.com")
    first = lay_edition(workspace, [ann], name="first")
    lay_edition(workspace, [ann], name="second")
    here = with_relay(workspace, sink.port)
    sending = here.settings.sending.model_copy(update={"per_week": 1})
    here = replace(here, settings=here.settings.model_copy(update={"sending": sending}))
    taken = take(workspace, owner="other", editions=[first])
    assert (len(taken), send(here).postponed) == (1, 1)
    assert sink.count() == 0
    with workspace.database.write() as session:
        apply_moves(session, [release(row) for row in taken], workspace.clock())
    clock.advance(minutes=1)
    assert send(here).sent == 1


def test_what_expired_is_not_sent(workspace: Workspace, make_customer: People, sink: Sink, clock: Any) -> None:
    edition = lay_edition(
        workspace, [make_customer("ann@example.com")], expires_at=workspace.clock() + timedelta(hours=1)
    )
    clock.advance(hours=2)
    assert send(with_relay(workspace, sink.port)).expired == 1
    assert states_of(workspace, edition) == [DeliveryState.EXPIRED]


def test_an_edition_that_waits_for_a_person_is_not_sent(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.write() as session:
        session.execute(update(Edition).where(col(Edition.id) == edition).values(state=EditionState.WAITING))
    assert send(with_relay(workspace, sink.port)).total == 0
    assert sink.taken() == []


def test_while_everything_is_paused_nothing_is_sent(workspace: Workspace, make_customer: People, sink: Sink) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.write() as session:
        session.execute(update(WorkspaceRow).values(paused_at=workspace.clock(), pause_reason="by hand", version=2))
    with pytest.raises(NeedsPerson, match="paused"):
        send(with_relay(workspace, sink.port))
    assert sink.taken() == []


def test_a_relay_that_is_not_there_leaves_everybody_queued(workspace: Workspace, make_customer: People) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RelayError, match="takes no mail") as told:
        send(with_relay(workspace, port))
    assert told.value.remedy
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 5
    with workspace.database.read() as session:
        assert {row.owner for row in session.execute(select(Delivery)).scalars()} == {None}


def test_a_signal_finishes_what_is_in_the_air_and_gives_back_the_rest(
    workspace: Workspace, make_customer: People, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(120)])
    stop = threading.Event()

    def seen(_settled: int) -> None:
        stop.set()

    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.02") as slow:
        counts = send(with_relay(workspace, slow.port), stop=stop, progress=seen)
        states = states_of(workspace, edition)
        assert set(states) == {DeliveryState.SENT, DeliveryState.QUEUED}
        assert counts.sent == states.count(DeliveryState.SENT) == len(slow.taken())
        rest = send(with_relay(workspace, slow.port))
        assert counts.sent + rest.sent == 120
        assert len(set(arrived(slow))) == 120


def test_two_senders_at_once_share_the_work_and_send_nothing_twice(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(200)]
    edition = lay_edition(workspace, people)
    here = with_relay(workspace, sink.port)
    done: list[SendCounts] = []
    senders = [threading.Thread(target=lambda: done.append(send(here)), daemon=True) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(counts.sent for counts in done) == 200
    assert len(arrived(sink)) == len(set(arrived(sink))) == 200
    assert set(states_of(workspace, edition)) == {DeliveryState.SENT}


def test_nobody_is_sent_to_after_their_unsubscription_was_committed(
    workspace: Workspace, make_customer: People, tmp_path: Path
) -> None:
    """Each instant is read while its transaction keeps the other one out: so they are in commit order."""
    workspace = replace(workspace, clock=utc_now)
    people = [make_customer(f"p{number}@example.com") for number in range(300)]
    edition = lay_edition(workspace, people)
    left: dict[int | None, datetime] = {}

    def leave() -> None:
        for customer in people[::-3]:
            with workspace.database.write() as session:
                at = workspace.clock()
                unsubscribe(session, customer_id=customer, list_id=None, at=at, how="one_click", evidence="test")
                left[customer] = workspace.clock()

    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.01") as slow:
        leaving = threading.Thread(target=leave, daemon=True)
        leaving.start()
        send(with_relay(workspace, slow.port))
        leaving.join()
        taken = set(arrived(slow))
    rows = ids_of(workspace, edition).values()
    sent = [row for row in rows if row.state is DeliveryState.SENT]
    assert {row.public_id for row in sent} == taken
    assert all(
        row.intent_at is not None and row.intent_at < left[row.customer_id] for row in sent if row.customer_id in left
    )
    kept = [row for row in rows if row.state is not DeliveryState.SENT]
    assert len(kept) > 20
    assert {row.customer_id for row in kept} <= set(left)


def test_a_dead_worker_is_found_at_once_and_its_rows_are_settled(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    dead = Presence(workspace.root, "w1").__enter__()
    rows = take(workspace, owner="w1")
    intend(workspace, rows[:1])
    here = with_relay(workspace, sink.port)
    assert send(here).total == 0
    dead.keep_file()
    dead.__exit__(None, None, None)
    counts = send(here)
    assert (counts.reclaimed.queued, counts.reclaimed.in_doubt, counts.sent) == (2, 1, 2)
    assert delivery(workspace, rows[0].id).state is DeliveryState.IN_DOUBT
    assert DeliveryState.IN_DOUBT in states_of(workspace, edition)
    assert counts.finished == (edition,)


def test_the_customer_of_a_paused_campaign_waits(workspace: Workspace, make_customer: People, sink: Sink) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.write() as session:
        session.execute(update(Campaign).values(state=CampaignState.PAUSED, version=2))
    assert send(with_relay(workspace, sink.port)).postponed == 1
    assert states_of(workspace, edition) == [DeliveryState.QUEUED]
    with workspace.database.read() as session:
        assert session.execute(select(col(Customer.version))).scalar() == 1


def test_a_round_that_finds_nothing_due_leaves_no_trace(
    workspace: Workspace, make_customer: People, clock: Any
) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com")], due_at=workspace.clock() + timedelta(hours=1))
    nowhere = with_relay(workspace, 1)
    assert send(nowhere) == SendCounts()
    with workspace.database.read() as session:
        assert session.execute(select(Worker)).all() == []
        assert session.get_one(Edition, edition).state is EditionState.OPEN


def test_an_edition_for_nobody_is_done_at_once(workspace: Workspace) -> None:
    edition = lay_edition(workspace, [])
    assert send(with_relay(workspace, 1)).finished == (edition,)


def test_what_waited_for_a_paused_campaign_goes_as_soon_as_it_is_resumed(
    workspace: Workspace, make_customer: People, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(7)])
    here = with_relay(workspace, sink.port)
    with workspace.database.write() as session:
        campaign = session.get_one(Campaign, session.get_one(Edition, edition).campaign_id)
        name, campaign_id = campaign.name, campaign.id or 0
        change_campaign_state(session, name, CampaignState.PAUSED, workspace.clock())
    assert send(here).postponed == 7
    with workspace.database.write() as session:
        change_campaign_state(session, name, CampaignState.ACTIVE, workspace.clock())
    monkeypatch.setattr(sooner, "PORTION", 3)
    assert [hasten_campaign(workspace.database, campaign_id, "paused") for _ in range(2)] == [7, 0]
    assert send(here).sent == 7


def first_comes_back(workspace: Workspace, edition: int) -> tuple[Callable[[int], None], list[int]]:
    """Put the first delivery off. Told of the first mail that went, what is returned lets it come back, once, and
    notes how many did."""
    with workspace.database.write() as session:
        campaign = session.get_one(Edition, edition).campaign_id
        off = update(Delivery).where(col(Delivery.id) == 1)
        session.execute(off.values(next_at=workspace.clock() + timedelta(days=1), reason="paused"))
    back: list[int] = []

    def seen(_settled: int) -> None:
        if not back:
            back.append(hasten_campaign(workspace.database, campaign, "paused"))

    return seen, back


def test_who_comes_back_into_the_queue_before_what_was_claimed_goes_in_the_same_run(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    """On PostgreSQL each claim goes on behind the one before it: nobody who comes back may starve there."""
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(150)])
    seen, back = first_comes_back(workspace, edition)
    assert send(with_relay(workspace, sink.port), progress=seen).sent == 150
    assert back == [1]


def test_who_comes_back_behind_what_was_claimed_does_not_wait_until_all_others_are_sent(
    workspace: Workspace, make_customer: People, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    if workspace.database.is_sqlite:
        pytest.skip("each claim begins at the start there")
    monkeypatch.setattr(feed, "AFRESH_SECONDS", 0.0)
    monkeypatch.setattr(feed, "AFRESH_SHARE", 0.0)
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(600)])
    seen, back = first_comes_back(workspace, edition)
    assert send(with_relay(workspace, sink.port), progress=seen).sent == 600
    assert back == [1]
    assert arrived(sink).index(delivery(workspace, 1).public_id) < 550
