"""Whom each clue leads to, looked up in the store.

Law: a clue that fits several customers fits none; a token is looked up by its delivery's public id alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ..address import address_key
from ..contacts import read_phone, split_handle
from ..records import ClueKind
from ..replies.copies import read_repost
from ..replies.match import PROOFS, Clue, Match, Owner
from ..replies.parse import plain_address
from ..store.contacts import Found, customers_by_address, customers_by_handle, customers_by_phone
from ..store.replies import customer_with, last_mail_to, sent_mails
from .workspace import Workspace


def find_owners(
    session: Session, workspace: Workspace, found: Iterable[Clue], at: datetime
) -> dict[tuple[ClueKind, str], Owner]:
    """The deliveries and customers behind these clues; a clue that leads to nobody is left out."""
    found = list(found)
    mails = sent_mails(session, (clue.value for clue in found if clue.kind in PROOFS))
    owners: dict[tuple[ClueKind, str], Owner] = {}
    for clue in found:
        if clue.kind in PROOFS:
            if mail := mails.get(clue.value):
                owners[clue.kind, clue.value] = Owner(mail.delivery_id, mail.customer_id, mail.address_keys)
            continue
        if clue.kind is ClueKind.SENDER and _is_known(owners, address_key(workspace.keys, clue.value)):
            continue  # the mail it answers went to this very address: no more is asked
        people = _people(session, workspace, clue)
        if len(people) > 1:
            owners[clue.kind, clue.value] = Owner(None, None, frozenset(), rivals=len(people))
        elif people:
            customer_id, key = people[0]
            last = last_mail_to(session, customer_id, at) if clue.kind is ClueKind.SENDER else None
            owners[clue.kind, clue.value] = Owner(last, customer_id, frozenset((key,) if key else ()))
    return owners


def _is_known(owners: Mapping[tuple[ClueKind, str], Owner], key: str) -> bool:
    return any(key in owner.address_keys for owner in owners.values())


def find_by_ledger(session: Session, workspace: Workspace, named: Iterable[str], at: datetime) -> Match:
    """Whose mail a bounce without any token is about: the only customer among the addresses it names whom we wrote to.

    Addresses can be forged: whoever acts on this match must not block anybody for it.
    """
    found: dict[int, Match] = {}
    for address in named:
        person = customer_with(session, address_key=address_key(workspace.keys, address))
        if person is None or person[0] in found:
            continue
        last = last_mail_to(session, person[0], at)
        if last is not None:
            found[person[0]] = Match(person[0], last, ClueKind.RECIPIENT, "it names an address that we wrote to")
    return next(iter(found.values())) if len(found) == 1 else Match()


def read_told(raw: bytes) -> dict[str, Any]:
    """What was taken down, from the bytes that are kept; with whose words they are, where they were passed on."""
    told: dict[str, Any] = json.loads(raw)
    if told.get("handle") and not told.get("repost_of") and (passed_on := read_repost(str(told.get("text") or ""))):
        _, told["repost_of"] = split_handle(passed_on.author, str(told.get("network") or ""))
    return told


def told_clues(told: Mapping[str, Any]) -> list[Clue]:
    """The clues in what a person took down: the customer they named, else handle, number, address.

    What was passed on is its first author's: nothing tells of them but their handle.
    """
    passed_on = str(told.get("repost_of") or "")
    network, handle = split_handle(
        passed_on or str(told.get("handle") or ""), str(told.get("network") or ""), str(told.get("link") or "")
    )
    if passed_on:
        told = {"customer": told.get("customer")}
    ways = (
        (ClueKind.PERSON, plain_address(str(told.get("customer") or "")), "named by the person who took it down", ""),
        (ClueKind.HANDLE, handle, "by the handle", network),
        (ClueKind.PHONE, read_phone(str(told.get("phone") or "")) or "", "by the number", ""),
        (ClueKind.SENDER, plain_address(str(told.get("from") or "")), "by the address", ""),
    )
    return [Clue(kind, value, f"{why} {value}", network=of) for kind, value, why, of in ways if value]


def _people(session: Session, workspace: Workspace, clue: Clue) -> list[Found]:
    if clue.kind is ClueKind.HANDLE:
        return customers_by_handle(session, clue.network, clue.value)
    if clue.kind is ClueKind.PHONE:
        return customers_by_phone(session, clue.value)
    return customers_by_address(session, address_key(workspace.keys, clue.value))
