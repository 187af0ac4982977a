"""`outreach campaigns`: newsletters as Markdown files, checked, previewed and tested before anybody gets them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutreachError, UsageError
from .applied import applied_json, tell_notes
from .common import AsJson, Yes, confirm, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..work.proof import Proof
    from ..work.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Write, check, preview and test newsletters.")

Name = Annotated[str, typer.Argument(help="A campaign's name, or a Markdown file that is not applied yet.")]
As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Show it as this customer gets it.")]


@app.command()
def apply(
    paths: Annotated[list[Path], typer.Argument(help="Markdown files, or folders of them.")], as_json: AsJson = False
) -> None:
    """Keep campaigns that stand in Markdown files. Applied twice, the second time changes nothing.

    Images beside a file are embedded: ![What it shows](pump.png)

    Example: [bold]outreach campaigns apply templates/campaigns/tips.md[/bold]
    """
    from ..work.compose import apply_campaign  # lazy, as all below: SQLModel takes most of a second
    from ..work.doubts import doubts_kept
    from ..work.doubts_ahead import doubts_ahead, occasions_ahead
    from ..work.files import markdown_files

    workspace = open_here()
    applied = [apply_campaign(workspace, path) for path in markdown_files(paths)]
    names = [each.name for each in applied]
    notes, ahead = doubts_kept(workspace, "campaign", names), doubts_ahead(workspace, "campaign", names)
    if as_json:
        print_json(applied_json(applied, notes, ahead))
        return
    coming = occasions_ahead(workspace, names)
    for each in applied:
        typer.echo(f"{each.change:<9}  {each.name}  ({each.file})")
        if each.name in coming:
            typer.echo(f"goes       {coming[each.name]}")
    tell_notes(applied, notes, ahead)
    if applied and applied[0].change != "unchanged":
        typer.echo(f"Next: outreach campaigns check {applied[0].name}")


@app.command("list")
def list_campaigns(as_json: AsJson = False) -> None:
    """List the campaigns: kind, list, schedule, state.

    Example: [bold]outreach campaigns list --json[/bold]
    """
    from ..store.campaigns import composed_campaigns, list_names_by_id

    workspace = open_here()
    with workspace.database.read() as session:
        lists = list_names_by_id(session)
        rows: list[dict[str, Any]] = [
            {
                "name": campaign.name,
                "kind": campaign.kind,
                "state": campaign.state,
                "list": lists.get(campaign.list_id or 0, ""),
                "segment": campaign.segment,
                "schedule": campaign.schedule,
                "zone": campaign.zone,
                "topics": campaign.topics,
                "deadline": campaign.options.get("deadline") or "",
                "subject": campaign.subject,
                "file": campaign.source_path,
                "updated_at": campaign.updated_at,
            }
            for campaign in composed_campaigns(session)
        ]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "kind", "state", "list", "schedule", "subject")
    print_table(columns, [[row[column] for column in columns] for row in rows])
    if not rows:
        typer.echo(
            "No campaigns yet. Write one, or take a starter: outreach campaigns apply templates/campaigns", err=True
        )


@app.command()
def check(
    name: Name,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the web whether links are alive.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a campaign: links, postal address, unsubscribing, alternative texts, size, sender, every customer's data.

    Errors end with exit status 1; warnings do not.

    Example: [bold]outreach campaigns check tips --offline[/bold]
    """
    from ..work.check import check_campaign
    from ..work.proof import find_draft

    workspace = open_here()
    draft = find_draft(workspace, name)
    faults = check_campaign(workspace, draft, fetch=not offline)
    errors = [fault for fault in faults if fault.level == "error"]
    if as_json:
        print_json(
            {
                "campaign": draft.campaign.name,
                "ok": not errors,
                "faults": [
                    {"level": each.level, "rule": each.rule, "words": each.words, "where": each.where}
                    for each in faults
                ],
            }
        )
    else:
        for each in faults:
            where = f"  [{each.where}]" if each.where else ""
            typer.echo(f"{each.level:<7}  {each.rule:<14}  {each.words}{where}")
        count = f"{len(errors)} errors, {len(faults) - len(errors)} warnings" if faults else "nothing to mend"
        typer.echo(f"{draft.campaign.name}: {count}")
    if errors:
        raise typer.Exit(1)


