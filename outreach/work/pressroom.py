"""Where mails are rendered: the presses of the editions at hand, one mail at a time.

Law: while a mail is rendered its delivery is marked in memory that outlives the process, so that a mail that kills
its worker is known (RELIABILITY I11). A mail that cannot be rendered is a report, not an exception.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn, Protocol

from ..errors import InputError, OutreachError, TemplateError
from ..words import DeliveryEvent, DeliveryState
from ..workdays import Clock
from .jobs import Job, Press, Pressed, Report, read_person


class Hand(Protocol):
    """Marks what is being rendered; see `work.presence`."""

    def take(self, delivery_id: int) -> None: ...
    def put_down(self) -> None: ...


class PressRoom:
    """The presses by edition; one thread renders."""

    def __init__(self, hand: Hand, clock: Clock) -> None:
        self._hand, self._clock = hand, clock
        self._presses: dict[int, Press] = {}

    def learn(self, edition_id: int, press: Press) -> None:
        """Keep the press of an edition until it is forgotten."""
        self._presses[edition_id] = press

    def forget(self, edition_id: int) -> None:
        """Let go of an edition's press: no job of it is left."""
        self._presses.pop(edition_id, None)

    def press(self, job: Job) -> Pressed | Report:
        """The mail of a job, or why there is none."""
        self._hand.take(job.id)
        try:
            reader = None if job.person is None else read_person(job.person)
            return self._presses[job.edition_id].press(reader, job.public_id, job.choices, self._clock())
        except TemplateError as wrong:
            return _cannot(job, getattr(wrong, "variable", "") or "template", wrong)
        except InputError as wrong:
            return _cannot(job, "address", wrong)
        finally:
            self._hand.put_down()


class NoPress:
    """In place of a press that cannot be made: the mails of its edition are withheld, and the others' go on."""

    def __init__(self, words: str) -> None:
        self.words = words

    def press(self, customer: Any, public_id: str, choices: dict[str, Any], now: datetime) -> NoReturn:
        """Raises TemplateError, always."""
        raise TemplateError(self.words)


def _cannot(job: Job, what: str, wrong: OutreachError) -> Report:
    event = DeliveryEvent.CANNOT_RENDER
    return Report(job.id, DeliveryState.CLAIMED, event, wrong.message[:500], f"render: {what}", relay=job.relay)
