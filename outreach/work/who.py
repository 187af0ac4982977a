"""Whom a few words mean: an address, a number, a handle or a name, as a person types it; and who a stranger may be.

Law: it suggests, and never chooses between several.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from ..address import address_key
from ..contacts import addresses_in, read_phone, split_handle
from ..records import Customer, Inbound
from ..replies.parse import plain_address
from ..store.channels import customers_named, customers_with_local_part
from ..store.contacts import Found, customers_by_address, customers_by_handle, customers_by_name, customers_by_phone
from .workspace import Workspace

MOST = 9
"""As many as there are keys from 1 to 9."""


@dataclass(frozen=True)
class Candidate:
    """A customer whom a message may be from; `why` in words."""

    customer_id: int
    address: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>".strip() + f" ({self.why})"


def find_who(session: Session, workspace: Workspace, words: str) -> list[Candidate]:
    """The customers that these words may mean, at most nine; none for nothing."""
    words = words.strip()
    if not words:
        return []
    number = read_phone(words)
    if number is not None:
        return _known(session, customers_by_phone(session, number), "by the number")
    if address := plain_address(words):
        key = address_key(workspace.keys, address)
        return _known(session, customers_by_address(session, key), "by the address")
    if words.startswith("@") or ":" in words:
        network, handle = split_handle(words)
        return _known(session, customers_by_handle(session, network, handle), "by the handle")
    found = [_candidate(one, "by the name") for one in customers_by_name(session, words, MOST)]
    network, handle = split_handle(words)
    return found or _known(session, customers_by_handle(session, network, handle), "by the handle")


def suggest(session: Session, workspace: Workspace, inbound: Inbound) -> list[Candidate]:
    """Who may have written this, the likeliest first, at most nine."""
    found: list[Candidate] = []
    if inbound.phone:
        found += _known(session, customers_by_phone(session, inbound.phone), "has this number")
    if inbound.handle:
        found += _known(session, customers_by_handle(session, inbound.network, inbound.handle), "has this handle")
        found += _known(session, customers_by_handle(session, "", inbound.handle), "has this handle on another network")
    for address in addresses_in(inbound.text):
        key = address_key(workspace.keys, plain_address(address))
        found += _known(session, customers_by_address(session, key), "this address stands in the text")
    name = inbound.sender_name or ""
    found += [_candidate(one, "has the same name") for one in customers_named(session, name)]
    local = inbound.handle.partition("@")[0] or inbound.sender.partition("@")[0]
    if len(local) > 3:
        found += [_candidate(one, "an address like this name") for one in customers_with_local_part(session, local)]
    unique: dict[int, Candidate] = {}
    for one in found:
        if one.customer_id != inbound.customer_id:
            unique.setdefault(one.customer_id, one)
    return list(unique.values())[:MOST]


def _known(session: Session, found: list[Found], why: str) -> list[Candidate]:
    people = [session.get(Customer, customer_id) for customer_id, _ in found[:MOST]]
    return [_candidate(one, why) for one in people if one is not None]


def _candidate(customer: Customer, why: str) -> Candidate:
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return Candidate(customer.id or 0, customer.address or "", name, why)
