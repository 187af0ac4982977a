"""What feeds the lines: slices of the outbox, judged again, chosen for, and rendered.

Law: one row per recipient, never a cursor; whoever is claimed is judged again with the rules that planned them, on
facts no older than the versions that the intent compares (RELIABILITY I8). Rendering happens in one thread, which
marks what it has in its hand, so that a mail that kills its worker is known (I11).
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from sqlmodel import Session

from ..delivery.envelope import Envelope
from ..errors import InputError, OutreachError, TemplateError
from ..records import YES, Campaign, DeliveryEvent, DeliveryState, Edition, Permission
from ..store.customers import CustomerRow, load_customers
from ..store.moves import Move, apply_moves, keep_choices, refuse, release
from ..store.outbox import Claimed, claim
from .choose import choose_for
from .commit import Committer
from .lines import Letter, Lines
from .presence import Presence
from .workspace import Workspace, check_may_send

SLICE_SECONDS = 20.0
"""Slices shrink to what goes out in about this time, so that a judgement is never old."""
PRESSES = 8
"""So many editions' presses are kept ready; each holds its compiled layout."""


class Pressed(Protocol):
    """What a press gives for one person."""

    @property
    def envelope(self) -> Envelope: ...
    @property
    def message(self) -> bytes: ...


class Press(Protocol):
    """Renders one edition's mails; raises TemplateError for a person whose mail cannot be rendered."""

    def press(
        self, customer: CustomerRow | None, public_id: str, choices: Mapping[str, Any], now: datetime
    ) -> Pressed: ...


class Judge(Protocol):
    """May this edition's mail go to these people now?"""

    def __call__(
        self,
        session: Session,
        workspace: Workspace,
        *,
        campaign: Campaign,
        edition: Edition,
        customer_ids: Collection[int],
        now: datetime,
    ) -> dict[int, Permission]: ...


OpenPress = Callable[[Session, Workspace, int], Press]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class _Group:
    """Rows of one edition that may go now, with all that rendering them takes."""

    press: Press
    rows: list[Claimed]
    customers: dict[int, CustomerRow]


