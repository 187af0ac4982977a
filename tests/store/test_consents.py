from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.audience.consent import may_mail
from outreach.records import (
    Consent,
    ConsentAct,
    Customer,
    Kind,
    MailingList,
    SubscriptionState,
    SuppressionReason,
)
from outreach.store.consents import (
    consent_history,
    find_suppression,
    mail_facts,
    resubscribe,
    subscribe,
    subscriptions_of,
    suppress,
    suppressed_keys,
    unsubscribe,
    unsuppress,
)
from outreach.store.customers import ensure_list, find_customer
from outreach.work.workspace import Workspace

from ..conftest import BOTH, MakeCustomer

pytestmark = BOTH

WAY = {"how": "one_click", "evidence": "token abc"}


def _list_id(workspace: Workspace, name: str = "customers") -> int:
    with workspace.database.write() as session:
        return ensure_list(session, name, workspace.clock())


def _version(workspace: Workspace, customer: int) -> int:
    with workspace.database.read() as session:
        row = session.get(Customer, customer)
        assert row is not None
        return row.version


def _may(workspace: Workspace, customer: int, list_id: int, kind: Kind = Kind.TIPS) -> bool:
    with workspace.database.read() as session:
        facts = mail_facts(session, list_id, [customer])
    return may_mail(facts[customer], kind, workspace.clock()).allowed


def test_unsubscribing_stops_mail_bumps_the_version_and_keeps_the_proof(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, one = make_customer("ann@example.com"), _list_id(workspace)
    assert _may(workspace, ann, one)
    with workspace.database.write() as session:
        assert unsubscribe(session, customer_id=ann, list_id=one, at=workspace.clock(), words="stop", **WAY)
    assert not _may(workspace, ann, one)
    assert _may(workspace, ann, one, Kind.SERVICE)
    assert _version(workspace, ann) == 2
    with workspace.database.read() as session:
        (act,) = consent_history(session, ann)
    assert (act.act, act.list_id, act.how, act.words, act.evidence) == (
        ConsentAct.WITHDRAWN,
        one,
        "one_click",
        "stop",
        "token abc",
    )


def test_a_second_unsubscribe_changes_nothing(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, one = make_customer("ann@example.com"), _list_id(workspace)
    for expected in (True, False):
        with workspace.database.write() as session:
            said = unsubscribe(session, customer_id=ann, list_id=one, at=workspace.clock(), **WAY)
            assert said is expected
    assert _version(workspace, ann) == 2
    with workspace.database.read() as session:
        assert len(consent_history(session, ann)) == 1


def test_unsubscribing_from_a_list_never_joined_is_remembered(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, one = make_customer("ann@example.com", subscribed=None), _list_id(workspace)
    with workspace.database.write() as session:
        assert unsubscribe(session, customer_id=ann, list_id=one, at=workspace.clock(), **WAY)
        assert not subscribe(session, customer_id=ann, list_id=one, at=workspace.clock(), how="form", evidence="f")
    assert not _may(workspace, ann, one)


def test_unsubscribing_from_all_takes_lists_to_come_too_and_undo_gives_back_just_those(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, one, two, old = (
        make_customer("ann@example.com"),
        _list_id(workspace),
        _list_id(workspace, "news"),
        _list_id(workspace, "old"),
    )
    with workspace.database.write() as session:
        for name in (two, old):
            subscribe(session, customer_id=ann, list_id=name, at=workspace.clock(), how="form", evidence="f")
        unsubscribe(session, customer_id=ann, list_id=old, at=workspace.clock(), how="page", evidence="earlier")
    with workspace.database.write() as session:
        assert unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), **WAY)
        assert not unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), **WAY)
    later = _list_id(workspace, "later")
    with workspace.database.write() as session:
        subscribe(session, customer_id=ann, list_id=later, at=workspace.clock(), how="import", evidence="f:2")
    assert not any(_may(workspace, ann, name) for name in (one, two, old, later))
    with workspace.database.write() as session:
        assert resubscribe(
            session, customer_id=ann, list_id=None, at=workspace.clock(), how="person", evidence="inbound 3", by="bo"
        )
    assert [_may(workspace, ann, name) for name in (one, two, old)] == [True, True, False]
    with workspace.database.read() as session:
        assert {tie.list_id for tie in subscriptions_of(session, ann)} == {one, two, old, later}
        assert consent_history(session, ann)[-1].act is ConsentAct.RESTORED


