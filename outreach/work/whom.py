"""Whom an edition is for: its list and segment, and for a letter those whom its line `whom:` names.

Law: service mail streams every customer, subscribed or not, since it goes only to those whom it concerns; all other
mail streams a list. A segment's spans are counted from the instant at which the edition opens, so that a planning
that broke off goes on with the same people. Planning, forecast and `why` ask here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session

from ..newsletter.whom import Whom, parse_whom
from ..records import Campaign, Edition, Kind
from ..store.causes import takes, whom_filter
from ..store.customers import PersonRow, stream_people
from ..store.saved_segments import load_segment


def whom_of(campaign: Campaign) -> Whom | None:
    """Whom the campaign names, where it is a letter."""
    return parse_whom(str(campaign.options.get("whom") or ""))


def edition_people(session: Session, campaign: Campaign, edition: Edition) -> Iterator[PersonRow]:
    """Everybody whom the edition is for, judged or not, by rising id; streamed."""
    whom = whom_of(campaign)
    among = whom_filter(whom, campaign.id, edition.id) if whom is not None else None
    list_id = None if edition.kind is Kind.SERVICE and whom is not None else edition.list_id
    segment = load_segment(session, edition.segment, edition.due_at)
    return stream_people(session, list_id, segment, among=among)


def is_meant(session: Session, campaign: Campaign, edition: Edition, customer_id: int) -> bool:
    """Whether a letter is for this customer, and has not been on its way to them already."""
    whom = whom_of(campaign)
    return whom is None or takes(session, whom_filter(whom, campaign.id, edition.id), customer_id)
