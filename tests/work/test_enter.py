"""Customers entered and changed by hand, and whom a handle or a number leads to."""

from __future__ import annotations

import pytest

from outreach.address import address_key
from outreach.errors import InputError, UsageError
from outreach.records import ContactKind, Customer, SubscriptionState
from outreach.store.consents import consent_history, subscriptions_of
from outreach.store.contacts import (
    add_contacts,
    contacts_of,
    customers_by_address,
    customers_by_handle,
    customers_by_name,
    customers_by_phone,
)
from outreach.work.enter import Entered, add_customer, change_customer
from outreach.work.workspace import Workspace

from ..conftest import BOTH, MakeCustomer


def kept(workspace: Workspace, number: int) -> tuple[str | None, str | None, list[tuple[str, str, str]]]:
    with workspace.database.read() as session:
        row = session.get_one(Customer, number)
        more = [(one.kind.value, one.network, one.value) for one in contacts_of(session, number)]
    return row.phone, row.handle, more


def test_a_customer_by_hand_gets_no_newsletter_without_words_of_consent(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="without consent"):
        add_customer(workspace, "ann@example.com", Entered(), by="maria", list_name="customers")
    number, joined = add_customer(workspace, "Ann <ann@EXAMPLE.com>", Entered({"country": "Germany"}), by="maria")
    assert not joined
    with workspace.database.read() as session:
        assert (session.get_one(Customer, number).address, session.get_one(Customer, number).zone) == (
            "ann@example.com",
            "Europe/Berlin",
        )
        assert subscriptions_of(session, number) == []
    with pytest.raises(InputError, match="a customer already"):
        add_customer(workspace, "ann@example.com", Entered(), by="maria")
    bob, joined = add_customer(
        workspace, "bob@example.com", Entered(), by="maria", list_name="customers", consent="asked on the phone"
    )
    assert joined
    with workspace.database.read() as session:
        assert subscriptions_of(session, bob)[0].state is SubscriptionState.SUBSCRIBED
        assert (consent_history(session, bob)[0].words, consent_history(session, bob)[0].by) == (
            "asked on the phone",
            "maria",
        )


def test_the_first_number_and_handle_stand_on_the_row_and_the_next_move_up(workspace: Workspace) -> None:
    said = Entered(phones=["+49 170 1234567", "030 123456"], handles=["x:Ann", "@ann@fosstodon.org"])
    number, _ = add_customer(workspace, "ann@example.com", said, by="maria")
    assert kept(workspace, number) == (
        "+491701234567",
        "ann",
        [("phone", "", "030123456"), ("handle", "x", "ann"), ("handle", "mastodon", "ann@fosstodon.org")],
    )
    change_customer(workspace, "ann@example.com", Entered(gone=["+49 170 1234567", "@ann"]), by="m")
    assert kept(workspace, number)[:2] == ("030123456", "ann@fosstodon.org")
    with pytest.raises(InputError, match="no number or handle of"):
        change_customer(workspace, "ann@example.com", Entered(gone=["x:ann"]), by="m")


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        (Entered(phones=["soon"]), "no phone number"),
        (Entered(handles=["@"]), "no handle"),
        (Entered({"zone": "Mars/Base"}), "no time zone"),
        (Entered({"country": "Atlantis"}), "no country"),
    ],
)
def test_what_cannot_be_read_changes_nothing(workspace: Workspace, entered: Entered, words: str) -> None:
    with pytest.raises(InputError, match=words):
        add_customer(workspace, "ann@example.com", entered, by="maria")
    with workspace.database.read() as session:
        assert customers_by_name(session, "ann") == []


def test_changing_a_stranger_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no customer has"):
        change_customer(workspace, "eve@example.com", Entered(phones=["+49 170 1234567"]), by="m")


@BOTH
def test_a_handle_leads_to_the_one_on_its_network(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, bob, eve = (make_customer(f"{name}@example.com") for name in ("ann", "bob", "eve"))
    unknown = make_customer("kim@example.com", handle="sun", phone="+491701234567")
    now = workspace.clock()
    with workspace.database.write() as session:
        handles = [(ann, "x", "sun"), (bob, "mastodon", "sun@a.example"), (eve, "bluesky", "moon")]
        told = [(who, (ContactKind.HANDLE, network, value)) for who, network, value in handles]
        add_contacts(session, told, at=now, how="person")
        add_contacts(session, told, at=now, how="person")
        add_contacts(session, [(bob, (ContactKind.PHONE, "", "01709999999"))], at=now, how="person")
        add_contacts(session, [(bob, (ContactKind.ADDRESS, "", "key"))], at=now, how="review")
    with workspace.database.read() as session:
        ids = [[row[0] for row in customers_by_handle(session, *what)] for what in
               [("x", "sun"), ("", "sun"), ("bluesky", "sun"), ("x", "moon"), ("", "moon")]]  # fmt: skip
        assert ids == [[ann], [ann, unknown], [unknown], [], [eve]]
        assert [row[0] for row in customers_by_phone(session, "01701234567")] == [unknown]
        assert [row[0] for row in customers_by_phone(session, "+491709999999")] == [bob]
        assert customers_by_phone(session, "+431701234567") == []
        assert [row[0] for row in customers_by_address(session, "key")] == [bob]
        key = address_key(workspace.keys, "eve@example.com")
        assert customers_by_address(session, key) == [(eve, key)]
        assert [one.id for one in customers_by_name(session, "ki")] == [unknown]