def test_taking_back_confirms_no_list_that_asks_twice_and_was_never_answered(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    """Somebody else had typed their address in; leaving all lists and "Subscribe again" had subscribed them to it."""
    ann, agreed, asked = make_customer("ann@example.com"), _list_id(workspace), _list_id(workspace, "asked")
    told = {"customer_id": ann, "at": workspace.clock()}
    with workspace.database.write() as session:
        session.get_one(MailingList, asked).double_opt_in = session.get_one(MailingList, agreed).double_opt_in = True
        subscribe(session, list_id=asked, how="form", evidence="f", state=SubscriptionState.PENDING, **told)
        session.add(Consent(list_id=agreed, act=ConsentAct.GIVEN, how="page", evidence="p", **told))
    with workspace.database.write() as session:
        unsubscribe(session, list_id=None, **WAY, **told)
        assert resubscribe(session, list_id=None, how="page", evidence="undone", **told)
        states = {tie.list_id: tie.state for tie in subscriptions_of(session, ann)}
    assert states == {agreed: SubscriptionState.SUBSCRIBED, asked: SubscriptionState.PENDING}
    with workspace.database.write() as session:
        unsubscribe(session, list_id=asked, **WAY, **told)
        assert resubscribe(session, list_id=asked, how="person", evidence="c", words="wants it", **told)
        unsubscribe(session, list_id=asked, **WAY, **told)
        assert resubscribe(session, list_id=asked, how="page", evidence="undone", **told)
        states = {tie.list_id: tie.state for tie in subscriptions_of(session, ann)}
    assert states[asked] is SubscriptionState.SUBSCRIBED, "they had said so in words"


def test_pending_becomes_subscribed_and_never_the_other_way(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, one = make_customer("ann@example.com", subscribed=None), _list_id(workspace)
    way = {"customer_id": ann, "list_id": one, "at": workspace.clock(), "how": "form", "evidence": "f"}
    with workspace.database.write() as session:
        assert subscribe(session, state=SubscriptionState.PENDING, **way)
        assert consent_history(session, ann) == []
        assert subscribe(session, **way)
        assert not subscribe(session, state=SubscriptionState.PENDING, **way)
    assert _may(workspace, ann, one)


def test_suppressing_bumps_the_version_and_a_stronger_reason_wins(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, one, now = make_customer("ann@example.com"), _list_id(workspace), workspace.clock()
    with workspace.database.read() as session:
        found = find_customer(session, workspace.keys, "Ann@Example.com")
        assert found is not None and found.address_key is not None
        key = found.address_key
    steps = [
        (SuppressionReason.UNSUBSCRIBED_ALL, True, 2),
        (SuppressionReason.BAD_ADDRESS, True, 3),
        (SuppressionReason.UNSUBSCRIBED_ALL, False, 3),
        (SuppressionReason.BAD_ADDRESS, False, 3),
        (SuppressionReason.ABUSE_REPORT, True, 4),
    ]
    for reason, changes, version in steps:
        with workspace.database.write() as session:
            assert suppress(session, address_key=key, reason=reason, at=now, evidence="dsn") is changes
        assert _version(workspace, ann) == version
    assert not _may(workspace, ann, one, Kind.SERVICE)
    with workspace.database.write() as session:
        assert unsuppress(session, address_key=key, at=now)
        assert not unsuppress(session, address_key=key, at=now)
    assert _may(workspace, ann, one)


def test_an_expired_suppression_holds_nobody_back(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, one, now = make_customer("ann@example.com"), _list_id(workspace), workspace.clock()
    with workspace.database.write() as session:
        row = session.get(Customer, ann)
        assert row is not None and row.address_key is not None
        suppress(
            session,
            address_key=row.address_key,
            reason=SuppressionReason.BAD_ADDRESS,
            at=now,
            evidence="",
            expires_at=now + timedelta(days=1),
        )
        assert suppressed_keys(session, [row.address_key], now) == {row.address_key: SuppressionReason.BAD_ADDRESS}
        assert suppressed_keys(session, [row.address_key], now + timedelta(days=1)) == {}
        assert find_suppression(session, "nobody") is None
    assert not _may(workspace, ann, one)


@pytest.mark.parametrize("first", [SuppressionReason.UNSUBSCRIBED_ALL, SuppressionReason.IMPORTED])
def test_a_block_for_a_time_ends_none_that_lasts_longer(
    workspace: Workspace, make_customer: MakeCustomer, first: SuppressionReason
) -> None:
    """After its day who had wanted no newsletters at all was subscribed to the next list by a file."""
    ann, now = make_customer("ann@example.com", subscribed=False), workspace.clock()
    week = now + timedelta(days=7)
    with workspace.database.write() as session:
        key = session.get_one(Customer, ann).address_key or ""
        suppress(session, address_key=key, reason=first, at=now, evidence="page")
        suppress(session, address_key=key, reason=SuppressionReason.BY_HAND, at=now, evidence="letter", expires_at=week)
        assert suppressed_keys(session, [key], week + timedelta(days=1))
        block = find_suppression(session, key)
        assert block is not None and "page" in block.evidence
    assert not _may(workspace, ann, _list_id(workspace), Kind.SERVICE)


def test_wanting_no_newsletters_lets_no_answer_through_that_a_colleague_has_stopped(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, one, now = make_customer("ann@example.com"), _list_id(workspace), workspace.clock()
    with workspace.database.write() as session:
        key = session.get_one(Customer, ann).address_key or ""
        told = {"reason": SuppressionReason.BY_HAND, "at": now, "evidence": "their lawyer's letter"}
        suppress(session, address_key=key, expires_at=now + timedelta(days=7), **told)
        assert unsubscribe(session, customer_id=ann, list_id=None, at=now, **WAY)
        assert suppressed_keys(session, [key], now + timedelta(days=8))
    assert not _may(workspace, ann, one, Kind.SERVICE)


def test_nothing_is_said_of_people_who_are_not_there(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        assert mail_facts(session, 1, [99]) == {}
        assert not unsubscribe(session, customer_id=99, list_id=None, at=workspace.clock(), **WAY)
        assert not resubscribe(session, customer_id=99, list_id=None, at=workspace.clock(), **WAY)
        assert suppress(session, address_key="k", reason=SuppressionReason.BY_HAND, at=workspace.clock(), evidence="")
