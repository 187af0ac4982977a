from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel, col

from outreach.address import address_key
from outreach.errors import InputError, NeedsPerson, UsageError
from outreach.records import (
    Customer,
    CustomerMerge,
    Delivery,
    DeliveryState,
    Kind,
    Subscription,
    SubscriptionState,
    SuppressionReason,
    Wish,
)
from outreach.store.consents import consent_history, find_suppression, suppress
from outreach.store.contacts import contacts_of
from outreach.store.customers import find_customer
from outreach.work.duplicates import find_duplicates, look_at_merging, merge
from outreach.work.intake import import_customers
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .planning_kit import complain, make_campaign, make_edition, make_sent

MakeCustomer = Callable[..., int]
ANN, SLIP = "ann@gmail.com", "ann@gmial.com"


def test_likely_twins_are_found_with_the_one_to_keep_first(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer(SLIP, first_name="Ann")
    make_customer("a.nn+x@gmail.com")
    right = make_customer(ANN, first_name="Ann")
    make_customer("other@example.com")
    make_customer("other+tag@example.com")
    make_customer("nobody@example.com")
    groups = find_duplicates(workspace)
    assert [[one.address for one in group.people] for group in groups] == [
        [ANN, "a.nn+x@gmail.com", SLIP],
        ["other@example.com", "other+tag@example.com"],
    ]
    assert groups[0].people[0].customer_id == right
    assert "gmial.com looks like a slip for gmail.com" in groups[0].reasons
    assert len(find_duplicates(workspace, limit=1)) == 1


@BOTH
def test_all_that_was_the_others_is_the_kept_ones_and_the_stricter_wins(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer(ANN, first_name="Ann", attributes={"plan": "pro", "tags": ["a"], "city": ""})
    slip = make_customer(SLIP, last_name="Baker", phone="+442079460018", subscribed=False,
                         attributes={"plan": "free", "tags": ["b"], "city": "Ely"})  # fmt: skip
    now = workspace.clock()
    edition = make_edition(workspace, make_campaign(workspace))
    make_sent(workspace, edition, slip, now)
    case = complain(workspace, slip)
    with workspace.database.write() as session:
        for who, every, topics in ((ann, 7, ["milk"]), (slip, 30, ["app"])):
            session.add(Wish(customer_id=who, every_days=every, no_topics=topics, changed_at=now, how="page"))
        key = session.get_one(Customer, slip).address_key
        assert key is not None
        suppress(session, address_key=key, reason=SuppressionReason.ABUSE_REPORT, at=now, evidence="x")
        version = session.get_one(Customer, ann).version
    done = merge(workspace, ANN, SLIP, by="maria")
    assert done.moved["case_file"] == 1 and done.moved["delivery"] == 1 and done.moved["suppression"] == 1
    with workspace.database.read() as session:
        kept = session.get_one(Customer, ann)
        assert session.get(Customer, slip) is None
        assert (kept.first_name, kept.last_name, kept.phone, kept.version > version) == (
            *("Ann", "Baker", "+442079460018"),
            True,
        )
        assert kept.attributes == {"plan": "pro", "tags": ["a", "b"], "city": "Ely"}
        [tie] = session.execute(select(Subscription).where(col(Subscription.customer_id) == ann)).scalars()
        assert tie.state is SubscriptionState.UNSUBSCRIBED
        assert "had left this list" in consent_history(session, ann)[-1].evidence
        [wish] = session.execute(select(Wish)).scalars()
        assert (wish.customer_id, wish.every_days, wish.no_topics) == (ann, 30, ["app", "milk"])
        assert kept.address_key is not None
        block = find_suppression(session, kept.address_key)
        assert block is not None and block.reason is SuppressionReason.ABUSE_REPORT
        assert [one.value for one in contacts_of(session, ann)] == [address_key(workspace.keys, SLIP)]
        found = find_customer(session, workspace.keys, SLIP)
        assert found is not None and found.id == ann
        [record] = session.execute(select(CustomerMerge)).scalars()
        assert (record.customer_id, record.gone_id, record.by) == (ann, slip, "maria")
        assert record.before["gone"]["address"] == SLIP and record.before["kept"]["attributes"]["plan"] == "pro"
        assert case == 1
        for table in SQLModel.metadata.sorted_tables:
            for key in table.foreign_keys:
                if key.column.table.name == "customer":
                    left = session.execute(select(func.count()).select_from(table).where(key.parent == slip))
                    assert left.scalar_one() == 0, table.name


@BOTH
def test_who_was_merged_does_not_come_back_by_an_import(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, _ = make_customer(ANN), make_customer(SLIP)
    merge(workspace, ANN, SLIP, by="maria")
    people = workspace.root / "people.csv"
    people.write_text(f"email,last name\n{SLIP},Baker\nnew@example.com,New\n", encoding="utf-8")
    result = import_customers(workspace, people, "customers")
    assert (result.created, result.updated) == (1, 1)
    with workspace.database.read() as session:
        assert session.get_one(Customer, ann).last_name == "Baker"


def test_a_mail_that_both_would_get_is_cancelled_once(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, slip = make_customer(ANN), make_customer(SLIP)
    now = workspace.clock()
    news = make_edition(workspace, make_campaign(workspace, "news", Kind.NEWS))
    tips = make_edition(workspace, make_campaign(workspace, "tips"))
    for edition, people in ((news, (ann, slip)), (tips, (slip,))):
        for person in people:
            make_sent(workspace, edition, person, now + timedelta(hours=1))
    with workspace.database.write() as session:
        for row in session.execute(select(Delivery)).scalars():
            row.state, row.sent_at = DeliveryState.QUEUED, None
            session.add(row)
    merge(workspace, ANN, SLIP, by="maria")
    with workspace.database.read() as session:
        rows = session.execute(select(Delivery).order_by(col(Delivery.id))).scalars().all()
        assert [(row.customer_id, row.state.value, row.reason) for row in rows] == [
            (ann, "queued", ""),
            (ann, "cancelled", "merged"),
            (ann, "queued", ""),
        ]


@BOTH
def test_what_one_of_them_got_does_not_come_to_the_other_address_afterwards(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    """A later wave, or a mail that waited, went to the kept one though the other had that issue already."""
    ann, slip, now = make_customer(ANN), make_customer(SLIP), workspace.clock()
    editions = [make_edition(workspace, make_campaign(workspace, name, Kind.NEWS)) for name in ("a", "b", "c")]
    for edition in editions:
        for person in (ann, slip):
            make_sent(workspace, edition, person, now)
    states = {
        editions[0]: (DeliveryState.QUEUED, DeliveryState.SENT),
        editions[1]: (DeliveryState.DEFERRED, DeliveryState.IN_DOUBT),
        editions[2]: (DeliveryState.WITHHELD, DeliveryState.QUEUED),
    }
    with workspace.database.write() as session:
        for row in session.execute(select(Delivery)).scalars():
            row.state = states[row.edition_id][row.customer_id == slip]
            session.add(row)
    assert merge(workspace, ANN, SLIP, by="maria").moved["cancelled"] == 3
    with workspace.database.read() as session:
        rows = session.execute(select(Delivery).order_by(col(Delivery.id))).scalars().all()
    assert [row.state.value for row in rows] == ["cancelled", "sent", "cancelled", "in_doubt", "withheld", "cancelled"]
    assert "does not get it" in rows[-1].evidence and "gets it at their other" in rows[0].evidence


def test_what_cannot_be_merged_is_told(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer(ANN, first_name="Ann")
    slip = make_customer(SLIP, first_name="Anna")
    with pytest.raises(InputError, match=r"no customer has the address x@example\.com"):
        merge(workspace, ANN, "x@example.com", by="maria")
    with pytest.raises(UsageError, match="one customer already"):
        merge(workspace, ANN, "ANN@gmail.com", by="maria")
    assert "first name: Ann stays, Anna is only in the record." in look_at_merging(workspace, ANN, SLIP).words
    make_sent(workspace, make_edition(workspace, make_campaign(workspace)), slip, workspace.clock())
    with workspace.database.write() as session:
        for row in session.execute(select(Delivery)).scalars():
            row.state = DeliveryState.INFLIGHT
            session.add(row)
    with pytest.raises(NeedsPerson, match="on its way"):
        merge(workspace, ANN, SLIP, by="maria")
    with workspace.database.read() as session:
        assert session.get(Customer, slip) is not None
