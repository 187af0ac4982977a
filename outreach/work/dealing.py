"""Whom chance deals what, foreseen: who is held out of an issue, and who gets which version of one.

Law: dealt one by one as planning does (`work.holdout`, `work.versions`) up to `DEAL_EACH` people; among more by the
share, since to draw a million for each issue takes longer than all the rest of a look.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlmodel import Session

from ..plan.holdout import Group, HoldOut, groups_of
from ..plan.variants import REST, Comparison, versions_of
from ..records import Campaign, Edition, GroupKind
from ..store import crowd as kept
from .alike import Alike
from .flocks import Flocks, Share
from .holdout import Counted, as_it_will_be, hold_out_of
from .homes import Homes
from .houses import Houses
from .workspace import Workspace

DEAL_EACH = 200_000
"""Up to so many people a look deals them one by one, a fifth of a second an issue; among more it takes the share."""


HELD = "held"


class Dealing(Counted):
    """Takes groups apart as chance would. `_of` has each person's place among the `groups`."""

    groups: list[Alike]
    _of: array[int]

    def __init__(self, session: Session, workspace: Workspace) -> None:
        super().__init__(session, workspace)
        self._session, self._workspace = session, workspace
        self._keys: list[str] = []
        self._stamp, self._sizes = 0, (-1, Counter[int]())
        self.homes: dict[GroupKind, Homes] = {}
        self._lived: dict[tuple[GroupKind, int | None], Houses] = {}
        self.flocks: Flocks | None = None

    def expect(self, coming: Sequence[tuple[Campaign, Edition]]) -> None:
        """These campaigns are all that will be foreseen, each with an edition: so houses can be put together for whom
        all of them mean the same. Where people are dealt one by one, or of both kinds of groups, they are not.
        """
        found = dict.fromkeys((edition.one_per, edition.list_id, campaign.id or 0) for campaign, edition in coming)
        lives = [(GroupKind(kind), list_id, campaign) for kind, list_id, campaign in found if kind]
        if len({kind for kind, _, _ in lives}) != 1:
            return
        if not self.by_share() and any(
            campaign.options.get("test") or hold_out_of(self._session, self._workspace, campaign, edition, self).on
            for campaign, edition in coming
        ):
            return
        for kind, list_id, number in lives:
            self._houses(kind, list_id).memory(number)
        self.flocks = Flocks(self._of, self.homes[lives[0][0]], self._lived.values())

    def deal(self, campaign: Campaign, occasion: str, groups: Sequence[Alike], plan: HoldOut) -> dict[int, Alike]:
        """Take from each of these groups those who are held out, by the group's identity; each a group of its own.

        Those with an open hold, or who are owed tips, are not dealt. One by one up to `DEAL_EACH`, else by the share.
        """
        dealt = [group for group in groups if not (group.owed or group.holds)]
        if not plan.on:
            return {}
        ring, occasion = self._workspace.keys.address, as_it_will_be(self._session, campaign, occasion)

        group_of = groups_of(ring, campaign.name, occasion, plan)

        def draw(key: str) -> str:
            return HELD if group_of(key) is Group.HELD else ""

        return {place: part for (place, _), part in self._deal(dealt, {HELD: plan.share}, draw).items()}

    def deal_versions(
        self, campaign: Campaign, occasion: str, groups: Sequence[Alike], plan: Comparison
    ) -> dict[tuple[int, str], Alike]:
        """Take these groups apart by the version dealt, or `REST`; by the group's identity and version."""
        ring, occasion = self._workspace.keys.address, as_it_will_be(self._session, campaign, occasion)
        shares = {name: plan.percent / 100 / len(plan.names) for name in plan.names}
        shares |= {REST: 1 - plan.percent / 100} if plan.percent < 100 else {}
        return self._deal(groups, shares, versions_of(ring, campaign.name, occasion, plan))

    def by_share(self) -> bool:
        """Whether there are too many to deal them one by one."""
        return sum(group.count for group in self.groups) > DEAL_EACH

    def _deal(
        self, groups: Sequence[Alike], shares: Mapping[str, float], draw: Callable[[str], str]
    ) -> dict[tuple[int, str], Alike]:
        there = [group for group in groups if group.count]  # one of whom all lost to their households is no group now
        return self._deal_share(there, shares) if self.by_share() or self.flocks else self._deal_each(there, draw)

    def _deal_share(self, groups: Sequence[Alike], shares: Mapping[str, float]) -> dict[tuple[int, str], Alike]:
        parts: dict[tuple[int, str], Alike] = {}
        wanted, given = dict.fromkeys(shares, 0.0), dict.fromkeys(shares, 0)
        everybody = sum(shares.values()) > 0.999
        places = {id(group): place for place, group in enumerate(self.groups)}
        shared: dict[int, Share] = {}
        for group in groups:
            all_of_it, own = group.count, list[tuple[int, int]]()
            for place, (name, share) in enumerate(shares.items()):
                wanted[name] += all_of_it * share
                last = everybody and place == len(shares) - 1
                some = group.count if last else min(group.count, int(wanted[name] - given[name] + 0.5))
                given[name] += some
                if some:
                    parts[id(group), name] = self._part(group, some)
                    own.append((len(self.groups) - 1, some))
            shared[places[id(group)]] = Share(all_of_it, own)
        if self.flocks is not None:
            self.flocks.split(self._of, shared)
            self._stamp += 1
        return parts

    def _deal_each(self, groups: Sequence[Alike], draw: Callable[[str], str]) -> dict[tuple[int, str], Alike]:
        if not self._keys:
            self._keys = [""] * len(self._of)
            for persons, keys in kept.keys_of_all(self._session, len(self._of)):
                for person, key in zip(map(int, persons), keys, strict=True):
                    self._keys[person] = key
        places = {id(group): place for place, group in enumerate(self.groups)}
        wanted = {places[id(group)]: group for group in groups}
        parts: dict[tuple[int, str], Alike] = {}
        for person, place in enumerate(self._of):
            group = wanted.get(place)
            name = draw(self._keys[person]) if group is not None else ""
            if group is None or not name:
                continue
            key = id(group), name
            if key not in parts:
                parts[key] = self._part(group, 0)
                places[id(parts[key])] = len(self.groups) - 1
            parts[key].count += 1
            group.count -= 1
            self._of[person] = places[id(parts[key])]
        self._stamp += bool(parts)
        return parts

    def _part(self, group: Alike, count: int) -> Alike:
        part = replace(group, count=count)
        group.count -= count
        self.groups.append(part)
        return part

    def one_of_each(
        self, kind: GroupKind, list_id: int | None, campaign_id: int, going: Sequence[Alike], *, keep: bool
    ) -> dict[int, Alike]:
        """Take from each of these groups those of whose household another one gets it, by the group's identity; each a
        group of its own. `keep`: it really goes, and is remembered for the campaign's next issue.
        """
        flags, stamp = self._flags(going), self._stamp
        lost = self._houses(kind, list_id).losers(self._of, flags, campaign_id, keep=keep, stamp=stamp)
        if lost.counts and self.flocks is None and self._sizes[0] != stamp:
            self._sizes = stamp, Counter(self._of)
        whole = self._sizes[1] if self.flocks is None else self.flocks.whole
        moved: dict[int, int] = {}
        parts: dict[int, Alike] = {}
        for place, people in lost.counts.items():
            group = self.groups[place]
            # some of them may have been held out by the share, and are counted apart
            parts[id(group)] = part = self._part(group, min(people, group.count))
            if people == whole[place] and not group.count:  # nobody of the group is left: it is the part from now on
                self.groups[place] = part
                self.groups.pop()
            else:
                moved[place] = len(self.groups) - 1
                whole[place] -= people
                whole[moved[place]] += people
        for person in lost.among(moved) if moved else ():
            self._of[person] = moved[self._of[person]]
        self._stamp += bool(moved)
        return parts

    def doubled(self, kind: GroupKind, list_id: int | None, campaign_id: int, going: Sequence[Alike]) -> int:
        """How many more of these groups' people there are than households of theirs."""
        houses = self._houses(kind, list_id)
        return houses.doubled(self._of, self._flags(going), campaign_id, stamp=self._stamp)

    def _flags(self, going: Sequence[Alike]) -> bytearray:
        wanted = {id(group) for group in going}
        return bytearray(id(group) in wanted for group in self.groups)

    def _houses(self, kind: GroupKind, list_id: int | None) -> Houses:
        if (kind, list_id) not in self._lived:
            self._lived[kind, list_id] = Houses(self._session, kind, list_id)
        return self._lived[kind, list_id]
