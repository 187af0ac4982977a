"""Everybody whom a look ahead concerns, as few groups as the rules can tell apart; each group is judged once.

Law: two people are in one group only where every rule reads the same of both; whatever a rule comes to read of a person
must divide the groups here, or come with `store.consents`' columns, which do. Groups are read from the database in one
pass for each kind of fact, four bytes a person are kept, and a forecast of thirty days goes through groups alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlmodel import Session

from ..address import domain_key
from ..audience.consent import MailFacts
from ..newsletter.whom import parse_whom
from ..plan.budget import FIRST, WEEK
from ..records import Edition, GroupKind, HoldState, Kind
from ..store import crowd as kept
from ..store.bounces import paused_domains
from ..store.causes import whom_filter
from ..store.consents import MAIL_COLUMNS, blocked_domains, read_mail_facts
from ..store.packed import Pack
from ..store.plan import recent_bulk
from ..store.prepared import instant
from ..store.rounded import hour_up, minute_up, read_rounded
from ..store.saved_segments import load_segment
from ..store.sequences_ahead import in_or_beginning
from ..store.shared_holds import all_shared_holds
from ..store.wishes import all_wishes
from ..workdays import zone_or
from .alike import Alike, Audience, HoldSeen, Waits, Way, WishSeen
from .at_home import AtHome
from .courses import TO_THE_MINUTE, Courses
from .homes import Homes
from .in_turn import rank_of
from .parting import divide, divide_packs
from .workspace import Workspace

Change = Callable[[Alike, Any], Alike]
MOST_AT_ONCE = 60
"""So many segments of a list are judged while its people are read; what more there are is read one by one."""


class Crowd(AtHome):
    """The groups of all whom these audiences take, as the database has them now; with where they are in sequences, and
    the houses of these `kinds`."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        audiences: Iterable[Audience],
        courses: Courses | None = None,
        kinds: Iterable[GroupKind] = (),
    ) -> None:
        super().__init__(session, workspace)
        self._session, self._workspace = session, workspace
        self._people = kept.highest_id(session) + 1
        self._of = array("I", [0]) * self._people
        default = workspace.settings.identity.zone
        self.groups = [Alike(zone_or("", default), {})]  # nobody's: whom no audience takes
        self._add_audiences(list(dict.fromkeys(audiences)), default)
        now = workspace.clock()
        self.homes = {kind: Homes(session, workspace, kind, self._people) for kind in kinds}
        self._divide_packs(self._sent(now), lambda group, row: _sent(group, row[0], now))
        self._divide_packs(kept.still_under_way(session), lambda group, row: _under_way(group, now, *row))
        self._divide(self._holds(), lambda group, row: replace(group, holds=row[0]))
        self._divide(all_shared_holds(session), lambda group, row: replace(group, shared=row[0]))
        self._divide(kept.with_boosts(session), lambda group, row: replace(group, owed=True))
        self._divide(self._paused(now), lambda group, row: replace(group, paused=row[0]))
        self._divide(self._wishes(now), lambda group, row: replace(group, wish=row[0], sent=(*row[1], *group.sent)))
        self._divide(self._blocked(now), lambda group, row: replace(group, mail=_blocked_mail(group.mail, row[0])))
        if courses is not None:
            self._on_their_ways(courses)
        for number, count in Counter(self._of).items():
            self.groups[number].count = count
        self.groups[0].count = 0

    def people(self, audience: Audience) -> Iterator[Alike]:
        """The groups of an audience, those that come while it is gone through too."""
        return (group for group in self.groups if group.count and audience in group.audiences)

    def group_with(self, person: int) -> Alike:
        """The group of one person; of somebody who was dealt by the share it is not known."""
        if person >= self._people:
            return self.groups[0]
        return self.groups[self._of[person if self.flocks is None else self.flocks.place_of(person)]]

    def subscribed(self, edition: Edition) -> int:
        """How many could be dealt; where the edition's audience was read."""
        audience = Audience(edition.list_id, edition.segment)
        if not any(audience in group.audiences for group in self.groups):
            return super().subscribed(edition)
        return sum(group.count for group in self.people(audience) if group.subscribed(audience))

    def _add_audiences(self, audiences: Sequence[Audience], default: str) -> None:
        """Read everybody of each list once, with the segments that ask for what stands with the customer."""
        for list_id in dict.fromkeys(one.list_id for one in audiences if one.list_id is not None):
            own = [one for one in audiences if one.list_id == list_id and not one.whom]
            plain = [one for one in own if one.segment.strip() and one.at is None][:MOST_AT_ONCE]
            everybody = [one for one in own if not one.segment.strip()]
            self._read_list(list_id, everybody, plain, default)
            for audience in audiences:
                if audience.list_id == list_id and audience not in (*everybody, *plain):
                    self._read_members(audience)
        for audience in audiences:
            if audience.list_id is None:
                self._read_list(None, (), (), default, self._among(audience))
                self._read_members(audience)

    def _read_list(
        self,
        list_id: int | None,
        everybody: Sequence[Audience],
        plain: Sequence[Audience],
        default: str,
        among: Any = None,
    ) -> None:
        all_of_it = frozenset(everybody)

        def with_facts(group: Alike, row: Any) -> Alike:
            mail = {**group.mail, list_id: read_mail_facts(row[1 : 1 + len(MAIL_COLUMNS)])}
            taken = {one for one, takes in zip(plain, row[1 + len(MAIL_COLUMNS) :], strict=True) if takes}
            return replace(
                group, zone=zone_or(row[0], default), mail=mail, audiences=group.audiences | all_of_it | taken
            )

        segments = [load_segment(self._session, one.segment, self._workspace.clock()) for one in plain]
        facts = kept.facts_of_all(self._session, list_id, among, segments)
        self._divide_packs(facts, with_facts, new=True)

    def _read_members(self, audience: Audience) -> None:
        segment = load_segment(self._session, audience.segment, audience.at or self._workspace.clock())
        pages = kept.members(self._session, audience.list_id, segment, self._among(audience))
        self._divide(pages, lambda group, row: replace(group, audiences=group.audiences | {audience}))

    def _among(self, audience: Audience) -> Any:
        """The condition on customers that an audience has beside its segment, or None."""
        if audience.sequence is not None:
            return in_or_beginning(*audience.sequence)
        whom = parse_whom(audience.whom)
        return whom_filter(whom, audience.campaign, None) if whom is not None else None

    def _sent(self, now: datetime) -> Iterator[Pack]:
        """Who was sent what in the last week; put down in their houses as it goes by."""
        for edition, one_per, packs in kept.sent_since(self._session, now - WEEK):
            noting = [homes.noting(edition, one_per, now) for homes in self.homes.values()]
            for pack in packs:
                for note in noting:
                    if note is not None:
                        note(pack)
                yield pack
        for homes in self.homes.values():
            homes.all_noted(self._session, now)

    def _divide_packs(self, packs: Iterable[Pack], change: Change, *, new: bool = False) -> None:
        divide_packs(self._of, self.groups, packs, change, new=new)

    def _divide(self, pages: Iterable[Sequence[Any]], change: Change, *, new: bool = False) -> None:
        divide(self._of, self.groups, pages, change, new=new)

    def _on_their_ways(self, courses: Courses) -> None:
        """Part everybody by where they are in sequences. Among many, what these people were sent counts by whole hours:
        else their ways would make too many groups."""
        mine, ways, people = courses.ways(self._of, self.groups)
        if people:
            places = _OnTheirWays(self.groups, ways, self._workspace.clock() if people > TO_THE_MINUTE else None)
            self._of = array("I", map(places.__getitem__, zip(self._of, mine, strict=True)))

    def _holds(self) -> Iterator[list[Any]]:
        rows = (row for page in kept.open_holds(self._session) for row in page)
        for person, own in groupby(rows, key=itemgetter(0)):
            holds = [HoldSeen(row[1], row[2], HoldState(row[3]), instant(row[4])) for row in own]
            yield [(person, tuple(holds))]

    def _wishes(self, now: datetime) -> Iterator[list[Any]]:
        """Who would rather be written to otherwise, and what they were sent before the week that is read of all."""
        wishes = {one.customer_id: one for one in all_wishes(self._session)}
        rarely = [person for person, wish in wishes.items() if wish.every_days > WEEK.days]
        days = max((wishes[person].every_days for person in rarely), default=0)
        sent = recent_bulk(self._session, rarely, now - timedelta(days=days)) if rarely else {}
        for person, wish in wishes.items():
            if person < len(self._of):
                seen = WishSeen(wish.paused_until, wish.every_days, tuple(wish.no_topics))
                yield [(person, seen, tuple(minute_up(at) for at in sent.get(person, ()) if at <= now - WEEK))]

    def _paused(self, now: datetime) -> Iterator[list[Any]]:
        """Whose domain takes no mail for now."""
        return self._of_domains(paused_domains(self._session, now))

    def _blocked(self, now: datetime) -> Iterator[list[Any]]:
        """Whose whole domain a person blocked."""
        blocked = blocked_domains(self._session, now)
        return self._of_domains({key: (one.reason, one.expires_at) for key, one in blocked.items()})

    def _of_domains(self, domains: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Everybody of these domains. Nearly always there are none: then no address is read."""
        found: dict[str, Any] = {}
        for page in kept.addresses(self._session) if domains else ():
            for person, address in page:
                domain = (address or "").rpartition("@")[2].lower()
                if domain not in found:
                    found[domain] = domains.get(domain_key(self._workspace.keys, f"@{domain}"))
                if found[domain] is not None:
                    yield [(person, found[domain])]


class _OnTheirWays(dict[tuple[int, int], int]):
    """Where whoever stands in a group goes by their ways: by (place, place among the ways)."""

    def __init__(self, groups: list[Alike], ways: Sequence[tuple[Way, ...]], by_the_hour: datetime | None) -> None:
        super().__init__()
        self._groups, self._ways, self._now = groups, ways, by_the_hour
        self._alike: dict[Any, int] = {}
        self._places: dict[tuple[int, int], int] = {}

    def __missing__(self, key: tuple[int, int]) -> int:
        place, own = key
        found = place
        if place and own:
            base = self._hours_of(place, self._now) if self._now is not None else place
            if (base, own) not in self._places:
                self._groups.append(replace(self._groups[base], ways=self._ways[own]))
                self._places[base, own] = len(self._groups) - 1
            found = self._places[base, own]
        self[key] = found
        return found

    def _hours_of(self, place: int, now: datetime) -> int:
        """The first of the groups that differ from this one by minutes only."""
        if (place, 0) not in self._places:
            group = self._groups[place]
            rest = replace(group, sent=tuple(min(hour_up(at), now) for at in group.sent))
            alike = tuple(tuple(value.items()) if name == "mail" else value for name, value in _fields(rest))
            if alike not in self._alike:
                self._groups.append(rest)
                self._alike[alike] = len(self._groups) - 1
            self._places[place, 0] = self._alike[alike]
        return self._places[place, 0]


def _fields(group: Alike) -> Iterator[tuple[str, Any]]:
    return ((one.name, getattr(group, one.name)) for one in fields(group))


def _blocked_mail(mail: Mapping[int | None, MailFacts], block: Any) -> dict[int | None, MailFacts]:
    reason, until = block
    return {key: facts._replace(domain=reason, domain_until=until) for key, facts in mail.items()}


def _sent(group: Alike, minute: str, now: datetime) -> Alike:
    at = min(read_rounded(minute), now)  # what has gone counts, also before its minute is over
    return replace(group, sent=tuple(sorted((*group.sent, at))))


def _under_way(group: Alike, now: datetime, edition: int, kind: str, goes: int, minute: str) -> Alike:
    at = read_rounded(minute)
    if not goes:
        return replace(group, planned=(*group.planned, at)) if kind in FIRST else group
    at = max(at, now)
    return replace(group, waits=(*group.waits, Waits(at, rank_of(Kind(kind)), now, -edition, at)))
