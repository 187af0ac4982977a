"""How a case looks at a terminal: a row of the list, a JSON object, the whole file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from .channel_views import case_reach, origin_lines
from .common import print_table, printable

if TYPE_CHECKING:
    from ..cases.clock import Durations
    from ..records import Case, CaseEntry, Customer, Inbound, Promise, Step
    from ..work.escalate import Due
    from ..work.workspace import Workspace


def print_list(rows: Sequence[dict[str, str]]) -> None:
    """The list: two lines a case on a terminal, one with every column in a pipe."""
    if not sys.stdout.isatty():
        print_table(list(rows[0]), [list(each.values()) for each in rows])
        return
    lines = []
    for each in rows:
        due = each["due"].replace(" (overdue)", "\noverdue").replace(" · ", "\n")
        due = due.replace("the customer since ", "the customer\nsince ")
        about = f" about {each['topic']}" if each["topic"] else ""
        urgency = f" · {each['urgency']}" if each["urgency"] else ""
        what = f"{each['what']}{about}, {each['from']}{urgency}\n{each['summary']}"
        owner = each["owner"].replace(" (", "\n(")
        lines.append([each["case"], due, f"{each['state']}\n{each['age']}", owner, what])
    print_table(["case", "due", "state", "owner", "what"], lines)


def print_case(
    workspace: Workspace,
    case: Case,
    customer: Customer | None,
    now: datetime,
    taken: Durations,
    entries: Sequence[CaseEntry],
    steps: Sequence[Step],
    messages: Mapping[int, Inbound],
    promised: Sequence[Promise],
) -> None:
    """The whole file of a case. `messages`: what came in, by number."""
    typer.echo(f"Case {case.id}: {case.category}{' about ' + case.topic if case.topic else ''}, {case.state}")
    typer.echo(f"  from     {person(case, customer)}")
    typer.echo(f"  owner    {case.owner or 'nobody'}")
    if answering(case, now) and case.answering_until is not None:
        typer.echo(
            f"  marked   {printable(case.answering_by)} is answering, until {local(workspace, case.answering_until)}"
        )
    if reach := case_reach(list(messages.values())):
        typer.echo(f"  reach    {reach:,} people may have read of it")
    typer.echo(f"  urgency  {case.urgency}")
    typer.echo(f"  opened   {local(workspace, case.opened_at)}, age {age(now, case.closed_at, case.opened_at)}")
    typer.echo(f"  due      {due_words(workspace, case, now) or 'nothing is owed now'}")
    if taken.first_answer is not None:
        typer.echo(f"  answered after {taken.first_answer:.1f} business hours")
    if taken.solution is not None:
        typer.echo(f"  solved   after {taken.solution:.1f} business hours, waiting for the customer left out")
    for one in promised:
        late = " (late)" if one.due_at < now and one.state in ("made", "suggested") else ""
        due = f"{local(workspace, one.due_at)}{late}"
        typer.echo(f"  promise  {one.id}, {one.state}, by {due}: {printable(one.text)}")
    for entry in entries:
        typer.echo(f"\n{local(workspace, entry.at)}  {entry.event or entry.kind}  {printable(entry.by)}")
        about = origin_lines(messages.get(entry.inbound_id or 0), customer) if entry.event == "message" else []
        link = [printable(entry.link)] if entry.link else []
        for line in [*about, *printable(entry.text).splitlines(), *link]:
            typer.echo(f"    {line}")
    if steps:
        typer.echo("\nWhat it changed in the plan:")
    for step in steps:
        typer.echo(f"  {local(workspace, step.at)}  {step.what} ({step.reason})")


def row(workspace: Workspace, case: Case, customer: Customer | None, now: datetime) -> dict[str, str]:
    """What the list says of a case."""
    return {
        "case": str(case.id),
        "state": str(case.state),
        "due": due_words(workspace, case, now),
        "age": age(now, case.closed_at, case.opened_at),
        "urgency": "" if case.urgency == "normal" else str(case.urgency),
        "what": str(case.category),
        "topic": case.topic,
        "owner": (case.owner or "nobody") + (f" ({who} is answering)" if (who := answering(case, now)) else ""),
        "from": person(case, customer),
        "summary": printable(case.summary[:70]),
    }


def answering(case: Case, now: datetime) -> str:
    """Who is answering a case just now, or nobody ("")."""
    held = case.answering_until is not None and case.answering_until > now
    return printable(case.answering_by) if held else ""


def case_json(workspace: Workspace, case: Case, customer: Customer | None, now: datetime) -> dict[str, Any]:
    """A case for a program."""
    from ..cases.clock import is_overdue  # lazy

    value: dict[str, Any] = case.model_dump(exclude={"customer_id", "version"})
    value["customer"] = customer.address if customer is not None else None
    value["overdue"] = is_overdue(case, now)
    value["age_hours"] = round(((case.closed_at or now) - case.opened_at).total_seconds() / 3600, 2)
    value["due_local"] = local(workspace, case.due_at)
    return value


def escalation_json(due: Due) -> dict[str, Any]:
    """A level of escalation for a program, and as a row."""
    return {
        "case": due.case.id,
        "category": str(due.case.category),
        "topic": due.case.topic,
        "owner": due.case.owner,
        "rule": due.rule,
        "level": due.level.number,
        "hours": round(due.level.hours, 1),
        "to": [one.name for one in due.to],
        "trouble": due.trouble,
    }


def person(case: Case, customer: Customer | None) -> str:
    """Whose case it is."""
    if customer is None:
        return printable(str(case.author))
    if customer.erased_at is not None:
        return "erased"
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return printable(f"{name} <{customer.address}>") if name else str(customer.address or case.author)


def due_words(workspace: Workspace, case: Any, now: datetime) -> str:
    """When we owe the customer a word, or for whom the case waits; empty where nothing is owed."""
    from ..cases.clock import is_overdue, owed_at  # lazy

    if case.waiting_since is not None:
        return f"waits for the customer since {local(workspace, case.waiting_since)}"
    if case.state not in ("new", "open"):
        return ""
    return local(workspace, owed_at(case)) + (" (overdue)" if is_overdue(case, now) else "")


def local(workspace: Workspace, instant: datetime) -> str:
    """An instant on the workspace's wall clock."""
    here = instant.astimezone(workspace.working_hours.zone)
    return f"{here:%a} {here.day} {here:%b %H:%M}"


def age(now: datetime, closed_at: datetime | None, opened_at: datetime) -> str:
    """How old a case is, or was when it was closed."""
    hours = ((closed_at or now) - opened_at).total_seconds() / 3600
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"
