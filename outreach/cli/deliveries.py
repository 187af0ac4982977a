"""`outreach deliveries`: who got what, the whole story of one mail, and settling what is in doubt."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import NeedsPerson, OutreachError, UsageError
from .common import AsJson, Yes, confirm, me, open_after_a_crash, open_here, print_json, progress
from .delivery_views import (
    list_json,
    log_json,
    resolved_json,
    story_json,
    tell_list,
    tell_log,
    tell_resolved,
    tell_story,
)

if TYPE_CHECKING:
    from ..store.doubts import Doubt
    from ..work.maillog import LogResult
    from ..work.resolve import Resolved, Word
    from ..work.workspace import Workspace

deliveries_app = typer.Typer(no_args_is_help=True, help="Who got what, and settling what is in doubt.")
LISTED = 1000


@deliveries_app.command("list")
def list_them(
    campaign: Annotated[str, typer.Argument(help="The campaign's name, as `campaigns list` shows it.")],
    state: Annotated[
        str | None, typer.Option("--state", help="Only these: sent, failed, in_doubt, withheld, …")
    ] = None,
    edition: Annotated[int | None, typer.Option("--edition", help="Only this edition, by its number.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only what happened since: 2026-12-01 or 2026-12-01T10:00 (UTC).")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")] = LISTED,
    as_json: AsJson = False,
) -> None:
    """List the mails of a campaign, one line for each person, whatever became of it.

    Example: [bold]outreach deliveries list tips --state failed[/bold]
    """
    from ..store.deliveries import list_deliveries  # lazy, as all below: SQLModel takes most of a second
    from ..store.editions import find_campaign
    from .verify import state_named

    workspace = open_after_a_crash()
    after = _instant(since)
    with workspace.database.read() as session:
        found = find_campaign(session, campaign)
        if found is None or found.id is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
        rows = list(
            list_deliveries(
                session,
                found.id,
                state=state_named(state),
                number=edition,
                since=after,
                limit=limit + 1 if limit else None,
            )
        )
    more = bool(limit) and len(rows) > limit
    rows = rows[:limit] if limit else rows
    if as_json:
        print_json(list_json(workspace, rows))
        return
    tell_list(workspace, rows)
    if more:
        typer.echo(f"There are more than these {limit}: --limit 0 shows all, --state and --edition fewer.")


@deliveries_app.command()
def show(
    what: Annotated[str, typer.Argument(help="An e-mail address, a Message-ID, or a delivery's number.")],
    campaign: Annotated[str, typer.Argument(help="Only mails of this campaign.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of a mail: planned, judged, every attempt and what the relay said, what came back.

    Works for customers who were erased too, by Message-ID or by the address that they had.

    Example: [bold]outreach deliveries show ann@example.com tips[/bold]
    """
    from ..work.history import tell_stories

    workspace = open_here()
    stories = tell_stories(workspace, what, campaign)
    if as_json:
        print_json([story_json(workspace, story) for story in stories])
        return
    for story in stories:
        tell_story(workspace, story)


