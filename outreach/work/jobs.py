"""What the desk and the lines say to each other: a job to carry, a report of what became of it, and the leave to dot.

Law: plain values, no database and no socket, so that a light process can hold them (`work.carrier`). A delivery is
named by its id alone; who holds it under which fence is known only to the desk.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ..delivery.envelope import Envelope
from ..delivery.outcome import Outcome
from ..words import DeliveryEvent, DeliveryState, FailureClass

_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def ticks() -> float:
    """Seconds that pass also while a process is stopped or the machine sleeps, equal in all processes; for leases."""
    return time.clock_gettime(_BOOT)


Person = tuple[str | None, str | None, str | None, str | None, str | None, str | None, str | dict[str, Any]]
"""A `Reader` as the database gave it: the attributes may still be the text of a JSON object."""


class Reader(NamedTuple):
    """What a letter reads of a customer."""

    address: str | None
    first_name: str | None
    last_name: str | None
    language: str | None
    country: str | None
    zone: str | None
    attributes: dict[str, Any]


def read_person(person: Person) -> Reader:
    """What a letter reads of a customer: read where the mail is rendered, not where mails are judged."""
    attributes = person[6]
    return Reader(*person[:6], json.loads(attributes) if isinstance(attributes, str) else attributes)


class Job(NamedTuple):
    """A delivery that was judged and may be carried. `relay` is the index of the relay that the desk chose for it.

    A plain tuple of it crosses a pipe.
    """

    id: int
    public_id: str
    edition_id: int
    person: Person | None
    choices: dict[str, Any]
    relay: int = 0


class Report(NamedTuple):
    """What became of a job: the event that its delivery meets in state `before`, with the words for a person.

    `reason` names the rule where the event alone does not. Not `tried`: the relay never heard of it. `ails`: the relay
    itself did not do its work ("bad"), or a person must mend it first ("stop") by `remedy`. `slows`: see `Outcome`.
    """

    job: int
    before: DeliveryState
    event: DeliveryEvent
    words: str = ""
    reason: str = ""
    failure: FailureClass | None = None
    tried: bool = False
    relay: int = 0
    ails: str = ""
    remedy: str = ""
    slows: bool = False

    def plain(self) -> tuple[Any, ...]:
        """As it crosses a pipe."""
        failure = None if self.failure is None else self.failure.value
        return (self.job, self.before.value, self.event.value, self.words, self.reason, failure, *self[6:])


def read_report(plain: tuple[Any, ...]) -> Report:
    """The report that crossed a pipe. Raises ValueError or TypeError for what is none."""
    job, before, event, words, reason, failure, tried, relay, ails, remedy, slows = plain
    kind = None if failure is None else _FAILURES[failure]
    told = (str(words), str(reason), kind, bool(tried), int(relay), str(ails), str(remedy), bool(slows))
    return Report(int(job), _STATES[before], _EVENTS[event], *told)


_STATES = {state.value: state for state in DeliveryState}
_EVENTS = {event.value: event for event in DeliveryEvent}
_FAILURES = {failure.value: failure for failure in FailureClass}


def give_back(job: Job) -> Report:
    """The job was not begun: its delivery is queued again."""
    return Report(job.id, DeliveryState.CLAIMED, DeliveryEvent.RELEASE, relay=job.relay)


def reported(job: Job, before: DeliveryState, outcome: Outcome) -> Report:
    """What the relay, or the lack of an answer, made of the job."""
    made = Report(job.id, before, outcome.event, outcome.reason, "", outcome.failure, True, job.relay)
    if outcome.stop or outcome.back_off or outcome.slows:
        return made._replace(ails=ailing(outcome), remedy=outcome.remedy, slows=outcome.slows)
    return made


def ailing(outcome: Outcome) -> str:
    """What an outcome says about the relay itself; see `Report`."""
    return "stop" if outcome.stop else "bad" if outcome.back_off else ""


def not_reached(job: Job, outcome: Outcome) -> Report:
    """The relay did not let the job come near it; another one may take it at once."""
    event, reason = DeliveryEvent.RELEASE, "its relay failed"
    told = give_back(job)._replace(event=event, words=outcome.reason, reason=reason)
    return told._replace(ails=ailing(outcome) or "bad", remedy=outcome.remedy)


class Pressed(Protocol):
    """What a press gives for one person."""

    @property
    def envelope(self) -> Envelope: ...
    @property
    def message(self) -> bytes: ...


class Press(Protocol):
    """Renders one edition's mails; raises TemplateError for a person whose mail cannot be rendered.

    Where carriers are used it crosses a pipe by pickle.
    """

    def press(self, customer: Any, public_id: str, choices: dict[str, Any], now: datetime) -> Pressed: ...
