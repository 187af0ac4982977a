"""What came in is kept once, found by its clues, and settled by evidence only where there is doubt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from outreach.address import new_public_id
from outreach.records import (
    Category,
    Channel,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Inbound,
    InboundState,
    Machine,
    Urgency,
    Verdict,
)
from outreach.store.doubts import settle_doubt
from outreach.store.health import unlooked_messages
from outreach.store.marks import keep_marks, marks_of
from outreach.store.replies import (
    InboundFilter,
    add_verdict,
    customer_with,
    insert_inbound,
    last_mail_to,
    last_review,
    list_inbounds,
    sent_mails,
    unread_ids,
    unreviewed_ids,
    verdicts_of,
)
from outreach.work.workspace import Workspace

from .rows import delivery, lay_edition

MakeCustomer = Callable[..., int]


def values(workspace: Workspace, digest: str, **more: Any) -> dict[str, Any]:
    now = workspace.clock()
    return {
        "public_id": new_public_id(),
        "channel": Channel.EMAIL,
        "state": InboundState.STORED,
        "received_at": now,
        "stored_at": now,
        "content_hash": digest,
        "raw": b"raw",
    } | more


def keep(workspace: Workspace, digest: str, **more: Any) -> int | None:
    with workspace.database.write() as session:
        return insert_inbound(session, values(workspace, digest, **more))


def test_the_same_content_is_kept_once(workspace: Workspace) -> None:
    first = keep(workspace, "a")
    assert first is not None
    assert keep(workspace, "a") is None
    assert keep(workspace, "b") not in (None, first)
    with workspace.database.read() as session:
        row = session.get_one(Inbound, first)
        assert (row.raw, row.topics, row.machine, row.urgency) == (b"raw", [], Machine.HUMAN, Urgency.NORMAL)
        assert len(unread_ids(session)) == 2


def test_sent_mails_are_found_by_their_public_id(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com")
    lay_edition(workspace, [ann])
    row = delivery(workspace, 1)
    with workspace.database.read() as session:
        found = sent_mails(session, [row.public_id, "unknown"])
        assert list(found) == [row.public_id]
        assert found[row.public_id].customer_id == ann
        assert found[row.public_id].address_keys == {row.address_key}
        assert found[row.public_id].list_id is not None
        assert sent_mails(session, []) == {}


def test_the_last_mail_is_one_that_left_before_and_not_long_ago(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    lay_edition(workspace, [ann])
    now = workspace.clock()
    with workspace.database.read() as session:
        assert last_mail_to(session, ann, now) is None
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(state=DeliveryState.SENT, intent_at=now))
    with workspace.database.read() as session:
        assert last_mail_to(session, ann, now + timedelta(days=3)) == 1
        assert last_mail_to(session, ann, now - timedelta(hours=1)) is None
        assert last_mail_to(session, ann, now + timedelta(days=90)) is None


def test_a_customer_is_found_by_what_only_they_have(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", handle="ann", phone="+491701234567")
    make_customer("bob@example.com", phone="+491701234567")
    with workspace.database.read() as session:
        found = customer_with(session, handle="ann")
        assert found is not None
        assert found[0] == ann
        assert customer_with(session, phone="+491701234567") is None
        assert customer_with(session, handle="") is None


@pytest.mark.parametrize("state", [state for state in DeliveryState if state is not DeliveryState.IN_DOUBT])
def test_evidence_moves_nothing_that_is_not_in_doubt(
    workspace: Workspace, make_customer: MakeCustomer, state: DeliveryState
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(state=state))
        event = DeliveryEvent.EVIDENCE_FAILED
        assert not settle_doubt(session, 1, event=event, at=workspace.clock(), evidence="x", by="replies")
    assert delivery(workspace, 1).state is state


def test_verdicts_are_added_and_the_newest_of_a_person_is_found(workspace: Workspace) -> None:
    number = keep(workspace, "a", state=InboundState.READ)
    assert number is not None
    now = workspace.clock()
    with workspace.database.write() as session:
        row = session.get_one(Inbound, number)
        add_verdict(session, row, Verdict(inbound_id=number, at=now, by="cues", category=Category.THANKS))
        assert last_review(session) is None
        add_verdict(
            session, row, Verdict(inbound_id=number, at=now, by="maria", category=Category.COMPLAINT, topics=["milk"])
        )
    with workspace.database.read() as session:
        row = session.get_one(Inbound, number)
        assert (row.category, row.topics) == (Category.COMPLAINT, ["milk"])
        newest = last_review(session)
        assert newest is not None
        assert newest.by == "maria"
        assert last_review(session, "otto") is None
        assert [one.by for one in verdicts_of(session, number)] == ["cues", "maria"]


def test_listings_filter_and_leave_the_raw_bytes_alone(workspace: Workspace) -> None:
    read = {"state": InboundState.READ}
    keep(workspace, "a", category=Category.COMPLAINT, urgency=Urgency.NORMAL, **read)
    keep(workspace, "b", category=Category.COMPLAINT, urgency=Urgency.HIGH, **read)
    keep(workspace, "c", category=Category.THANKS, channel=Channel.PHONE, reviewed_at=workspace.clock(), **read)
    keep(workspace, "d", category=Category.MACHINE, machine=Machine.BOUNCE, **read)
    with workspace.database.read() as session:

        def shown(**wanted: Any) -> list[int | None]:
            return [row.id for row in list_inbounds(session, InboundFilter(**wanted))]

        assert shown() == [3, 2, 1]
        assert shown(machine=True) == [4, 3, 2, 1]
        assert shown(category=Category.COMPLAINT) == [2, 1]
        assert shown(channel=Channel.PHONE) == [3]
        assert shown(unreviewed=True, limit=1) == [2]
        assert shown(open_cases=True) == []
        assert unreviewed_ids(session) == [2, 1]
        assert "raw" not in vars(list_inbounds(session, InboundFilter())[0])


def test_what_made_no_case_is_reviewed_before_what_stands_in_a_list_anyway(workspace: Workspace) -> None:
    read = {"state": InboundState.READ, "urgency": Urgency.NORMAL}
    keep(workspace, "a", category=Category.THANKS, **read)
    keep(workspace, "b", category=Category.OTHER, **read)
    keep(workspace, "c", category=None, **(read | {"state": InboundState.UNREADABLE}))
    keep(workspace, "d", category=Category.QUESTION, **(read | {"urgency": Urgency.HIGH}))
    with workspace.database.read() as session:
        assert unreviewed_ids(session) == [4, 2, 3, 1]
        assert unreviewed_ids(session, limit=1) == [4], "the newest may be the most urgent"
        assert unlooked_messages(session) == (2, workspace.clock())


def test_marks_are_kept_by_folder(workspace: Workspace) -> None:
    now = workspace.clock()
    with workspace.database.write() as session:
        keep_marks(session, "care", {"INBOX": (7, 12), "a/b": (None, 3)}, at=now)
        keep_marks(session, "care", {"INBOX": (7, 15)}, at=now)
        keep_marks(session, "care_2", {"INBOX": (1, 1)}, at=now)
    with workspace.database.read() as session:
        assert marks_of(session, "care") == {"INBOX": (7, 15), "a/b": (None, 3)}
