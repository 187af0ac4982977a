"""`outreach plan` and `outreach why`: the plan as a marketer reads it, and the answer for one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, counted, open_here, print_json, print_table, progress
from .plan_sequences import sequence_lines
from .plan_steps import approve, diff
from .plan_tried import tried_lines

if TYPE_CHECKING:
    from ..work.entries import Agenda, Entry, Slot
    from ..work.why import Why

plan_app = typer.Typer()
why_app = typer.Typer()
MOST_SLOTS = 10
MOST_DAYS = 5
LATER = {
    "budget": "over their budget",
    "budget of the household": "their household is over its budget",
    "budget of the company": "their company is over its budget",
    "test": "they wait for the version that wins",
}
"""How a reason for waiting is said, where its name is not enough."""
RULES = {
    "suggested_complaint": "complaints that the cues suggest",
    "confirmed_complaint": "complaints that a person confirmed",
    "reopened_complaint": "complaints that came up again",
    "no_complaint": "messages that were no complaint after all",
    "answered": "personal answers",
    "answered_topic": "topics that come first after a personal answer",
    "case_closed": "cases that were closed",
    "hold_lapsed": "holds that lapsed unconfirmed",
    "missed_occasion": "occasions missed while nothing ran",
    "thanks_asked": "people asked whether they may be quoted",
    "thanks_decided": "answers whether thanks may be quoted",
    "error_pointed": "errors in an issue that readers pointed at",
    "correction": "issues stopped or corrected for an error in them",
    "cause_fixed": "letters drafted because a cause is fixed",
    "away": "people who are away, whose newsletters wait",
    "new_address": "people to be asked for their new address",
    "trend": "topics that many write about, brought forward",
}
"""What each rule's steps are about, for a person."""


class Which(StrEnum):
    """Whose names are wanted."""

    GOING = "going"
    WITHHELD = "withheld"
    LATER = "later"
    BY_HAND = "by-hand"


plan_app.command("diff")(diff)
plan_app.command("approve")(approve)


