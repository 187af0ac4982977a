"""The tree of commands. Each entry names the module that holds it; nothing else is imported for `--help`."""

from __future__ import annotations

import errno
import importlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import OutreachError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("workspace", "Create a workspace: settings, templates, tips, database."),
    "demo": ("demo", "Run the whole loop on sample customers, for real, on this machine."),
    "customers": ("customers", "Import customers and look them up."),
    "segments": ("segments", "Rules over customers: save, count and explain them."),
    "lists": ("lists", "Keep mailing lists, and how each asks for consent."),
    "attributes": ("attributes", "Attributes of customers, and those declared with a type."),
    "campaigns": ("campaigns", "Write, check, preview and test newsletters."),
    "sequences": ("sequences", "Mails that follow each other, each person's by their own time."),
    "seminars": ("seminars", "Sessions, invitations for calendars, answers, and who was there."),
    "tips": ("tips", "Keep the pool of tips."),
    "plan": ("plan", "See what will go to whom, when, what will not, and why."),
    "why": ("why", "Say why one person gets a campaign, or does not."),
    "send": ("send", "Send a campaign's due or unfinished occasion now."),
    "run": ("run", "Send what is due and read replies, as a daemon or once."),
    "pause": ("pause", "Stop all mail at once, in every process."),
    "resume": ("pause", "Let mail go on after a pause."),
    "waves": ("waves", "Large editions that go out in waves, with a look between them."),
    "verify": ("verify", "Account for every recipient of a campaign."),
    "deliveries": ("deliveries", "Who got what, and settling what is in doubt."),
    "replies": ("replies", "Fetch, log, list and review what came back."),
    "cases": ("cases", "Complaints and questions, until they are solved."),
    "answers": ("answers", "Answers kept ready, with variables that are checked."),
    "people": ("people", "The colleagues who answer, their hours, and when they are told."),
    "causes": ("causes", "What several cases have in common, and letters when it is fixed."),
    "thanks": ("thanks", "Who was delighted, by what, and who may be quoted."),
    "steps": ("steps", "What replies change in the plan: approve, refuse, take back."),
    "trends": ("trends", "What many write about now, and the tips issue proposed from it."),
    "goals": ("goals", "Goals that customers reached, from a file."),
    "report": ("report", "Figures of sends, replies and cases, and an HTML page."),
    "serve": ("serve", "Answer the links that mails carry."),
    "catcher": ("catcher", "A mail server on this machine that files what it gets in a Maildir."),
    "alerts": ("alerts", "What needs a person, and a test that telling works."),
    "health": ("health", "Say whether all is well, for a monitor."),
    "relays": ("relays", "See how each relay is doing, and try one again."),
    "domains": ("domains", "See which recipients' domains are slow or paused, and let one go on."),
    "dkim": ("dkim", "Make, list and check the keys that mail is signed with."),
    "backup": ("backup", "Put the whole workspace into one file, while everything runs."),
    "restore": ("backup", "Put a backup back; nothing is sent until you say go."),
    "db": ("db", "See which version the database has, and bring it up to date."),
    "prune": ("prune", "Let go of what is older than the settings keep it."),
    "doctor": ("doctor", "Check settings, database, relay, mailboxes and the sender's domain."),
}


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class LazyGroup(TyperGroup):
    """Lists commands from `COMMANDS`; loads a command's module only when it is called or completed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        stub = typer.Typer(add_completion=False)
        stub.command(help=COMMANDS[cmd_name][1])(lambda: None)
        return _named(cmd_name, typer.main.get_command(stub))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            loaded = importlib.import_module(f"..{COMMANDS[args[0]][0]}", __name__)
            door: typer.Typer = getattr(loaded, f"{args[0]}_app", None) or loaded.app
            door._add_completion = False  # completion belongs to the whole program, not to each command
            return args[0], _named(args[0], typer.main.get_command(door)), args[1:]
        return super().resolve_command(ctx, args)


def _named(name: str, command: Any) -> Any:
    command.name = name
    return command


tree = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Proactive customer service by newsletter, with the loop closed.\n\n"
        "Try it: [bold]outreach demo[/bold]. Begin: [bold]outreach init acme[/bold] and [bold]cd acme[/bold]."
    ),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"outreach {__version__}")
        raise typer.Exit


@tree.callback()
def options(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-w",
            help="The workspace's folder; else the current one.",
            envvar="OUTREACH_WORKSPACE",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that every command shares."""
    if workspace is not None:
        os.environ["OUTREACH_WORKSPACE"] = str(workspace)


def app() -> int:
    """Run the command named on the command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")  # a terminal of another time gets a ? for what it cannot show
    try:
        tree()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except OutreachError as wrong:
        say_error(wrong)
        return wrong.exit_status
    except BrokenPipeError:
        _say_no_more()
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    except OSError as wrong:
        if wrong.errno not in NO_ROOM:
            raise
        _say_no_more()
        print(f"error: what there is to say cannot be written: {wrong.strerror}", file=sys.stderr)
        return 1
    except OverflowError as wrong:
        if "SQLite INTEGER" not in str(wrong):
            raise
        print("error: there is no number as large as that", file=sys.stderr)
        return 2
    except MemoryError:
        print("error: out of memory", file=sys.stderr)
        return 1
    except UnicodeEncodeError as wrong:
        if not re.search("[\ud800-\udfff]", wrong.object):
            raise
        print("error: an argument, or the name of a file, is no UTF-8 text", file=sys.stderr)
        return 2
    return 0


def _say_no_more() -> None:
    """Nobody takes what is printed: what is still held back goes nowhere, and without an error of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_error(wrong: OutreachError) -> None:
    """Print what is wrong and the remedy on stderr, in plain words."""
    print(f"error: {wrong.message}", file=sys.stderr)
    if wrong.remedy:
        print(f"  {wrong.remedy}", file=sys.stderr)
