"""One customer entered or changed by a person's hand: names, numbers, handles, and a list with the words of consent.

Law: nobody is put on a list without the words by which they agreed; an unsubscribed person stays so. A change names
what it changes; the rest stays.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from ..address import address_key, canonical_address, new_public_id
from ..audience.places import ZONES, read_country, read_language
from ..audience.values import one_line
from ..contacts import phone_end, read_phone, split_handle
from ..errors import InputError, UsageError
from ..records import ContactKind, Customer, SubscriptionState
from ..store.contacts import Known, add_contacts, contacts_of, drop_contact
from ..store.customers import ensure_list, find_customer
from ..store.returning import stop_newcomers
from .opt_in import join_list
from .workspace import Workspace

NAMES = ("first_name", "last_name", "language", "country", "zone")


@dataclass(frozen=True)
class Entered:
    """What a person says of a customer. `phones` and `handles` are added to what is known, `gone` is taken away."""

    fields: Mapping[str, str] = field(default_factory=dict)
    phones: Sequence[str] = ()
    handles: Sequence[str] = ()
    gone: Sequence[str] = ()


def add_customer(
    workspace: Workspace, address: str, entered: Entered, *, by: str, list_name: str = "", consent: str = ""
) -> tuple[int, bool]:
    """A new customer, and whether they were put on the list.

    Raises InputError where the address is a customer's already or something in `entered` cannot be read, UsageError
    for a list without the words of consent.
    """
    if list_name and not consent.strip():
        raise UsageError(
            "nobody is put on a list without consent",
            remedy='Say how they agreed: --consent "asked for it on the phone on 3 May".',
        )
    canonical = canonical_address(address)
    values, contacts = _read(entered)
    with workspace.database.write() as session:
        if find_customer(session, workspace.keys, canonical) is not None:
            raise InputError(
                f"{canonical} is a customer already", remedy=f"Change them: outreach customers change {canonical}"
            )
        now = workspace.clock()
        customer = Customer(
            public_id=new_public_id(),
            address=canonical,
            address_key=address_key(workspace.keys, canonical),
            created_at=now,
            updated_at=now,
            **values,
        )
        session.add(customer)
        session.flush()
        assert customer.id is not None
        stop_newcomers(session, [(customer.address_key or "", customer.id)], now)
        _know(session, customer, contacts, workspace, by)
        if not list_name:
            return customer.id, False
        list_id = ensure_list(session, list_name, now)
        proof = {"how": "person", "evidence": "customers add", "words": consent.strip(), "by": by}
        state = join_list(session, workspace, customer, list_id, now=now, **proof)
        return customer.id, state is SubscriptionState.SUBSCRIBED


def change_customer(workspace: Workspace, address: str, entered: Entered, *, by: str) -> Customer:
    """Change what `entered` names of a known customer. Raises InputError where there is none, or it cannot be read."""
    values, contacts = _read(entered)
    with workspace.database.write() as session:
        customer = find_customer(session, workspace.keys, address)
        if customer is None:
            raise InputError(
                f"no customer has the address {address}", remedy="Enter them first: outreach customers add EMAIL"
            )
        for name, value in values.items():
            setattr(customer, name, value)
        for one in entered.gone:
            _forget(session, customer, one)
        _know(session, customer, contacts, workspace, by)
        customer.updated_at = workspace.clock()
        session.add(customer)
        session.flush()
        return customer


def _read(entered: Entered) -> tuple[dict[str, Any], list[Known]]:
    values: dict[str, Any] = {name: _field(name, text) for name, text in entered.fields.items()}
    if values.get("country") in ZONES and "zone" not in values:
        values["zone"] = ZONES[values["country"]]
    contacts: list[Known] = []
    for text in entered.phones:
        number = read_phone(text)
        if number is None:
            raise InputError(f"{text!r} is no phone number", remedy="Write it like +44 20 7946 0018.")
        contacts.append((ContactKind.PHONE, "", number))
    for text in entered.handles:
        network, handle = split_handle(text)
        if not handle:
            raise InputError(f"{text!r} is no handle", remedy="Write it like x:ann, or @ann@mastodon.example.")
        contacts.append((ContactKind.HANDLE, network, handle))
    return values, contacts


def _field(name: str, text: str) -> str | None:
    plain = one_line(text)
    if name in ("first_name", "last_name") or not plain:
        return plain[:200] or None
    if name == "zone":
        zones = {zone.lower(): zone for zone in zoneinfo.available_timezones()}
        found = zones.get(plain.lower().replace(" ", "_"))
    else:
        found = read_language(plain) if name == "language" else read_country(plain)
    if found is None:
        raise InputError(f"{plain!r} is no {'time zone' if name == 'zone' else name} that is known")
    return found


def _know(session: Session, customer: Customer, contacts: list[Known], workspace: Workspace, by: str) -> None:
    """The first number and handle stand on the customer's own row, where templates and segments see them."""
    more = []
    for kind, network, value in contacts:
        own = customer.phone if kind is ContactKind.PHONE else customer.handle
        if own is None and kind is ContactKind.PHONE:
            customer.phone, customer.phone_end = value, phone_end(value)
        elif own is None:
            customer.handle = value
        if network or own not in (None, value):
            more.append((kind, network, value))
    session.add(customer)
    session.flush()
    assert customer.id is not None
    add_contacts(session, [(customer.id, one) for one in more], at=workspace.clock(), how="person", by=by)


def _forget(session: Session, customer: Customer, text: str) -> None:
    """Take a number or handle away, wherever it is kept; the next one of its kind moves up to the customer's row."""
    assert customer.id is not None
    number, (network, handle) = read_phone(text), split_handle(text)
    known = contacts_of(session, customer.id)
    gone = [
        one
        for one in known
        if (one.kind is ContactKind.PHONE and one.value == number)
        or (one.kind is ContactKind.HANDLE and one.value == handle and (not network or one.network == network))
    ]
    own = (number is not None and customer.phone == number) or (bool(handle) and customer.handle == handle)
    if not gone and not own:
        raise InputError(
            f"{text!r} is no number or handle of {customer.address}",
            remedy=f"See what is kept: outreach customers show {customer.address}",
        )
    for one in gone:
        drop_contact(session, customer.id, (one.kind, one.network, one.value))
    left = [one for one in known if one not in gone]
    if number is not None and customer.phone == number:
        customer.phone = next((one.value for one in left if one.kind is ContactKind.PHONE), None)
        customer.phone_end = phone_end(customer.phone or "") or None
    kept = any(one.kind is ContactKind.HANDLE and one.value == handle for one in left)
    if handle and customer.handle == handle and not kept:
        customer.handle = next((one.value for one in left if one.kind is ContactKind.HANDLE), None)
