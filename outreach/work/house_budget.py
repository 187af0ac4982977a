"""One newsletter per household: what the others of it were sent counts in its budget, whoever of them got it.

Law: looked up only for an edition of which one of each group gets a mail; each newsletter counts once for them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from ..plan.budget import WEEK
from ..records import Edition, GroupKind, Wish
from ..store.house_mail import HouseMail
from .workspace import Workspace


def house_mail_of(workspace: Workspace, edition: Edition) -> HouseMail | None:
    """What reads the mail that counts for this edition; None where nobody else's does."""
    if not edition.one_per:
        return None
    kind = GroupKind(edition.one_per)
    counts = workspace.settings.plan.shared_budgets[kind]
    return None if counts == "no" else HouseMail(kind, shared=counts == "shared")


def sent_to_others(
    session: Session,
    workspace: Workspace,
    edition: Edition,
    customer_ids: Collection[int],
    wishes: Mapping[int, Wish],
    now: datetime,
    known: HouseMail | None = None,
) -> dict[int, list[datetime]]:
    """When others of the household (or company) of each of these were sent what counts for them all, as far back as
    their own wishes ask. `known`: what was read already of the houses, by `house_mail_of`.
    """
    mail = known or house_mail_of(workspace, edition)
    if mail is None:
        return {}
    found = mail.of(session, customer_ids, now - WEEK)
    rarely = {person: wish.every_days for person, wish in wishes.items() if wish.every_days > WEEK.days}
    far = now - timedelta(days=max(rarely.values(), default=0))
    for person, times in mail.of(session, rarely, far).items():
        found[person] = [*(at for at in times if at <= now - WEEK), *found.get(person, ())]
    return found
