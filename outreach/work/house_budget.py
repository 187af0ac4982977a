"""One newsletter per household: what the others of it were sent counts in its budget, whoever of them got it.

Law: looked up only for an edition of which one of each group gets a mail; each newsletter counts once for them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from ..plan.budget import WEEK
from ..records import Edition, GroupKind, Wish
from ..store.house_mail import house_mail
from .workspace import Workspace


def sent_to_others(
    session: Session,
    workspace: Workspace,
    edition: Edition,
    customer_ids: Collection[int],
    wishes: Mapping[int, Wish],
    now: datetime,
) -> dict[int, list[datetime]]:
    """When others of the household (or company) of each of these were sent what counts for them all, as far back as
    their own wishes ask.
    """
    kind = GroupKind(edition.one_per)
    counts = workspace.settings.plan.shared_budgets[kind]
    if counts == "no":
        return {}
    shared = counts == "shared"
    found = house_mail(session, kind, customer_ids, now - WEEK, shared=shared)
    rarely = {person: wish.every_days for person, wish in wishes.items() if wish.every_days > WEEK.days}
    far = now - timedelta(days=max(rarely.values(), default=0))
    for person, times in house_mail(session, kind, rarely, far, shared=shared).items():
        found[person] = [*(at for at in times if at <= now - WEEK), *found.get(person, ())]
    return found
