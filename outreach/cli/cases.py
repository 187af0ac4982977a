"""`outreach cases …`: complaints and questions, from the first message until the customer confirms."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OutreachError, UsageError
from .answers import read_text
from .case_ageing import ageing
from .case_files import attachments
from .case_merge import merge
from .case_promises import promise, promise_json, promises
from .case_views import case_json, due_words, escalation_json, local, print_case, print_list, row
from .channel_views import case_reach, origins_json
from .common import AsJson, check_states, me, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..records import CaseState
    from ..work.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Complaints and questions as cases, until they are solved."
)

CaseId = Annotated[int, typer.Argument(metavar="ID", help="The case's number, as `cases list` shows it.")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Also while somebody else is answering.")]
STATES = ("new", "open", "waiting", "solved", "confirmed", "dismissed")
CUT = "# ------ what is below this line is not sent ------"


@app.command("list")
def list_cases(
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only this state ({', '.join(STATES)}, or all); may be repeated.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner's; - gives those that nobody owns.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those where the customer waits too long.")] = False,
    as_json: AsJson = False,
) -> None:
    """List cases in the order in which they are to be worked on: harm, then what is due first, then age.

    Without --state: all but those that are closed. How often or how loudly somebody writes moves nothing. Every few
    places (`oldest_share` in [cases]) one goes to whoever has waited longest, so that nobody waits for ever.

    Example: [bold]outreach cases list --overdue --owner maria[/bold]
    """
    from ..cases.clock import is_overdue  # lazy, as all below: SQLModel takes most of a second
    from ..cases.rank import rank_cases
    from ..store import cases as kept
    from ..work.triage import turns

    workspace = open_here()
    now = workspace.clock()
    whose = "" if owner == "-" else owner
    with workspace.database.read() as session:
        rows = kept.list_cases(session, states=_states(state or []), owner=whose)
        turn_of = {turn.case.id: (place, turn) for place, turn in enumerate(turns(session, workspace, whose))}
    people = {case.id: customer for case, customer in rows}
    last = len(turn_of)
    ranked = sorted(rank_cases(case for case, _ in rows), key=lambda case: turn_of.get(case.id, (last, None))[0])
    ranked = [case for case in ranked if not overdue or is_overdue(case, now)]
    oldest = {number for number, (_, turn) in turn_of.items() if turn.oldest}
    if as_json:
        values = [case_json(workspace, case, people[case.id], now) for case in ranked]
        print_json([value | {"waited_longest": value["id"] in oldest} for value in values])
        return
    if not ranked:
        typer.echo("No case is overdue." if overdue else "No case is open: nobody waits for an answer.")
        return
    shown = [row(workspace, case, people[case.id], now) for case in ranked]
    for line in shown:
        line["due"] += " · has waited longest" if int(line["case"]) in oldest else ""
    print_list(shown)


@app.command("escalate")
def escalate_cases(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done; nothing is changed.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Tell more people of cases that wait too long, each level of a case's rule once. `outreach run` does it by itself.

    The rules are [[escalations]] in outreach.toml; look at them with --dry-run before they act.

    Example: [bold]outreach cases escalate --dry-run[/bold]
    """
    from ..work.escalate import escalate, what_is_due  # lazy
    from ..work.notices import tell_colleagues

    workspace = open_here()
    if dry_run:
        with workspace.database.read() as session:
            found = what_is_due(session, workspace, workspace.clock())
    else:
        found = escalate(workspace)
        tell_colleagues(workspace)
    rows = [escalation_json(due) for due in found]
    if as_json:
        print_json({"dry_run": dry_run, "levels": rows})
    elif not rows:
        typer.echo("Nothing to escalate: nobody waits longer than the rules allow.")
    else:
        print_table(list(rows[0]), [[", ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows])
        typer.echo("This was a dry run: nothing was done." if dry_run else "Their mails leave with the next run.")


@app.command()
def show(case_id: CaseId, as_json: AsJson = False) -> None:
    """Show a case: what was said and done, its clocks, and what it changes in the plan.

    Example: [bold]outreach cases show 7[/bold]
    """
    from ..cases.clock import durations  # lazy
    from ..store import cases as kept
    from ..store.promises import promises_of
    from ..work.casework import case_desk, find_case

    workspace = open_here()
    now = workspace.clock()
    with workspace.database.read() as session:
        case = find_case(session, case_id)
        at_work = case_desk(session, workspace, case.owner).at_work
        customer = kept.customer_of(session, case)
        entries = kept.entries_of(session, case_id)
        holds, steps = kept.holds_and_steps(session, case_id)
        promised = promises_of(session, case_id)
        messages = {each.id: each for each in kept.inbounds_of(session, case_id) if each.id}
    moves = [(entry.at, entry.event) for entry in entries if entry.event is not None]
    taken = durations(case, moves, at_work)
    if as_json:
        value = case_json(workspace, case, customer, now)
        value["first_answer_hours"], value["solution_hours"] = taken.first_answer, taken.solution
        value["entries"] = [
            entry.model_dump(include={"at", "kind", "event", "by", "text", "link", "inbound_id", "delivery_id"})
            for entry in entries
        ]
        value["reach"], value["messages"] = case_reach(list(messages.values())), origins_json(messages.values())
        value["promises"] = [promise_json(one) for one in promised]
        value["holds"] = [hold.model_dump(exclude={"customer_id", "case_id"}) for hold in holds]
        value["steps"] = [step.model_dump(include={"at", "rule", "state", "what", "reason"}) for step in steps]
        print_json(value)
        return
    print_case(workspace, case, customer, now, taken, entries, steps, messages, promised)


@app.command()
def assign(
    case_id: CaseId, who: Annotated[str, typer.Argument(metavar="WHO", help="The new owner.")], by: By = ""
) -> None:
    """Give a case to somebody.

    Example: [bold]outreach cases assign 7 maria[/bold]
    """
    from ..work.answer import assign_case  # lazy

    workspace = open_here()
    assign_case(workspace, case_id, who, by or me())
    _tell(workspace, case_id)


@app.command()
def answer(
    case_id: CaseId,
    text: Annotated[str, typer.Option("--text", help="What to write; without it your editor opens.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A UTF-8 text file to send; - reads from a pipe.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="You asked the customer something: the clock stands.")] = False,
    resolve: Annotated[bool, typer.Option("--resolve", help="This solves it.")] = False,
    to: Annotated[str, typer.Option("--to", help="Another address that wrote in this case; else the customer's.")] = "",
    use: Annotated[str, typer.Option("--use", metavar="NAME", help="An answer kept ready: `answers list`.")] = "",
    later: Annotated[bool, typer.Option("--later", help="Only queue it; it leaves with the next run.")] = False,
    anyway: Anyway = False,
    by: By = "",
) -> None:
    """Answer the customer by mail, threaded below what they wrote, through the same outbox as every mail.

    With --resolve the mail asks "did this fix it?", with a link for yes and one for no. What reads like a promise is
    told, so that you can note it. While you write in your editor the case is marked as being answered by you.

    Example: [bold]outreach cases answer 7 --text "A new cable is on its way." --resolve[/bold]
    """
    from ..records import CaseEvent  # lazy
    from ..work.answer import answer as send_answer
    from ..work.answer import take_case
    from ..work.promises import told_of_suggestions

    if wait and resolve:
        raise UsageError("--wait and --resolve exclude each other", remedy="Is it solved, or do you ask something?")
    if use and (text or file):
        raise UsageError("--use stands in the place of --text and --file")
    workspace = open_here()
    who = by or me()
    if not (use or text or file):
        take_case(workspace, case_id, who, anyway=anyway)
    then = CaseEvent.WAIT if wait else CaseEvent.RESOLVE if resolve else None
    said = "" if use else _text(workspace, case_id, text, file)
    done = send_answer(workspace, case_id, said, who, to=to, then=then, anyway=anyway, use=use)
    typer.echo(_leave(workspace, done.delivery_id, later=later))
    _tell(workspace, case_id)
    for words in told_of_suggestions(done.promises, workspace):
        typer.echo(words)


@app.command()
def take(case_id: CaseId, anyway: Anyway = False, by: By = "") -> None:
    """Mark a case as being answered by you, so that nobody else answers it meanwhile. The mark lapses by itself.

    Example: [bold]outreach cases take 7[/bold]
    """
    from ..work.answer import take_case  # lazy

    workspace = open_here()
    until = take_case(workspace, case_id, by or me(), anyway=anyway)
    typer.echo(f"Case {case_id} is yours to answer until {local(workspace, until)}.")


@app.command()
def leave(case_id: CaseId) -> None:
    """Take the mark off again: nobody is answering this case.

    Example: [bold]outreach cases leave 7[/bold]
    """
    from ..work.answer import leave_case  # lazy

    leave_case(open_here(), case_id)
    typer.echo(f"Nobody is answering case {case_id}.")


@app.command()
def note(
    case_id: CaseId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to write down.")],
    answered: Annotated[bool, typer.Option("--answered", help="You told the customer so, by phone or in person.")] = (
        False
    ),
    link: Annotated[str, typer.Option(help="You answered in public: where it can be read. Counts as --answered.")] = "",
    by: By = "",
) -> None:
    """Write something down in a case; with --answered it counts as a personal answer, and so does one in public.

    Example: [bold]outreach cases note 7 "Called her: the cable was loose." --answered[/bold]
    """
    from ..work import answer as work  # lazy

    workspace = open_here()
    if answered or link:
        work.note_answer(workspace, case_id, text, by or me(), link=link)
    else:
        work.note(workspace, case_id, text, by or me())
    _tell(workspace, case_id)


@app.command()
def wait(case_id: CaseId, by: By = "") -> None:
    """Wait for the customer: the only pause of a case's clocks. Their next message ends it.

    Example: [bold]outreach cases wait 7[/bold]
    """
    _change(case_id, "wait", by, "")


@app.command()
def resolve(case_id: CaseId, note: Annotated[str, typer.Option("--note", help="How.")] = "", by: By = "") -> None:
    """Say that it is solved; what the case held in the plan is lifted. The customer has the last word.

    Example: [bold]outreach cases resolve 7 --note "new cable sent"[/bold]
    """
    _change(case_id, "resolve", by, note)


@app.command()
def confirm(
    case_id: CaseId, note: Annotated[str, typer.Option("--note", help="Who said so.")] = "", by: By = ""
) -> None:
    """The customer said that it is solved. No answer is not a yes.

    Example: [bold]outreach cases confirm 7 --note "she wrote: works now"[/bold]
    """
    _change(case_id, "confirm", by, note)


@app.command()
def reopen(case_id: CaseId, note: Annotated[str, typer.Option("--note", help="Why.")] = "", by: By = "") -> None:
    """It is not solved after all: the clocks go on, and what the case held is held again.

    Example: [bold]outreach cases reopen 7[/bold]
    """
    _change(case_id, "reopen", by, note)


@app.command()
def dismiss(case_id: CaseId, note: Annotated[str, typer.Option("--note", help="Why.")] = "", by: By = "") -> None:
    """It is neither a complaint nor a question after all.

    Example: [bold]outreach cases dismiss 7 --note "meant for another company"[/bold]
    """
    _change(case_id, "dismiss", by, note)


app.command()(merge)
app.command()(ageing)
app.command()(attachments)
app.command()(promise)
app.command()(promises)


def _change(case_id: int, event: str, by: str, note: str) -> None:
    from ..records import CaseEvent  # lazy
    from ..work.answer import change_state

    workspace = open_here()
    change_state(workspace, case_id, CaseEvent(event), by or me(), note)
    _tell(workspace, case_id)


def _tell(workspace: Workspace, case_id: int) -> None:
    from ..work.casework import find_case  # lazy

    with workspace.database.read() as session:
        case = find_case(session, case_id)
    due = due_words(workspace, case, workspace.clock())
    owed = f"; {'it ' if case.waiting_since is not None else 'due '}{due}" if due else ""
    typer.echo(f"Case {case.id} is {case.state}, owned by {case.owner or 'nobody'}{owed}.")


def _leave(workspace: Workspace, delivery_id: int, *, later: bool) -> str:
    """Send the answer now, unless `later`; in words what became of it."""
    from ..records import Delivery, DeliveryState, Edition  # lazy
    from ..work.send import send_open

    with workspace.database.read() as session:
        edition_id = session.get_one(Delivery, delivery_id).edition_id
        to = session.get_one(Edition, edition_id).frozen["to"]
    if later:
        return f"Queued for {to}: it leaves with the next `outreach run`."
    try:
        send_open(workspace, edition_ids=[edition_id])
    except OutreachError as wrong:
        return f"Queued, not sent yet: {wrong.message}. It leaves with the next `outreach run`."
    with workspace.database.read() as session:
        delivery = session.get_one(Delivery, delivery_id)
    if delivery.state is DeliveryState.SENT:
        return f"Sent to {to}."
    why = delivery.evidence or delivery.response or delivery.reason
    return f"The answer is {str(delivery.state).replace('_', ' ')}{': ' + why if why else ''}."


def _text(workspace: Workspace, case_id: int, text: str, file: Path | None) -> str:
    return read_text(text, file) if text or file else _from_editor(workspace, case_id)


def _from_editor(workspace: Workspace, case_id: int) -> str:
    """What a person writes in their editor, above what the customer wrote."""
    from ..store import cases as kept  # lazy
    from ..work.casework import find_case

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("no text given", remedy="Use --text or --file, or set EDITOR to your editor.")
    with workspace.database.read() as session:
        find_case(session, case_id)
        said = [each.text for each in kept.inbounds_of(session, case_id)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answer-{case_id}.txt"
        path.write_text("\n\n" + "\n".join([CUT, *said]) + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
        except (OSError, subprocess.CalledProcessError) as wrong:
            raise UsageError(f"the editor {editor} failed: {wrong}", remedy="Use --text or --file.") from None
        return path.read_text(encoding="utf-8").partition(CUT)[0]


def _states(names: list[str]) -> list[CaseState] | None:
    from ..records import CaseState  # lazy

    if "all" in names:
        return None
    check_states(names, (*STATES, "all"), "a case")
    return [CaseState(name) for name in names or STATES[:4]]