@plan_app.callback(invoke_without_command=True)
def plan(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far to look ahead, and back.")] = 14,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None,
    who: Annotated[
        Which | None, typer.Option("--who", help="The names behind a number of the campaign's next mail, with reasons.")
    ] = None,
    ics: Annotated[
        Path | None, typer.Option("--ics", help="Write the plan to this file, for a calendar program.")
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Live through these days in a copy: nothing is sent.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """See what will go to whom, when by their own clock, what will not, and why.

    Examples:

      outreach plan

      outreach plan --campaign tips --who withheld

      outreach plan --days 30 --ics plan.ics

      outreach plan --days 30 --simulate

      outreach plan --days 30 --json
    """
    if context.invoked_subcommand is not None:
        return
    workspace = open_here()
    if who is not None:
        _names(workspace, campaign, who, as_json)
        return
    if simulate:
        _simulate(workspace, days, as_json)
        return
    agenda = _read(workspace, days, campaign)
    if ics is not None:
        _write_calendar(workspace, agenda, ics, as_json)
        return
    from ..work.by_hand import count_by_hand  # lazy: with the rest

    ahead = {entry.campaign for entry in agenda.entries}
    handed = [one for one in count_by_hand(workspace, campaign=campaign) if one.campaign in ahead]
    if as_json:
        print_json(asdict(agenda) | {"by_hand": [asdict(one) for one in handed]})
        return
    for line in agenda_lines(agenda, workspace.settings.identity.zone):
        typer.echo(line)
    for one in handed:
        typer.echo(
            f"\nBy hand, beside {one.campaign}: {one.call:,} to call, {one.write:,} to write to:"
            f" outreach plan --campaign {one.campaign} --who by-hand"
        )


def _read(workspace: Any, days: int, campaign: str | None) -> Agenda:
    from ..work.agenda import read_agenda  # lazy: SQLModel

    with progress() as bar:
        task = bar.add_task("looking ahead", total=None)
        return read_agenda(
            workspace,
            days=days,
            campaign=campaign,
            progress=lambda name: bar.update(task, description=f"looking ahead: {name}"),
        )


def _simulate(workspace: Any, days: int, as_json: bool) -> None:
    from ..work.simulate import simulate  # lazy: SQLModel

    zone = workspace.settings.identity.zone
    with progress() as bar:
        task = bar.add_task("living through it", total=None)
        lived = simulate(
            workspace, days, lambda now: bar.update(task, description=f"living through {now:%-d %b %Y %H:%M} UTC")
        )
    if as_json:
        print_json(asdict(lived))
        return
    typer.echo(
        f"Lived through {_local(lived.since, zone)} to {_local(lived.until, zone)} in a copy: nothing was sent, and "
        "nobody wrote back."
    )
    for one in lived.editions:
        typer.echo("")
        typer.echo(
            f"{one.campaign} · {one.occasion.replace('/', ' ')} · {one.state}"
            + (f": {one.reason}" if one.reason else "")
        )
        if one.sent and one.first and one.last:
            typer.echo(f"  {one.sent:,} would have gone, from {_local(one.first, zone)} to {_local(one.last, zone)}")
        for word, people in one.not_sent.items():
            typer.echo(f"  not to {people:,}: {word}")
        if one.to_go:
            typer.echo(f"  {one.to_go:,} would still have waited")
    if not lived.editions:
        typer.echo("Nothing would have gone.")
    for problem in lived.problems:
        typer.echo(f"! {problem}")


def _write_calendar(workspace: Any, agenda: Agenda, file: Path, as_json: bool) -> None:
    from ..work.team_calendar import calendar_of, count_events, feed_path  # lazy: SQLModel

    try:
        file.write_bytes(calendar_of(workspace, agenda))
    except OSError as wrong:
        raise UsageError(
            f"{file} cannot be written: {wrong.strerror}", remedy="Name a file in a folder of yours."
        ) from wrong
    public, path = workspace.settings.public, feed_path(workspace)
    link = f"{public.url.rstrip('/')}{path}" if public.linkable and path else ""
    if as_json:
        print_json({"file": str(file), "events": count_events(agenda), "link": link})
        return
    typer.echo(f"{count_events(agenda)} events are in {file}.")
    if link:
        typer.echo(f"A calendar that follows this link stays up to date (whoever has it reads the plan): {link}")
    elif path:
        typer.echo(
            "For a link that a calendar can follow, set [public] url to an https:// address and run outreach serve."
        )


@why_app.command()
def why(
    email: Annotated[str, typer.Argument(help="The customer's address.")],
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    as_json: AsJson = False,
) -> None:
    """Say why one person gets a campaign, or does not: each rule's answer, and what they have had of it.

    Example:

      outreach why ann@example.com tips
    """
    from ..work.why import explain_person  # lazy: SQLModel

    workspace = open_here()
    found = explain_person(workspace, email, campaign)
    if as_json:
        print_json(asdict(found))
        return
    for line in why_lines(found, workspace.settings.identity.zone):
        typer.echo(line)


def _names(workspace: Any, campaign: str | None, who: Which, as_json: bool) -> None:
    from ..work.plan_names import who_is  # lazy: SQLModel

    if campaign is None:
        raise typer.BadParameter("name the campaign too: outreach plan --campaign tips --who withheld")
    if who is Which.BY_HAND:
        _by_hand(workspace, campaign, as_json)
        return
    people = who_is(workspace, campaign, who.value)
    if as_json:
        print_json([asdict(person) for person in people])
        return
    print_table(
        ["address", "state", "reason", "evidence", "when (UTC)"],
        (
            [one.address, one.state, one.reason, one.evidence, f"{one.at:%Y-%m-%d %H:%M}" if one.at else ""]
            for one in people
        ),
    )


def _by_hand(workspace: Any, campaign: str, as_json: bool) -> None:
    from ..work.by_hand import name_by_hand  # lazy: SQLModel

    people = name_by_hand(workspace, campaign)
    if as_json:
        print_json([asdict(one) for one in people])
        return
    print_table(
        ["id", "name", "how", "phone", "postal address", "language", "because"],
        ([one.customer_id, one.name, one.how, one.phone, one.post, one.language, one.why] for one in people),
    )


def agenda_lines(agenda: Agenda, zone: str) -> Iterable[str]:
    """The plan in words, line by line; `zone` is the workspace's, for the days of changes."""
    yield f"The plan from {agenda.now:%-d %b %Y %H:%M} to {agenda.until:%-d %b %Y %H:%M} UTC"
    if not agenda.entries and not agenda.sequences:
        yield "Nothing is planned. Write a campaign and apply it: outreach campaigns apply FILE.md"
    for entry in agenda.entries:
        yield ""
        yield from _entry_lines(entry, zone)
    for one in agenda.sequences:
        yield ""
        yield from sequence_lines(one)
    if agenda.clashes or agenda.closed:
        yield ""
    for clash in agenda.clashes:
        yield f"! {clash.day:%a %-d %b %Y}: {clash.words}"
    for closed in agenda.closed:
        yield f"  {closed.day:%a %-d %b %Y}: no newsletters of a schedule ({closed.why})"
    for problem in agenda.problems:
        yield ""
        yield f"! {problem}"
    if agenda.changes:
        yield ""
        yield f"What changed the plan since {agenda.since:%-d %b %Y}:"
        for rule, count in agenda.changed.items():
            yield f"  {count:>5}  {RULES.get(rule, rule)}"
        yield "  the latest:"
        for change in agenda.changes[:8]:
            yield f"    {_local(change.at, zone)}  {change.who or '-'}: {change.what} ({change.reason})"


def _entry_lines(entry: Entry, zone: str) -> Iterable[str]:
    occasion = entry.occasion.replace("/", " ")
    yield f"{entry.campaign} · {entry.kind} · {occasion} · {entry.state}"
    yield f'  "{entry.subject}"' + (f": {entry.note}" if entry.note else "")
    if entry.state == "waiting":
        yield f"  a person must decide: change it, or let it go as it is: outreach send {entry.campaign} --release"
    if entry.state == "paused":
        go_on = f"waves list {entry.campaign}" if entry.waves else "steps list"
        yield f"  a person must decide: outreach {go_on} says why; send {entry.campaign} --release, or campaigns cancel"
    yield f"  to {entry.going:,} of {entry.people:,} people"
    if entry.done and entry.edition_id is not None:
        yield "  so far: " + ", ".join(f"{count:,} {state}" for state, count in entry.done.items())
    yield from _slot_lines(entry.slots)
    if entry.waves:
        yield f"  in waves of {', '.join(f'{size:,}' for size in entry.waves)} people, with a look between them"
    if entry.deadline:
        yield f"  given up where it is not accepted within {entry.deadline}"
    if entry.invites:
        yield f"  {entry.invites}"
    yield from tried_lines(entry.campaign, entry.tried, zone)
    if entry.hold_out is not None and entry.hold_out.why:
        yield f"  {entry.hold_out.why}"
    if entry.by_share:
        yield (
            "  so many people are counted by their share here; planning draws them one by one, nearly always within "
            f"{entry.off_by:,} of it"
        )
    if entry.expected is not None and entry.going:
        yield f"  {entry.expected.words}"
    for reason, count in entry.later.items():
        days = [one for one in entry.instead if one.reason == reason]
        when = ", ".join(f"{one.people:,} on {one.day:%a %-d %b}" for one in days[:MOST_DAYS])
        when += f" and {counted(len(days) - MOST_DAYS, 'more day', 'more days')}" if len(days) > MOST_DAYS else ""
        yield f"  {count:,} of them later: {LATER.get(reason, reason)}" + (f": {when}" if when else "")
    for refused in entry.refused:
        yield f"  not to {refused.people:,}: {refused.reason or refused.state}"
    if entry.before != entry.going:
        yield f"  before replies: {entry.before:,} people; after them: {entry.going:,}"
    for topic, count in entry.first.items():
        yield f"  tips on {topic} come first for {count:,}, because they wrote about it and have had an answer"
    for topic, count in entry.waiting.items():
        yield f"  tips on {topic} wait for {count:,}, until a person has answered them"


def _slot_lines(slots: Sequence[Slot]) -> Iterable[str]:
    for slot in slots[:MOST_SLOTS]:
        local = datetime.strptime(slot.local, "%Y-%m-%d %H:%M")
        when = f"{local:%H:%M} local on {local:%a %-d %b}"
        yield f"    {when}  {slot.zone:<24} {slot.people:>8,}   = {slot.at:%a %H:%M} UTC"
    rest = slots[MOST_SLOTS:]
    if rest:
        people = sum(slot.people for slot in rest)
        yield f"    … and {people:,} more in {len(rest)} other zones or hours: --json names them all"


def why_lines(why: Why, zone: str) -> Iterable[str]:
    """The answer for one person in words, line by line."""
    occasion = why.occasion.replace("once-by hand", "by hand").replace("/", " ")
    yield f"{why.email} and {why.campaign} ({why.kind}), {occasion}: {why.answer}"
    if why.allowed:
        waits = any(rule.rule == "sequence" and rule.answer == "later" for rule in why.rules)
        yield f"  it goes {'at the earliest ' if waits else ''}{why.local}"
    yield "Rules:"
    for rule in why.rules:
        until = f" (until {_local(rule.until, zone)})" if rule.until else ""
        words = f": {rule.reason}, {rule.evidence}" if rule.reason else ""
        yield f"  {rule.answer:<5} {rule.rule}{words}{until}"
    if why.tips:
        yield "Tips chosen now:"
        for tip in why.tips:
            yield f"  {tip['name']}: {tip['reason']}"
    if why.holds:
        yield "Holds:"
        for hold in why.holds:
            every = "newsletters" if hold["scope"] == "away" else "news, offers and invitations"
            about = f"tips on {hold['topic']}" if hold["topic"] else every
            yield f"  {about}: {hold['words']}"
    if why.boosts:
        yield "Comes first in the next tips:"
        for boost in why.boosts:
            yield f"  {boost['topic']} (case {boost['case']})"
    if why.deliveries:
        yield f"What they have had of {why.campaign}:"
        for mail in why.deliveries:
            yield f"  {_mail_line(mail, zone)}"
    if why.steps:
        yield "What changed their plan:"
        for step in why.steps:
            yield f"  {_local(step['at'], zone)}  {step['what']} ({step['reason']})"


def _mail_line(mail: dict[str, Any], zone: str) -> str:
    said = f"{mail['occasion'].replace('/', ' ')}: {mail['state']}"
    if mail["sent_at"]:
        said += f" {_local(mail['sent_at'], zone)}"
    if mail["reason"]:
        said += f", {mail['reason']}: {mail['evidence']}"
    if mail["tips"]:
        said += f"; tips: {', '.join(mail['tips'])}"
    return said


def _local(at: datetime, zone: str) -> str:
    from ..workdays import zone_or  # lazy: with the rest

    return f"{at.astimezone(zone_or(zone, 'UTC')):%-d %b %Y %H:%M}"
