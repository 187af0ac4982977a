"""Many suggestions of who belongs together, agreed to at once, and the last such yes taken back.

Law: whoever is of a group by then stays in it; who joined and who did not is told. Each membership says by which yes it
came, so that taking that back reaches nobody whom a file or a person has put there since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..audience.kin import NAMED
from ..errors import InputError
from ..groups import GroupKind, group_key
from ..records import Customer, Membership
from ..store.customers import person_at
from ..store.database import rows_in_chunks
from ..store.groups import ensure_groups, find_groups, groups_of, leave_groups, put_members
from .epoch import advance
from .groups import Likely, Progress, called, tell_group
from .workspace import Workspace

YES = "customers groups suggest --all"
CHUNK = 25


@dataclass(frozen=True)
class Agreed:
    """What a yes to many did. `groups`: how many got somebody, `new` of them were made; `people` joined; `left_out` had
    a group of their own, or were gone, by then.
    """

    kind: GroupKind
    groups: int
    new: int
    people: int
    left_out: int


def agree_to_all(
    workspace: Workspace, likely: Sequence[Likely], *, by: str, progress: Progress = lambda _count: None
) -> Agreed:
    """Let all these suggestions be groups, a few in each short transaction."""
    kind = likely[0].kind if likely else GroupKind.HOUSEHOLD
    begun = f"{YES} {workspace.clock():%Y-%m-%dT%H:%M:%S.%fZ}"
    groups = new = people = left_out = done = 0
    for part in rows_in_chunks(list(likely), CHUNK):
        with workspace.database.write() as session:
            known = set(find_groups(session, kind, [one.name for one in part]))
            for one in part:
                joined = _agree(session, workspace, one, f"{begun}: {one.reason}", by)
                people, left_out = people + joined, left_out + len(one.people) - joined
                groups += bool(joined)
                new += bool(joined) and group_key(one.name) not in known
                known.add(group_key(one.name))
            advance(session, workspace.root, needed=False)
        done += len(part)
        progress(done)
    return Agreed(kind, groups, new, people, left_out)


def _agree(session: Session, workspace: Workspace, one: Likely, evidence: str, by: str) -> int:
    now = workspace.clock()
    found = [person_at(session, workspace.keys, who) for who in one.people]
    there = {who.id or 0: who for who in found if who is not None and who.erased_at is None}
    taken = {who for who, own in groups_of(session, list(there)).items() if one.kind in own}
    fresh = {number: who for number, who in there.items() if number not in taken}
    if len(fresh) + bool(one.group) < 2:  # a group of one alone is none
        return 0
    group = ensure_groups(session, one.kind, [one.name], now)[group_key(one.name)]
    put_members(session, one.kind, dict.fromkeys(fresh, group), now, how="person", evidence=evidence, by=by)
    for customer in fresh.values():
        tell_group(session, customer, one.kind, one.name, now)
    return len(fresh)


def take_yes_back(workspace: Workspace, kind: GroupKind) -> list[str]:
    """Let whom the newest yes to many put into groups of this kind leave them; who, as they are called.

    Raises InputError where nobody is where such a yes put them.
    """
    mine = col(Membership.kind) == kind, col(Membership.evidence).startswith(f"{YES} ")
    with workspace.database.read() as session:
        newest = session.execute(select(func.max(col(Membership.evidence))).where(*mine)).scalar()
        if newest is None:
            raise InputError(f"no yes to all suggestions of a {kind.value} is left to take back")
        begun = col(Membership.evidence).startswith(newest.partition("Z: ")[0])
        numbers = list(session.execute(select(col(Membership.customer_id)).where(*mine, begun)).scalars())
    left: list[str] = []
    for part in rows_in_chunks(numbers, CHUNK):
        with workspace.database.write() as session:
            now = workspace.clock()
            query = select(col(Membership.customer_id), col(Membership.evidence)).where(*mine, begun)
            still = session.execute(query.where(col(Membership.customer_id).in_(part))).all()
            leave_groups(session, kind, [number for number, _ in still], now)
            for number, words in still:
                customer = session.get_one(Customer, number)
                if NAMED not in words:  # else their own attribute said so before
                    tell_group(session, customer, kind, "", now)
                left.append(called(customer))
            advance(session, workspace.root, needed=False)
    return left
