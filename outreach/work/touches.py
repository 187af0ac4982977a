"""A link of a mail was followed, or its picture fetched: where it leads, and whether it was a person.

Law: where it leads is looked up before anything is written, and is a stored row, never part of the address; what cannot
be noted keeps nobody from getting there. Of somebody who was erased nothing is noted.
"""

from __future__ import annotations

from dataclasses import replace

from ..address import read_token
from ..delivery.touch import MANY, TOGETHER, Fetch, why_no_person
from ..errors import DatabaseError
from ..newsletter.tracked import OPEN
from ..records import Delivery, Kind
from ..store.customers import was_erased
from ..store.touches import keep_touch, link_of, sent_when, take_back_touches, touched_since
from .evidence import link_fetched
from .workspace import Workspace


def follow(workspace: Workspace, token: str, number: int, fetch: Fetch) -> str | None:
    """Where this link leads ("" for the picture), after it was noted; None where there is no such link."""
    public_id = read_token(workspace.keys, "click", token)
    if public_id is None:
        return None
    with workspace.database.read() as session:
        found = link_of(session, public_id, number)
        if found is None:
            return None
        delivery, url = found
        alone = delivery.kind is Kind.TEST or was_erased(session, delivery.customer_id)
    if fetch.method != "HEAD" and not alone:
        _note(workspace, delivery, number, fetch)
    return url


def _note(workspace: Workspace, delivery: Delivery, number: int, fetch: Fetch) -> None:
    assert delivery.id is not None
    since = fetch.at - TOGETHER
    try:
        with workspace.database.write() as session:
            others = [one for one in touched_since(session, delivery.id, since) if one != number]
            known = replace(fetch, sent_at=sent_when(delivery), is_open=number == OPEN, others=others)
            why = why_no_person(known)
            keep_touch(session, delivery, number, fetch.at, why)
            if len(others) + 1 >= MANY:
                take_back_touches(session, delivery.id, since, why)
        if not why:
            link_fetched(workspace, delivery.public_id, "a link in it")
    except DatabaseError:
        return  # whoever follows a link wants to get there
