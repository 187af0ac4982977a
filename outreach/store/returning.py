"""Somebody becomes a customer who had said stop before, in what a restored backup does not know.

Law: what they said is carried out in the transaction that makes them, before anybody can write to them; whatever else
that transaction does with them (a file that subscribes them) stands behind it. The caller commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from .consents import unsubscribe
from .strangers import any_stranger, stranger_stops
from .wishes import keep_wish

EVIDENCE = "the register of stops, after a restore"


def stop_newcomers(session: Session, newcomers: Iterable[tuple[str, int]], now: datetime) -> None:
    """Carry out what was said under these addresses, by key, for the customers that they belong to now."""
    if not any_stranger(session):
        return
    made = dict(newcomers)
    for key, stops in stranger_stops(session, made).items():
        for one in stops:
            evidence = f"{EVIDENCE}: said on {one.at:%Y-%m-%d}"
            if one.list_id is not None:
                way = {"how": "person", "evidence": evidence}
                unsubscribe(session, customer_id=made[key], list_id=one.list_id, at=one.at, **way)
            elif one.until is not None and one.until > now:
                keep_wish(
                    session,
                    made[key],
                    paused_until=one.until,
                    every_days=0,
                    no_topics=(),
                    channel="",
                    at=one.at,
                    how="page",
                    evidence=evidence,
                )