class Feed:
    """Claims slices, judges and renders them, and hands the letters to the lines."""

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
        self._workspace, self._presence, self._committer = workspace, presence, committer
        self._edition_ids, self._lease = edition_ids, lease
        self._open_press, self._judge, self._progress = press, judge, progress
        self._presses: OrderedDict[int, Press] = OrderedDict()
        self._size = min(workspace.settings.sending.batch, max(20, 5 * workspace.settings.relay.connections))

    def run(self, lines: Lines, stopping: Callable[[], bool]) -> None:
        """Until nothing is due any more, or it must stop. What was released meanwhile is claimed and judged again."""
        while not (stopping() or lines.stopped):
            check_may_send(self._workspace)
            started = time.monotonic()
            rows = self._claim()
            if not rows:
                lines.settle(stopping)
                self._committer.flush()
                rows = self._claim()
                if not rows:
                    return
            for row, letter in self._letters(rows):
                if letter is not None and not lines.put(letter, stopping):
                    self._committer.record(release(row))
                    break
            self._adapt(len(rows), time.monotonic() - started)

    def _adapt(self, done: int, seconds: float) -> None:
        fitting = int(done / max(seconds, 0.001) * SLICE_SECONDS)
        least = max(20, 2 * self._workspace.settings.relay.connections)
        self._size = min(self._workspace.settings.sending.batch, max(least, min(fitting, 2 * self._size)))

    def _claim(self) -> list[Claimed]:
        with self._workspace.database.write() as session:
            return claim(
                session,
                edition_ids=self._edition_ids,
                owner=self._presence.name,
                limit=self._size,
                now=self._workspace.clock(),
                lease=self._lease,
            )

    def _letters(self, rows: list[Claimed]) -> Iterator[tuple[Claimed, Letter | None]]:
        """Each row that may go with its letter, or with None where it cannot be rendered."""
        for edition_id, together in groupby(sorted(rows, key=lambda row: row.edition_id), lambda row: row.edition_id):
            group = self._ready(edition_id, list(together))
            for row in group.rows:
                customer = group.customers.get(row.customer_id) if row.customer_id is not None else None
                yield row, self._render(group.press, row, customer)

    def _ready(self, edition_id: int, rows: list[Claimed]) -> _Group:
        """Judge and choose on one snapshot, later than the versions noted at the claim; write both down."""
        now = self._workspace.clock()
        people = [row.customer_id for row in rows if row.customer_id is not None]
        with self._workspace.database.read() as session:
            edition, campaign = _edition(session, edition_id)
            press = self._press(session, edition_id)
            allowed = self._judge(
                session, self._workspace, campaign=campaign, edition=edition, customer_ids=people, now=now
            )
            verdicts = [(row, _permission(row, allowed, now)) for row in rows]
            going = [row for row, permission in verdicts if permission.allowed]
            customers = load_customers(session, [row.customer_id for row in going if row.customer_id is not None])
            fresh = [customers[row.customer_id] for row in going if row.customer_id in customers and not row.resent]
            chosen = choose_for(session, self._workspace, edition=edition, campaign=campaign, customers=fresh, now=now)
        refused = [refuse(row, permission) for row, permission in verdicts if not permission.allowed]
        going = [replace(row, choices=chosen.get(row.customer_id or 0, row.choices)) for row in going]
        with self._workspace.database.write() as session:
            apply_moves(session, refused, now)
            keep_choices(session, [(row, row.choices) for row in going if row.customer_id in chosen])
        self._count(refused)
        return _Group(press, going, customers)

    def _count(self, refused: list[Move]) -> None:
        final = [move.after for move in refused if move.after is not DeliveryState.QUEUED]
        self.counts.update(final)
        self.postponed += len(refused) - len(final)
        if final and self._progress is not None:
            self._progress(len(final))

    def _render(self, press: Press, row: Claimed, customer: CustomerRow | None) -> Letter | None:
        self._presence.take(row.id)
        try:
            pressed = press.press(customer, row.public_id, row.choices, self._workspace.clock())
        except TemplateError as wrong:
            self._cannot_render(row, getattr(wrong, "variable", "") or "template", wrong)
            return None
        except InputError as wrong:
            self._cannot_render(row, "address", wrong)
            return None
        finally:
            self._presence.put_down()
        return Letter(row, pressed.envelope, pressed.message)

    def _cannot_render(self, row: Claimed, what: str, wrong: OutreachError) -> None:
        self._committer.record(
            Move(
                row,
                DeliveryState.CLAIMED,
                (DeliveryEvent.CANNOT_RENDER,),
                reason=f"render: {what}",
                evidence=wrong.message[:500],
            )
        )

    def _press(self, session: Session, edition_id: int) -> Press:
        if edition_id not in self._presses:
            self._presses[edition_id] = self._open_press(session, self._workspace, edition_id)
            if len(self._presses) > PRESSES:
                self._presses.popitem(last=False)
        self._presses.move_to_end(edition_id)
        return self._presses[edition_id]


def _edition(session: Session, edition_id: int) -> tuple[Edition, Campaign]:
    edition = session.get_one(Edition, edition_id)
    return edition, session.get_one(Campaign, edition.campaign_id)


def _permission(row: Claimed, allowed: Mapping[int, Permission], now: datetime) -> Permission:
    """Its own last hour first, then what the rules say of the person; a mail to no customer of ours is a test."""
    if row.expires_at is not None and row.expires_at <= now:
        return Permission(DeliveryState.EXPIRED, "expired", f"not accepted by {row.expires_at:%Y-%m-%d %H:%M} UTC")
    return YES if row.customer_id is None else allowed[row.customer_id]
