"""What is let go after its time, and what never is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert
from sqlmodel import col, select, update

from outreach.errors import DatabaseError
from outreach.records import (
    Alert,
    AlertKind,
    Case,
    CaseState,
    Category,
    Channel,
    Colleague,
    Consent,
    ConsentAct,
    Delivery,
    DeliveryMove,
    DeliveryState,
    Inbound,
    InboundState,
    Machine,
    Notice,
    NoticeKind,
    Pace,
    Suppression,
    SuppressionReason,
    Thanks,
    ThanksState,
    Urgency,
    Worker,
)
from outreach.store.prune import REMOVED
from outreach.work.prune import make_smaller, prune
from outreach.work.thread import references_of
from outreach.work.worker import only_daemon
from outreach.work.workspace import Workspace

from ..cli.inside import outreach
from ..conftest import HandClock
from ..store.rows import lay_edition

RAW = b"From: ann@example.com\r\nReferences: <1@x> <2@x>\r\nMessage-ID: <3@x>\r\n\r\nThe pump leaks.\r\n"
OLD = timedelta(days=800)


@pytest.fixture
def long_ago(clock: HandClock) -> datetime:
    return clock() - OLD


def count(workspace: Workspace, table: Any) -> int:
    with workspace.database.read() as session:
        return session.execute(select(func.count()).select_from(table)).scalar() or 0


def add(workspace: Workspace, *rows: Any) -> None:
    with workspace.database.write() as session:
        session.add_all(rows)


def inbound(at: datetime, name: str, **values: Any) -> Inbound:
    usual = {
        "public_id": name,
        "channel": Channel.EMAIL,
        "state": InboundState.READ,
        "received_at": at,
        "stored_at": at,
        "content_hash": name,
        "raw": RAW,
        "message_id": "<3@x>",
        "text": "The pump leaks.",
        "category": Category.QUESTION,
    }
    return Inbound(**usual | values)


def bodies(workspace: Workspace) -> dict[str, bool]:
    """Which mails still have their text."""
    with workspace.database.read() as session:
        rows = session.execute(select(col(Inbound.public_id), col(Inbound.raw)))
        return {name: not bytes(raw).endswith(REMOVED) for name, raw in rows}


def test_old_mails_lose_their_text_and_keep_their_thread_but_proof_and_open_cases_stay_whole(
    workspace: Workspace, clock: HandClock, long_ago: datetime
) -> None:
    kept = {"category": Category.COMPLAINT, "topic": "", "urgency": Urgency.NORMAL, "due_at": long_ago}
    add(
        workspace,
        Case(id=1, state=CaseState.OPEN, opened_at=long_ago, **kept),
        Case(id=2, state=CaseState.CONFIRMED, opened_at=long_ago, **kept),
    )
    add(
        workspace,
        inbound(long_ago, "old"),
        inbound(long_ago, "closed", case_id=2),
        inbound(clock(), "new"),
        inbound(long_ago, "left", category=Category.UNSUBSCRIBE),
        inbound(long_ago, "abuse", machine=Machine.ABUSE_REPORT),
        inbound(long_ago, "bounce", machine=Machine.BOUNCE),
        inbound(long_ago, "open", case_id=1),
        inbound(long_ago, "unread", state=InboundState.UNREADABLE),
        inbound(long_ago, "flagged", flagged="a forwarded token"),
        inbound(long_ago, "call", channel=Channel.PHONE, raw=b"{}"),
    )
    assert prune(workspace, dry_run=True).removed["bodies"] == 2
    assert all(bodies(workspace).values())
    assert prune(workspace).removed["bodies"] == 2
    assert [name for name, whole in bodies(workspace).items() if not whole] == ["old", "closed"]
    assert prune(workspace).removed["bodies"] == 0, "what is done is not done again"
    with workspace.database.read() as session:
        cut = session.exec(select(Inbound).where(Inbound.public_id == "old")).one()
    assert references_of(cut) == ["<1@x>", "<2@x>", "<3@x>"] and cut.text == "The pump leaks."


def test_mail_that_proves_an_act_stays_whole_whatever_else_it_says(
    workspace: Workspace, make_customer: Callable[..., int], long_ago: datetime
) -> None:
    """Who complains and wants no more mail is unsubscribed by a complaint; a yes to being quoted is only thanks."""
    ann = make_customer("ann@example.com")
    edition = lay_edition(workspace, [ann])
    with workspace.database.read() as session:
        mail = session.exec(select(Delivery).where(Delivery.edition_id == edition)).one()
    theirs = {"customer_id": ann, "category": Category.COMPLAINT}
    add(
        workspace,
        inbound(long_ago, "left", **theirs),
        inbound(long_ago, "blocked", delivery_id=mail.id, category=Category.COMPLAINT),
        inbound(long_ago, "plain", delivery_id=mail.id, **theirs),
        inbound(long_ago, "delight", customer_id=ann, category=Category.THANKS),
        inbound(long_ago, "yes", customer_id=ann, category=Category.THANKS),
    )
    with workspace.database.read() as session:
        numbers = {row.public_id: row.id for row in session.exec(select(Inbound))}
    add(
        workspace,
        Consent(customer_id=ann, act=ConsentAct.WITHDRAWN, at=long_ago, how="mail", evidence="message left"),
        Suppression(
            address_key=mail.address_key,
            reason=SuppressionReason.UNSUBSCRIBED_ALL,
            at=long_ago,
            evidence="message blocked",
        ),
        Thanks(
            inbound_id=numbers["delight"],
            customer_id=ann,
            state=ThanksState.ALLOWED,
            at=long_ago,
            answer_id=numbers["yes"],
        ),
    )
    assert prune(workspace, dry_run=True).removed["bodies"] == 2
    prune(workspace)
    assert {name for name, whole in bodies(workspace).items() if whole} == {"left", "blocked", "yes"}


def test_attempts_go_and_doubts_evidence_and_the_mails_themselves_stay(
    workspace: Workspace, make_customer: Callable[..., int], clock: HandClock, long_ago: datetime
) -> None:
    customer = make_customer("ann@example.com")
    other = make_customer("bob@example.com")
    lay_edition(workspace, [customer, other])
    choices = {"tips": ["milk"], "reasons": {"milk": "you asked"}, "variant": "a"}
    states = {"before": DeliveryState.QUEUED, "after": DeliveryState.QUEUED, "at": long_ago}
    with workspace.database.write() as session:
        first, second = session.exec(select(Delivery.id).order_by(col(Delivery.id)))
        sent = {"state": DeliveryState.SENT, "sent_at": long_ago, "settled_at": long_ago, "choices": choices}
        session.connection().execute(update(Delivery).where(col(Delivery.id) == first).values(**sent))
        for event in ("temporary", "release", "unknown", "evidence_sent", "resend"):
            session.add(DeliveryMove(delivery_id=first or 0, event=event, **states))
        session.add(DeliveryMove(delivery_id=second or 0, event="temporary", **states))
        session.add(Consent(customer_id=customer, act="given", at=long_ago, how="form"))
    done = prune(workspace)
    assert (done.removed["moves"], done.removed["reasons"]) == (2, 1)
    with workspace.database.read() as session:
        assert set(session.exec(select(DeliveryMove.event))) == {"unknown", "evidence_sent", "resend", "temporary"}
        kept = session.get_one(Delivery, first)
    assert kept.choices == {"tips": ["milk"], "variant": "a"} and kept.sent_at == long_ago
    assert (count(workspace, Delivery), count(workspace, Consent)) == (2, 1)
    assert not any(prune(workspace).removed.values())


def test_workers_alerts_and_limits_go_when_they_are_over(
    workspace: Workspace, clock: HandClock, long_ago: datetime
) -> None:
    said = {"kind": AlertKind.JOB, "words": "x", "raised_at": long_ago}
    add(
        workspace,
        Worker(name="gone", kind="send", started_at=long_ago, beat_at=long_ago, stopped_at=long_ago),
        Worker(name="here", kind="send", started_at=long_ago, beat_at=clock()),
        Alert(subject="over", over_at=long_ago, **said),
        Alert(subject="open", **said),
        Pace(key="domain:a", changed_at=long_ago),
        Pace(key="domain:b", changed_at=long_ago, paused_until=clock() + timedelta(days=1)),
        Pace(key="relay:main", changed_at=long_ago),
    )
    done = prune(workspace).removed
    assert (done["workers"], done["alerts"], done["pace"]) == (1, 1, 1)
    with workspace.database.read() as session:
        assert list(session.exec(select(Worker.name))) == ["here"]
        assert list(session.exec(select(Alert.subject))) == ["open"]
        assert set(session.exec(select(Pace.key))) == {"domain:b", "relay:main"}


def test_notices_go_with_closed_cases_and_stay_while_one_goes_on(
    workspace: Workspace, clock: HandClock, long_ago: datetime
) -> None:
    kept = {"category": Category.COMPLAINT, "topic": "", "urgency": Urgency.NORMAL, "due_at": long_ago}
    add(
        workspace,
        Colleague(id=1, name="kim", address="kim@acme.example", created_at=long_ago),
        Case(id=1, state=CaseState.OPEN, opened_at=long_ago, **kept),
        Case(id=2, state=CaseState.CONFIRMED, opened_at=long_ago, **kept),
        Case(id=3, state=CaseState.SOLVED, opened_at=long_ago, **kept),
    )
    told = {"colleague_id": 1, "kind": NoticeKind.NEW, "told_at": long_ago}
    add(
        workspace,
        Notice(at=long_ago, case_id=1, words="open", **told),
        Notice(at=long_ago, case_id=2, words="closed", **told),
        Notice(at=clock(), case_id=2, words="new", mark="2", **told),
        Notice(at=long_ago, case_id=3, words="unconfirmed", **told),
    )
    assert prune(workspace).removed["notices"] == 1
    with workspace.database.read() as session:
        assert set(session.exec(select(Notice.words))) == {"open", "new", "unconfirmed"}


def test_zero_days_keep_for_ever(workspace: Workspace, long_ago: datetime) -> None:
    add(workspace, Worker(name="gone", kind="send", started_at=long_ago, beat_at=long_ago))
    done = outreach(workspace.root, "prune", "--json", OUTREACH_RETENTION__WORKERS_DAYS="0")
    assert json.loads(done.stdout)["removed"]["workers"] == 0
    done = outreach(workspace.root, "prune", "--dry-run")
    assert "1 processes that ended would go" in done.stdout and count(workspace, Worker) == 1
    assert json.loads(outreach(workspace.root, "prune", "--json").stdout)["removed"]["workers"] == 1


def test_no_transaction_holds_others_up(
    workspace: Workspace, long_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"name": f"w{number}", "kind": "send", "host": "", "pid": 0, "started_at": long_ago, "beat_at": long_ago}
        for number in range(5000)
    ]
    with workspace.database.write() as session:
        session.connection().execute(insert(Worker), rows)
    longest: list[float] = []
    write = type(workspace.database).write

    def timed(*arguments: Any, **options: Any) -> Any:
        manager = write(*arguments, **options)

        class Timed:
            def __enter__(self) -> Any:
                session = manager.__enter__()
                self.began = time.monotonic()
                return session

            def __exit__(self, *wrong: Any) -> Any:
                left = manager.__exit__(*wrong)
                longest.append(time.monotonic() - self.began)
                return left

        return Timed()

    monkeypatch.setattr(type(workspace.database), "write", timed)
    assert prune(workspace).removed["workers"] == 5000
    assert len(longest) >= 10 and max(longest) < 0.2


@pytest.mark.sqlite
def test_the_file_is_made_smaller_only_when_nobody_works_with_it(workspace: Workspace, long_ago: datetime) -> None:
    add(workspace, *(inbound(long_ago, f"m{number}", raw=RAW + b"x" * 20_000) for number in range(200)))
    done = prune(workspace)
    assert done.removed["bodies"] == 200 and done.free_bytes > 1_000_000
    with only_daemon(workspace), pytest.raises(DatabaseError, match="already serves"):
        make_smaller(workspace)
    assert make_smaller(workspace) > 1_000_000
    assert count(workspace, Inbound) == 200
