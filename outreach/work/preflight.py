"""Every mail of an edition tried before the first leaves: who cannot be written to, and for want of which variable.

Law: rendered in a child process with limits, each in the version that the person was dealt; who waits for the one that
wins fails only where none can be rendered. Up to `preflight_all_up_to` people all are tried; above that the data of
all is scanned, a few of each shape of data and a sample are tried, and of a shape that fails everybody.
"""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from ..newsletter.plates import person_values
from ..plan.variants import REST
from ..records import Campaign, Edition
from ..store.campaigns import queued_people
from ..store.customers import CustomerRow, load_customers
from ..store.database import rows_in_chunks
from ..store.versions import versions_of_people
from .choose import choose_for
from .letter import mail_links
from .press import READY, chosen_tips
from .trial import Trial, TrialFault, TrialPerson
from .workspace import Workspace

Progress = Callable[[int], None]
OF_EACH_SHAPE = 3
SAMPLE = 2000
CHUNK = 200


@dataclass(frozen=True)
class Preflight:
    """`checked` people were tried or scanned; `failing` maps a customer's id to the variable and words."""

    checked: int
    failing: dict[int, tuple[str, str]]


class _Stopped(Exception):
    """The template is not fit to run at all."""


class _Flight:
    def __init__(self, session: Session, workspace: Workspace, edition: Edition, trial: Trial) -> None:
        self.session, self.workspace, self.edition, self.trial = session, workspace, edition, trial
        self.campaign = session.get_one(Campaign, edition.campaign_id)
        self.failing: dict[int, tuple[str, str]] = {}
        self.tried: set[int] = set()
        self.versions = list(edition.frozen.get("versions") or ())

    def try_people(self, ids: Sequence[int], progress: Progress | None = None) -> None:
        """Try these people's mails, once each."""
        for part in rows_in_chunks([person for person in dict.fromkeys(ids) if person not in self.tried], CHUNK):
            customers = load_customers(self.session, part)
            people = [customers[person] for person in part if person in customers]
            dealt = self.dealt(part)
            found = self._failing(people, dealt)
            for person, fault in zip(people, found, strict=True):
                if fault is not None:
                    self.failing[person.id] = (_variable(fault), fault.words)
            self.tried.update(part)
            if any(fault is not None and fault.fatal for fault in found):
                raise _Stopped
            if progress is not None:
                progress(len(part))

    def dealt(self, ids: Sequence[int]) -> Mapping[int, str]:
        """The version that each of these people was dealt; nothing of an edition that has but one."""
        return versions_of_people(self.session, self.edition.id or 0, ids) if self.versions else {}

    def _failing(self, people: Sequence[CustomerRow], dealt: Mapping[int, str]) -> list[TrialFault | None]:
        """For each of these people None, or why their mail cannot be rendered."""
        requests = [
            replace(request, version=dealt.get(person.id, ""))
            for person, request in zip(people, self._requests(people), strict=True)
        ]
        found = self.trial.failing(requests)
        for version in self.versions:
            waiting = [at for at, one in enumerate(requests) if one.version == REST and _may_pass(found[at])]
            others = self.trial.failing([replace(requests[at], version=version) for at in waiting]) if waiting else []
            for at, fault in zip(waiting, others, strict=True):
                found[at] = None if fault is None else found[at]
        return found

    def _requests(self, people: Sequence[CustomerRow]) -> list[TrialPerson]:
        choices = choose_for(
            self.session,
            self.workspace,
            edition=self.edition,
            campaign=self.campaign,
            customers=people,
            now=self.workspace.clock(),
        )
        links = mail_links(self.workspace, self.edition.public_id)
        return [
            TrialPerson(person_values(person), chosen_tips(choices.get(person.id) or {}), links) for person in people
        ]


def preflight(workspace: Workspace, edition_id: int, progress: Progress | None = None) -> Preflight:
    """Try the queued mails of an edition. A template that cannot run at all fails everybody."""
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        if edition.frozen.get("method") == READY:
            return Preflight(0, {})
        ids = array("q")  # a million people are 8 MB so, and 40 as a list
        for page in queued_people(session, edition_id):
            ids.extend(page)
        with Trial(edition.frozen, issue_number=edition.number) as trial:
            flight = _Flight(session, workspace, edition, trial)
            try:
                if len(ids) <= workspace.settings.sending.preflight_all_up_to:
                    flight.try_people(ids, progress)
                else:
                    _try_shapes(flight, ids, progress)
            except _Stopped:
                variable, words = next(reversed(flight.failing.values()))
                return Preflight(len(flight.tried), dict.fromkeys(flight.tried, (variable, words)))
    return Preflight(len(ids), flight.failing)


def _try_shapes(flight: _Flight, ids: Sequence[int], progress: Progress | None) -> None:
    """Scan everybody's data; try a few of each shape, a sample, and all of the shapes that fail."""
    shapes: dict[str, array[int]] = {}
    for start in range(0, len(ids), 2000):
        part = ids[start : start + 2000]
        dealt = flight.dealt(part)
        for person, row in load_customers(flight.session, part).items():
            shapes.setdefault(f"{_shape(row)}|{dealt.get(person, '')}", array("q")).append(person)
        if progress is not None:
            progress(len(part))
    chance = random.Random(flight.edition.public_id)
    few = [person for members in shapes.values() for person in members[:OF_EACH_SHAPE]]
    flight.try_people([*few, *(ids[place] for place in chance.sample(range(len(ids)), min(SAMPLE, len(ids))))])
    for members in shapes.values():
        if any(person in flight.failing for person in members):
            flight.try_people(members)


def _shape(row: CustomerRow) -> str:
    """Which values a customer has, and the language and country, which templates ask for."""
    values: Mapping[str, object] = person_values(row)
    return f"{','.join(sorted(values))}|{row.language}|{row.country}"


def _may_pass(fault: TrialFault | None) -> bool:
    """Whether who fails so may yet be written to in another version."""
    return fault is not None and not fault.fatal


def _variable(fault: TrialFault) -> str:
    return fault.variable or "template"


def try_everyone(trial: Trial, people: Sequence[TrialPerson]) -> Counter[TrialFault]:
    """How many of these people each fault meets; the remedy is the first one's."""
    found: Counter[TrialFault] = Counter()
    known: dict[tuple[str, str], TrialFault] = {}
    for part in rows_in_chunks(list(people), CHUNK):
        faults = [fault for fault in trial.failing(part) if fault is not None]
        found.update(known.setdefault((fault.variable, fault.words), fault) for fault in faults)
        if any(fault.fatal for fault in faults):
            break
    return found
