"""Whom each clue leads to, looked up in the store.

Law: a clue that fits several customers fits none; a token is looked up by its delivery's public id alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ..address import address_key
from ..audience.values import read_handle, read_phone
from ..records import ClueKind
from ..replies.match import PROOFS, Clue, Match, Owner
from ..replies.parse import plain_address
from ..store.replies import customer_with, customers_by_phone_end, last_mail_to, sent_mails
from .workspace import Workspace

PHONE_END = 8
"""Digits that two ways of writing a number share: without the country's code and the trunk zero."""


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
        elif person := _person(session, workspace, clue):
            customer_id, key = person
            last = last_mail_to(session, customer_id, at) if clue.kind is ClueKind.SENDER else None
            owners[clue.kind, clue.value] = Owner(last, customer_id, frozenset((key,) if key else ()))
    return owners


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


def told_clues(told: Mapping[str, Any]) -> list[Clue]:
    """The clues in what a person took down: the customer they named, else handle, number, address."""
    ways = (
        (ClueKind.PERSON, plain_address(str(told.get("customer") or "")), "named by the person who took it down"),
        (ClueKind.HANDLE, read_handle(str(told.get("handle") or "")), "by the handle"),
        (ClueKind.PHONE, read_phone(str(told.get("phone") or "")) or "", "by the number"),
        (ClueKind.SENDER, plain_address(str(told.get("from") or "")), "by the address"),
    )
    return [Clue(kind, value, f"{why} {value}") for kind, value, why in ways if value]


def _person(session: Session, workspace: Workspace, clue: Clue) -> tuple[int, str | None] | None:
    if clue.kind is ClueKind.HANDLE:
        return customer_with(session, handle=clue.value)
    if clue.kind is ClueKind.PHONE:
        return customer_with(session, phone=clue.value) or _by_phone_end(session, clue.value)
    return customer_with(session, address_key=address_key(workspace.keys, clue.value))


def _by_phone_end(session: Session, number: str) -> tuple[int, str | None] | None:
    """One customer whose number ends alike: 0170 1234567 is +49 170 1234567, where nobody else's could be."""
    digits = number.lstrip("+0")
    if len(digits) < PHONE_END:
        return None
    rows = customers_by_phone_end(session, digits[-PHONE_END:])
    fitting = [row for row in rows if _same_number(row[1].lstrip("+0"), digits)]
    return (fitting[0][0], None) if len(fitting) == 1 else None


def _same_number(one: str, other: str) -> bool:
    return one.endswith(other) or other.endswith(one)
