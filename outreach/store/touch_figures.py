"""Figures of clicks and opens, edition by edition: by persons, as far as can be told, each person once.

Law: what was not counted is None and never 0. A mail that only programs looked into is told beside, and counts for
nobody.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from ..records import Link, Touch

MOST_USED = 5


@dataclass(frozen=True)
class Touched:
    """`clicked`: people who followed a link; `opened`: people who opened it; each None where the edition counts none.
    `programs`: mails whose links were followed by programs alone. `links`: the addresses most used, with the people who
    followed each.
    """

    clicked: int | None = None
    opened: int | None = None
    programs: int = 0
    links: tuple[tuple[str, int], ...] = ()


def counts_clicks(session: Session, edition_id: int) -> bool:
    """Whether an edition counts who follows its links."""
    query = select(col(Link.id)).where(col(Link.edition_id) == edition_id, col(Link.number) > 0).limit(1)
    return session.execute(query).first() is not None


def touch_figures(session: Session) -> dict[int, Touched]:
    """By edition; one that counts neither clicks nor opens is left out."""
    run = session.connection().execute
    edition, mail = col(Touch.edition_id), col(Touch.delivery_id)
    by_person = case((col(Touch.person_at).is_not(None), mail))
    counts: Any = select(edition, func.count(func.distinct(mail)), func.count(func.distinct(by_person)))
    opened = {row[0]: row[2] for row in run(counts.where(col(Touch.number) == 0).group_by(edition))}
    followed = {row[0]: (row[1], row[2]) for row in run(counts.where(col(Touch.number) > 0).group_by(edition))}
    counting = set(run(select(col(Link.edition_id)).where(col(Link.number) > 0).distinct()).scalars())
    opening = set(run(select(col(Link.edition_id)).where(col(Link.number) == 0)).scalars())
    opened = dict.fromkeys(opening, 0) | opened
    links: dict[int, list[tuple[str, int]]] = defaultdict(list)
    people = func.count(func.distinct(mail))
    used = select(edition, col(Link.url), people).join(
        Link, (col(Link.edition_id) == edition) & (col(Link.number) == col(Touch.number))
    )
    used = used.where(col(Touch.person_at).is_not(None), col(Touch.number) > 0).group_by(edition, col(Link.url))
    for number, url, count in run(used.order_by(people.desc(), col(Link.url))):
        if len(links[number]) < MOST_USED:
            links[number].append((url, count))
    found = {}
    for number in counting | set(opened):
        mails, persons = followed.get(number, (0, 0))
        clicked = persons if number in counting else None
        found[number] = Touched(clicked, opened.get(number), mails - persons, tuple(links[number]))
    return found
