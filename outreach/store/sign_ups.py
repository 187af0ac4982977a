"""Kept: what came of addresses that were typed into a sign-up page, by keyed hashes, so that nobody is asked too often.

Law: no address and no network address stands here; where something came from is a hash that holds for a day, and is
let go of after two. The caller commits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlmodel import Session, col

from ..address import mailbox_of
from ..audience.asking import LEAST, YEAR, Asked
from ..records import Customer, SignUp

PLACE_KEPT = timedelta(days=2)


def keep_sign_up(session: Session, *, key: str, list_id: int, at: datetime, asked: bool, place: str) -> None:
    """Write down that an address was typed in. `asked`: whether a mail goes there; `place`: a hash, "" for none."""
    session.add(SignUp(address_key=key, list_id=list_id, at=at, asked=asked, place=place))


def open_askings(session: Session, key: str) -> list[tuple[datetime, int]]:
    """When, and for which list, the owner of this address was asked and has not answered."""
    query = select(col(SignUp.at), col(SignUp.list_id))
    mine = col(SignUp.address_key) == key, col(SignUp.asked), col(SignUp.answered_at).is_(None)
    return [(at, list_id) for at, list_id in session.execute(query.where(*mine))]


def askings_beside(session: Session, address: str, since: datetime) -> list[datetime]:
    """When since then the owners of other addresses that lead to the mailbox of this one were asked and have not
    answered, as far as these are kept still. It looks through all that were asked: for the few addresses with a tag.
    """
    mailbox, own = mailbox_of(address), col(Customer.address)
    query = select(col(SignUp.at), own).join(Customer, col(Customer.address_key) == col(SignUp.address_key))
    asked = col(SignUp.at) >= since, col(SignUp.asked), col(SignUp.answered_at).is_(None)
    alike = (
        func.substr(own, 1, 1).in_([mailbox[:1], mailbox[:1].upper()]),
        own.endswith(f"@{address.rpartition('@')[2]}", autoescape=True),
    )
    rows = session.execute(query.where(*asked, *alike))
    return [at for at, other in rows if other.lower() != address.lower() and mailbox_of(other) == mailbox]


def answered(session: Session, key: str, at: datetime) -> None:
    """The owner of this address pressed a button of ours: whatever they were asked is answered."""
    mine = col(SignUp.address_key) == key, col(SignUp.answered_at).is_(None)
    session.execute(update(SignUp).where(*mine).values(answered_at=at))


def asked_between(session: Session, since: datetime, until: datetime) -> Asked:
    """Of how many addresses their owner was asked in this time, and how many answered."""
    people = func.count(func.distinct(col(SignUp.address_key)))
    span = col(SignUp.at) >= since, col(SignUp.at) < until, col(SignUp.asked)
    return Asked(*session.execute(select(people, _answered()).where(*span)).one())


def busy_places(session: Session, since: datetime, until: datetime) -> list[Asked]:
    """What came from each place from which many different addresses were typed in within this time, the most first."""
    people = func.count(func.distinct(col(SignUp.address_key)))
    span = col(SignUp.at) >= since, col(SignUp.at) < until, col(SignUp.place) != ""
    query = select(people, _answered()).where(*span).group_by(col(SignUp.place)).having(people >= LEAST)
    return [Asked(*row) for row in session.execute(query.order_by(people.desc()))]


def _answered() -> Any:
    return func.count(func.distinct(case((col(SignUp.answered_at).is_not(None), col(SignUp.address_key)))))


def forget_address(session: Session, key: str, until: datetime) -> None:
    """Let go of what came of an address until then."""
    session.execute(delete(SignUp).where(col(SignUp.address_key) == key, col(SignUp.at) <= until))


def forget_sign_ups(session: Session, now: datetime) -> None:
    """Let go of where they came from after two days, and of them after a year."""
    old = col(SignUp.place) != "", col(SignUp.at) < now - PLACE_KEPT
    session.execute(update(SignUp).where(*old).values(place=""))
    session.execute(delete(SignUp).where(col(SignUp.at) < now - YEAR))
