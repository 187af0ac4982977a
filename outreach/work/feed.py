"""What feeds the carriers: slices of the outbox, judged again and chosen for.

Law: one row per recipient, never a cursor; whoever is claimed is judged again with the rules that planned them, on
facts no older than the versions that the intent compares (RELIABILITY I8). Which carrier and relay a job goes to is
decided in `work.dispatch`; whoever carries it renders it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy.orm import defer
from sqlmodel import Session

from ..errors import InputError
from ..plan.budget import BUDGET
from ..records import BULK, YES, Campaign, DeliveryState, Edition, Permission
from ..store.customers import load_customers, load_readers
from ..store.moves import Move, apply_moves, keep_choices, refuse
from ..store.outbox import Claimed, claim
from ..store.plan import claimed_beside
from ..store.queued import Reached
from .choose import choose_for, frozen_tips, tip_pool
from .commit import Committer
from .dispatch import Dispatch
from .jobs import Job, Person, Press, ticks
from .presence import Presence
from .pressroom import NoPress
from .sight import kinds_that_wait
from .versions import Turn, settle_versions, turns_of
from .workspace import Workspace, check_may_send

SLICE_SECONDS = 20.0
"""Slices shrink to what goes out in about this time, so that a judgement is never old."""
AFRESH_SECONDS, AFRESH_SHARE = 5.0, 20.0
"""So often a claim begins at the start of the queue, and at most for a twentieth of the time where that takes long."""


BESIDE = "another newsletter is on its way to them"
SOON = timedelta(minutes=1)
"""So long a mail waits for what another worker has claimed for the same person."""

SECOND_SECONDS, NEVER = 30.0, float("inf")
"""So long at most it waits for what this worker has."""


class Judge(Protocol):
    """May this edition's mail go to these people now? `beside`, as `judge_people` has it, only where needed."""

    def __call__(
        self,
        session: Session,
        workspace: Workspace,
        *,
        campaign: Campaign,
        edition: Edition,
        customer_ids: Collection[int],
        now: datetime,
        zones: Mapping[int, str | None],
        beside: Mapping[int, int] | None = ...,
    ) -> dict[int, Permission]: ...


OpenPress = Callable[[Session, Workspace, int], Press]
Progress = Callable[[int], None]


