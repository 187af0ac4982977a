"""`outreach plan`: what running sequences will send, in words: a line for each day, then who gets it later, or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from .common import counted

if TYPE_CHECKING:
    from ..work.outlook import Outlook, StepMails

MOST_DAYS = 14
LATER = {"budget": "over their budget"}


def sequence_lines(found: Outlook) -> Iterator[str]:
    """One sequence line by line."""
    more = f", {found.begin:,} more begin by then" if found.begin else ""
    title = f"{found.sequence} · sequence of {found.kind} · begins: {found.begins}"
    yield f"{title} · {counted(found.people, 'person is', 'people are')} in it{more}"
    going = counted(found.going, "mail", "mails")
    yield f"  {going}, if nobody writes, clicks or buys meanwhile" if found.mails else "  no mail is sure"
    days = [(day, list(mails)) for day, mails in groupby(found.mails, key=lambda mail: mail.day)]
    for day, mails in days[:MOST_DAYS]:
        yield f"    {day:%a %-d %b}  {', '.join(_steps(mails))}"
    rest = days[MOST_DAYS:]
    if rest:
        people = sum(mail.people for _, mails in rest for mail in mails)
        yield f"    … and {people:,} more on {counted(len(rest), 'other day', 'other days')}: --json names them all"
    for step, reason, when, count in _later(found):
        yield f"  {count:,} of them get {step} later: {LATER.get(reason, reason)}: {when}"
    for no in found.refused:
        yield f"  {no.step} not to {no.people:,}: {no.reason or no.state}"
    times = {step["step"]: step["when"] for step in found.steps}
    for hope in found.hoped:
        if hope.until is None:
            yield f"  up to {hope.people:,} get {hope.step} when its time has come, if it is so by then: {hope.event}"
        else:
            yield f"  up to {hope.people:,} get {hope.step} {times[hope.step]} (by {hope.until:%-d %b})"
    for note in found.notes:
        yield f"  {note}"


def _steps(mails: list[StepMails]) -> Iterator[str]:
    """The steps of one day, each with how many and at which hours of theirs."""
    for step in dict.fromkeys(mail.step for mail in mails):
        own = [mail for mail in mails if mail.step == step]
        hours = sorted(mail.local for mail in own)
        at = f"at {hours[0]}" if len(hours) == 1 else f"from {hours[0]} to {hours[-1]}"
        yield f"{step} to {sum(mail.people for mail in own):,} {at} local"


def _later(found: Outlook) -> Iterator[tuple[str, str, str, int]]:
    together: dict[tuple[str, str], list[tuple[date, int]]] = {}
    for one in found.later:
        together.setdefault((one.step, one.reason), []).append((one.day, one.people))
    for (step, reason), days in together.items():
        days.sort()
        when = ", ".join(f"{people:,} on {day:%a %-d %b}" for day, people in days[:5])
        when += f" and {counted(len(days) - 5, 'more day', 'more days')}" if len(days) > 5 else ""
        yield step, reason, when, sum(people for _, people in days)