@deliveries_app.command()
def resolve(
    names: Annotated[
        list[str] | None, typer.Argument(help="Message-IDs or numbers of deliveries; with --maillog more files.")
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="They were sent.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="They were not sent, and shall not be.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send them again, with the same Message-ID.")] = False,
    because: Annotated[str, typer.Option("--because", help="How you know; kept with each mail.")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="With --all: those of this campaign.")] = "",
    edition: Annotated[int | None, typer.Option("--edition", help="With --all: only of this edition.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are in doubt in the campaign.")] = False,
    maillog: Annotated[
        list[Path] | None,
        typer.Option("--maillog", help="A log of the relay (Postfix), plain or .gz; more files may follow."),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="These logs hold all that the relay logged: name what is not in them.")
    ] = False,
    relay: Annotated[
        str, typer.Option("--relay", help="With --complete: whose log it is (host:port), if there are several.")
    ] = "",
    zone: Annotated[
        str, typer.Option("--zone", help="The log's time zone, if its lines name none; else this machine's.")
    ] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Settle mails in doubt: those that were handed over and got no answer. Never by guess.

    From the relay's log: [bold]outreach deliveries resolve --maillog /var/log/mail.log*[/bold]
    By hand: [bold]outreach deliveries resolve MESSAGE-ID --sent --because "ann told me"[/bold]
    All at once: [bold]outreach deliveries resolve --campaign tips --all --resend --because "its queue was lost"[/bold]

    The log also tells what the next server said of every mail in it. Exits with 3 while mails stay in doubt.
    """
    from ..work.resolve import Word

    words = [word for word, said in ((Word.SENT, sent), (Word.FAILED, failed), (Word.RESEND, resend)) if said]
    if maillog:
        if words or everything:
            raise UsageError("--maillog settles by what the log proves", remedy="Leave away --all, --sent, --failed, …")
        _from_log([*maillog, *map(Path, names or [])], complete=complete, relay=relay, zone=zone, as_json=as_json)
        return
    if len(words) != 1:
        raise UsageError("say what became of them", remedy="One of --sent, --failed, --resend; or --maillog FILE.")
    if not because.strip():
        raise UsageError("say how you know", remedy='Add --because "…": it is kept with each mail.')
    if bool(names) == everything or (everything and not campaign) or (campaign and not everything):
        raise UsageError("say which", remedy="Message-IDs or numbers, or --campaign NAME --all.")
    _by_hand(names or [], words[0], because.strip(), campaign, edition, yes=yes, as_json=as_json)


def _by_hand(
    names: list[str], word: Word, because: str, campaign: str, edition: int | None, *, yes: bool, as_json: bool
) -> None:
    from ..work.resolve import in_doubt, named
    from ..work.resolve import resolve as settle

    workspace = open_after_a_crash()
    asked = named(workspace, names) if names else in_doubt(workspace, campaign, edition)
    if not names and asked:
        many = f"{len(asked)} mails are" if len(asked) > 1 else "1 mail is"
        again = " Who had got it gets it twice." if word == "resend" else ""
        if not as_json:
            typer.echo(f"{many} in doubt in {campaign}.{again}")
        if as_json and not yes:
            raise UsageError("--json cannot ask", remedy="Add --yes.")
        if not confirm(f"Settle {'all' if len(asked) > 1 else 'it'} as “{word}”?", yes=yes):
            raise typer.Exit(3)
    with progress() as bar:
        task = bar.add_task("settling", total=len(asked))
        done = settle(workspace, asked, word, because=because, by=me(), progress=lambda count: bar.advance(task, count))
    if as_json:
        print_json(resolved_json(workspace, done))
    else:
        tell_resolved(workspace, done, word)
    _judge(done)


def _judge(done: Resolved) -> None:
    if done.left:
        raise OutreachError(
            f"{len(done.left)} could not be settled so",
            remedy="Each is named above with the reason; look: deliveries show.",
        )


def _from_log(files: list[Path], *, complete: bool, relay: str, zone: str, as_json: bool) -> None:
    from ..work.maillog import read_logs

    workspace = open_after_a_crash()
    if complete and not relay:
        _check_one_relay(workspace)
    with progress() as bar:
        task = bar.add_task("reading", total=sum(path.stat().st_size for path in files if path.is_file()))
        result = read_logs(
            workspace,
            files,
            zone=_zone(zone),
            complete=complete,
            relay=relay,
            progress=lambda octets: bar.advance(task, octets),
        )
    if as_json:
        print_json(log_json(workspace, result))
    else:
        tell_log(workspace, result)
    _judge_log(result)


def _judge_log(result: LogResult) -> None:
    if result.troubles:
        raise OutreachError(
            "; ".join(result.troubles), remedy="What could be read was used; read it again once it is whole."
        )
    if result.left:
        raise NeedsPerson(
            f"{len(result.left)} stay in doubt",
            remedy="Find the rest of the log, or decide: outreach deliveries resolve --help",
        )


def _check_one_relay(workspace: Workspace) -> None:
    from ..store.doubts import doubtful_relays
    from ..work.resolve import in_doubt

    found: list[Doubt] = in_doubt(workspace)
    relays = doubtful_relays(found)
    if len(relays) > 1:
        raise UsageError(
            f"the mails in doubt went to {len(relays)} relays, and --complete is true of one log only",
            remedy=f"Say whose it is: --relay {' or --relay '.join(relays)}",
        )


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{name!r} is no time zone", remedy="Write --zone Europe/Berlin, or --zone UTC.") from None


def _instant(text: str | None) -> datetime | None:
    from datetime import UTC

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no date", remedy="Write --since 2026-12-01 or --since 2026-12-01T10:00"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