class Feed:
    """Claims slices, judges them, and hands the jobs to the dispatch."""

    def __init__(
        self,
        workspace: Workspace,
        presence: Presence,
        committer: Committer,
        edition_ids: Sequence[int] | None,
        lease: timedelta,
        press: OpenPress,
        judge: Judge,
        progress: Progress | None,
    ) -> None:
        self.counts: Counter[DeliveryState] = Counter()
        self.postponed = 0
        self.workspace, self._presence, self._committer = workspace, presence, committer
        self.edition_ids, self._lease = edition_ids, lease
        self._open_press, self._judge, self._progress = press, judge, progress
        self._tips: dict[int, list[str]] = {}
        self._behind: set[int] = set()
        self._second: list[Claimed] = []
        self._second_at = NEVER
        self._reached, self._afresh_at = Reached(), 0.0
        self._connections = sum(relay.connections for relay in workspace.settings.all_relays)
        self._size = min(workspace.settings.sending.batch, max(20, 5 * self._connections))

    def run(self, dispatch: Dispatch, stopping: Callable[[], bool]) -> None:
        """Until nothing is due any more, or it must stop. What was released meanwhile is claimed and judged again."""
        while not (stopping() or dispatch.stopped):
            if dispatch.full_until():
                dispatch.settle(stopping)
                return
            check_may_send(self.workspace)
            started = time.monotonic()
            rows = self._claim() if started < self._second_at + SECOND_SECONDS else []
            if not rows:
                dispatch.settle(stopping)
                if self._second:
                    second, self._second, self._second_at = self._second, [], NEVER
                    self._hand_over(dispatch, second, stopping, second=True)
                    continue
                self._reached.forget()
                rows = self._claim()
                if not rows:
                    if self.edition_ids is not None and dispatch.wait_for_domains(stopping):
                        continue
                    return
            self._hand_over(dispatch, rows, stopping)
            self._adapt(len(rows), time.monotonic() - started)

    def _hand_over(
        self, dispatch: Dispatch, rows: Sequence[Claimed], stopping: Callable[[], bool], *, second: bool = False
    ) -> None:
        """In the order of the claim, edition by edition: tips before the rest. `second`: see `_crowded`."""
        self._behind = {row.id for row in rows}
        for edition_id, together in groupby(rows, _by_edition):
            own = list(together)
            self._behind.difference_update(row.id for row in own)
            press, jobs = self._ready(dispatch, edition_id, own, second=second)
            self._committer.record(*dispatch.put(press, edition_id, jobs, stopping))

    def _adapt(self, done: int, seconds: float) -> None:
        fitting = int(done / max(seconds, 0.001) * SLICE_SECONDS)
        least = max(20, 2 * self._connections)
        self._size = min(self.workspace.settings.sending.batch, max(least, min(fitting, 2 * self._size)))

    def _claim(self) -> list[Claimed]:
        """Behind what was claimed before; from the start where nothing is left there, and every few seconds."""
        begun = ticks()
        if begun >= self._afresh_at:
            self._reached.forget()
        going_on = bool(self._reached)
        rows = self._claim_on()
        if going_on and rows:
            return rows
        if going_on:
            self._reached.forget()
            begun, rows = ticks(), self._claim_on()
        ended = ticks()
        self._afresh_at = ended + max(AFRESH_SECONDS, AFRESH_SHARE * (ended - begun))
        return rows

    def _claim_on(self) -> list[Claimed]:
        now = self.workspace.clock()
        with self.workspace.database.write(beside=True) as session:
            return claim(
                session,
                edition_ids=self.edition_ids,
                owner=self._presence.name,
                limit=self._size,
                now=now,
                lease=self._lease,
                without=kinds_that_wait(session, self.workspace, now),
                reached=self._reached,
            )

    def _press(self, session: Session, edition_id: int) -> Press:
        try:
            return self._open_press(session, self.workspace, edition_id)
        except InputError as wrong:
            return NoPress(wrong.message)

    def _ready(
        self, dispatch: Dispatch, edition_id: int, rows: list[Claimed], *, second: bool
    ) -> tuple[Press, list[tuple[Claimed, Job]]]:
        """Judge and choose on one snapshot, later than the versions noted at the claim; write both down."""
        now = self.workspace.clock()
        settle_versions(self.workspace, edition_id)
        people = [row.customer_id for row in rows if row.customer_id is not None]
        with self.workspace.database.read() as session:
            edition, campaign = _edition(session, edition_id)
            press = dispatch.press_of(edition_id) or self._press(session, edition_id)
            readers = load_readers(session, people)
            zones = {person: reader[5] for person, reader in readers.items()}
            judge = partial(self._judge, session, self.workspace, campaign=campaign, edition=edition, now=now)
            allowed = judge(customer_ids=people, zones=zones)
            crowded = self._crowded(session, edition, allowed, judge, zones)
            if crowded and second:
                allowed = allowed | dict.fromkeys(crowded, Permission(reason=BUDGET, evidence=BESIDE, later=now + SOON))
            elif crowded:
                self._second_at = min(self._second_at, time.monotonic())
                self._second += [row for row in rows if row.customer_id in crowded]
                rows = [row for row in rows if row.customer_id not in crowded]
            turns = turns_of(session, edition, [row.id for row in rows], now)
            verdicts = [(row, _in_turn(permission_of(row, allowed, now), turns.get(row.id))) for row in rows]
            going = [row for row, permission in verdicts if permission.allowed]
            fresh = [row.customer_id for row in going if row.customer_id in readers and not row.resent]
            chosen = self._choose(session, edition, campaign, fresh, now)
            for row in going if turns else ():
                if row.customer_id in fresh:
                    chosen[row.customer_id] = chosen.get(row.customer_id, {}) | {"variant": turns[row.id].version}
        refused = [refuse(row, permission) for row, permission in verdicts if not permission.allowed]
        if chosen:
            going = [_with_choices(row, chosen) for row in going]
        if refused or chosen:
            with self.workspace.database.write(beside=True) as session:
                apply_moves(session, refused, now)
                keep_choices(session, [(row, row.choices) for row in going if row.customer_id in chosen])
            self._count(refused)
        return press, [(row, _job(row, readers.get(row.customer_id or 0))) for row in going]

    def _crowded(
        self,
        session: Session,
        edition: Edition,
        allowed: Mapping[int, Permission],
        judge: Callable[..., dict[int, Permission]],
        zones: Mapping[int, str | None],
    ) -> set[int]:
        """To whom this mail may go now, but not if the other newsletters go that somebody has claimed for them already.

        What becomes of those is not known yet. Theirs waits until they are settled, and is then judged again.
        """
        assert edition.id is not None
        going = [person for person, said in allowed.items() if said.allowed]
        beside = claimed_beside(session, edition.id, going, self._behind) if edition.kind in BULK else {}
        if not beside:
            return set()
        said = judge(customer_ids=list(beside), zones=zones, beside=beside)
        return {person for person in beside if not said[person].allowed}

    def _choose(
        self, session: Session, edition: Edition, campaign: Campaign, people: list[int], now: datetime
    ) -> dict[int, dict[str, Any]]:
        """What is chosen for each person; nothing where the edition has nothing to choose from."""
        assert edition.id is not None
        if edition.id not in self._tips:
            self._tips = {edition.id: frozen_tips(edition)}
        names = self._tips[edition.id]
        pool = tip_pool(session, self.workspace, campaign, names, edition.id) if names else None
        if pool is None or not pool.count:
            return {}
        customers = list(load_customers(session, people).values())
        return choose_for(
            session, self.workspace, edition=edition, campaign=campaign, customers=customers, now=now, pool=pool
        )

    def _count(self, refused: list[Move]) -> None:
        final = [move.after for move in refused if move.after is not DeliveryState.QUEUED]
        self.counts.update(final)
        self.postponed += len(refused) - len(final)
        if final and self._progress is not None:
            self._progress(len(final))