@app.command()
def preview(
    name: Name,
    address: As = "",
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to; else `preview`.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show a page that reloads while the file is being written.")
    ] = False,
    version: Annotated[str, typer.Option("--version", help="Another version of it, such as b.")] = "",
    port: Annotated[int, typer.Option("--port", help="The port of --watch; 0 takes any that is free.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the exact mail of one customer as HTML, text and raw, or watch it while writing.

    Example: [bold]outreach campaigns preview tips --as ann@example.com --open[/bold]   or
    [bold]outreach campaigns preview templates/campaigns/tips.md --watch[/bold]
    """
    from ..work.proof import find_draft, prove

    workspace = open_here()
    if watch:
        _watch(workspace, name, address, port)
        return
    proof = prove(workspace, find_draft(workspace, name), address, version)
    files = write_proof(out or workspace.root / "preview", proof)
    if as_json:
        print_json(
            {
                "campaign": proof.campaign,
                "customer": proof.customer,
                "subject": proof.rendered.subject,
                "preheader": proof.rendered.preheader,
                "bytes": len(proof.pressed.message),
                "html": files["html"],
                "text": files["txt"],
                "raw": files["eml"],
            }
        )
    else:
        typer.echo(f"As        {proof.customer or 'nobody in particular'}")
        typer.echo(f"Subject   {proof.rendered.subject}")
        typer.echo(f"Deadline  {proof.deadline}")
        for path in files.values():
            typer.echo(f"          {path}")
    if open_it:
        typer.launch(files["html"].as_uri())


@app.command()
def test(
    name: Name,
    to: Annotated[list[str], typer.Option("--to", metavar="EMAIL", help="A colleague's address; may be repeated.")],
    address: As = "",
    as_json: AsJson = False,
) -> None:
    """Send the exact mail to a colleague, through the real relay. No customer gets it.

    Example: [bold]outreach campaigns test tips --to me@example.com --as ann@example.com[/bold]
    """
    from ..work.proof import find_draft, outcome_of, queue_test
    from ..work.send import send_open

    workspace = open_here()
    draft = find_draft(workspace, name)
    queued = [queue_test(workspace, draft, to=each, address=address) for each in to]
    with workspace.database.read() as session:
        editions = [outcome_of(session, each).edition_id for each in queued]
    send_open(workspace, edition_ids=editions)
    with workspace.database.read() as session:
        outcomes = [(each, outcome_of(session, delivery)) for each, delivery in zip(to, queued, strict=True)]
    if as_json:
        print_json(
            [
                {"to": each, "state": row.state, "response": row.response, "reason": row.reason or row.evidence}
                for each, row in outcomes
            ]
        )
    else:
        for each, row in outcomes:
            typer.echo(f"{row.state.value:<9}  {each}  {row.response or row.reason}")
    if any(row.state.value != "sent" for _, row in outcomes):
        raise typer.Exit(1)


@app.command()
def pause(name: str) -> None:
    """Stop a campaign's mail, also in the middle of a send, until it is resumed.

    Example: [bold]outreach campaigns pause tips[/bold]
    """
    _change(name, "paused", "Nothing of it goes out until: outreach campaigns resume " + name)


@app.command()
def resume(name: str) -> None:
    """Let a paused campaign go on.

    Example: [bold]outreach campaigns resume tips[/bold]
    """
    _change(name, "active", "It goes on with the next run.")


@app.command()
def cancel(name: str, yes: Yes = False) -> None:
    """End a campaign: what has not gone out never will. Applying its file again does not revive it; resume does.

    Example: [bold]outreach campaigns cancel spring-offer --yes[/bold]
    """
    if not confirm(f"Cancel {name}? People who have not had it yet will not get it.", yes=yes):
        raise typer.Exit(3)
    _change(name, "cancelled", "What was planned and has not gone is cancelled at the next run.")


def _change(name: str, word: str, then: str) -> None:
    from ..records import CampaignState
    from ..store.campaigns import campaign_named, change_campaign_state
    from ..store.sooner import hasten_campaign

    workspace = open_here()
    with workspace.database.write() as session:
        found = campaign_named(session, name)
        if found is None or name.startswith("_"):
            raise UsageError(f"there is no campaign called {name}", remedy="See: outreach campaigns list")
        campaign_id = found.id or 0
        changed = change_campaign_state(session, name, CampaignState(word), workspace.clock())
    if word != "paused":
        hasten_campaign(workspace.database, campaign_id, "paused")
    typer.echo(f"{name} is {word}{'' if changed else ' already'}. {then if changed else ''}".strip())


@app.command()
def compare(name: Annotated[str, typer.Argument(help="A campaign's name.")], as_json: AsJson = False) -> None:
    """Say how the versions of a campaign's newest edition do, and whether one of them clearly won.

    Example: [bold]outreach campaigns compare spring[/bold]
    """
    from ..chance import wilson
    from ..store.campaigns import campaign_named
    from ..store.editions import editions_of
    from ..work.versions import version_figures
    from ..workdays import zone_or

    workspace = open_here()
    zone = workspace.settings.identity.zone
    with workspace.database.read() as session:
        found = campaign_named(session, name)
        if found is None or found.id is None:
            raise UsageError(f"there is no campaign called {name}", remedy="See: outreach campaigns list")
        tried = [edition for edition in editions_of(session, found.id) if edition.versions]
    if not tried:
        remedy = (
            f"Send it first: outreach send {name}"
            if found.options.get("versions")
            else "Write another version into its file: docs/planning.md, Two versions."
        )
        raise UsageError(f"{name}: no edition has gone out in several versions yet", remedy=remedy)
    told = {"campaign": name, **version_figures(workspace, tried[-1])}
    if as_json:
        print_json(told)
        return
    columns = ("version", "sent", "clicks", "replies", "complaints", f"{told['by']} in 100, 95 %")
    rows = []
    for one in told["versions"]:
        low, high = wilson(one[told["by"]] or 0, one["sent"])
        rows.append(
            (
                one["version"],
                one["sent"],
                "not counted" if one["clicks"] is None else one["clicks"],
                one["replies"],
                one["complaints"],
                f"{100 * low:.2f} to {100 * high:.2f}",
            )
        )
    print_table(columns, rows)
    open_yet = told["wait_minutes"] and not told["decided"]
    typer.echo(f"so far {told['words']}" if open_yet else told["words"])
    if told["wait_minutes"]:
        at = f"{told['judged_at'].astimezone(zone_or(zone, 'UTC')):%a %-d %b %H:%M} ({zone})"
        rest = f"waits until it is judged, {at}" if open_yet else f"gets {told['decided']}"
        typer.echo(f"{told['percent']} in 100 take part; the rest {rest}.")


def write_proof(folder: Path, proof: Proof) -> dict[str, Path]:
    """Write a proof's three files; their paths by ending."""
    from ..web.preview import with_images

    contents = {
        "html": with_images(proof.rendered.html, proof.images).encode(),
        "txt": proof.rendered.text.encode(),
        "eml": proof.pressed.message,
    }
    files = {ending: (folder / f"{proof.campaign.replace('/', '-')}.{ending}").resolve() for ending in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, path in files.items():
            path.write_bytes(contents[ending])
    except OSError as wrong:
        raise UsageError(f"{folder} cannot be written: {wrong.strerror}", remedy="Choose another with --out.") from None
    return files


def _watch(workspace: Workspace, name: str, address: str, port: int) -> None:
    import socket

    import uvicorn

    from ..web.preview import PreviewMail, preview_app, with_images
    from ..work.proof import find_draft, prove

    source = _source_of(workspace, name)

    def render() -> PreviewMail:
        try:
            proof = prove(workspace, find_draft(workspace, str(source)), address)
        except OutreachError as wrong:
            return PreviewMail(wrong=str(wrong))
        shown = proof.rendered
        html = with_images(shown.html, proof.images)
        return PreviewMail(shown.subject, shown.preheader, proof.customer, html, shown.text, proof.pressed.message)

    def version() -> str:
        watched = [*source.resolve().parent.iterdir(), *(workspace.root / "templates" / "layouts").glob("*")]
        return str(max((path.stat().st_mtime_ns for path in watched if path.is_file()), default=0))

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError as wrong:
            raise UsageError(f"port {port} cannot be used: {wrong.strerror}", remedy="Choose another, or 0.") from None
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        typer.echo(f"{source} as it is written: {url}   (Ctrl-C ends it)")
        typer.launch(url)
        server = uvicorn.Server(uvicorn.Config(preview_app(render, version), log_level="error"))
        server.run(sockets=[listener])


def _source_of(workspace: Workspace, name: str) -> Path:
    from ..work.proof import find_draft

    path = Path(name)
    if path.exists():
        return path
    source = workspace.root / find_draft(workspace, name).campaign.source_path
    if not source.exists():
        raise UsageError(f"the file of {name} is gone: {source}", remedy="Name the Markdown file itself.")
    return source