def _in_turn(said: Permission, turn: Turn | None) -> Permission:
    """Whoever may go waits for the version that wins, where it is tried on others first."""
    return turn.wait if turn is not None and turn.wait is not None and said.allowed else said


def _by_edition(row: Claimed) -> int:
    return row.edition_id


def _job(row: Claimed, person: Person | None) -> Job:
    return Job(row.id, row.public_id, row.edition_id, person, row.choices)


def _with_choices(row: Claimed, chosen: Mapping[int, dict[str, Any]]) -> Claimed:
    made = chosen.get(row.customer_id or 0)
    return row if made is None else row._replace(choices=made)


def _edition(session: Session, edition_id: int) -> tuple[Edition, Campaign]:
    """The edition, but what was frozen in it only when it is asked for: it is large, and a press has it already."""
    edition = session.get_one(Edition, edition_id, options=[defer(Edition.frozen)])  # type: ignore[arg-type]
    return edition, session.get_one(Campaign, edition.campaign_id)


def permission_of(row: Claimed, allowed: Mapping[int, Permission], now: datetime) -> Permission:
    """Its own last hour first, then what the rules say of the person; a mail to no customer of ours is a test."""
    if row.expires_at is not None and row.expires_at <= now:
        return Permission(DeliveryState.EXPIRED, "expired", f"not accepted by {row.expires_at:%Y-%m-%d %H:%M} UTC")
    return YES if row.customer_id is None else allowed[row.customer_id]
