"""A command, an option that others build on, or a JSON field that is not in the README fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from outreach.cli.app import COMMANDS, LazyGroup, tree
from tests.flows.readme import README
from tests.laws.each import each

STABLE = {
    "customers import": ("--list", "--map", "--dry-run"),
    "campaigns preview": ("--as", "--watch"),
    "campaigns test": ("--to",),
    "send": ("--yes", "--again"),
    "run": ("--once",),
    "dkim new": ("--selector", "--algorithm", "--bits", "--domain"),
    "replies log": ("--channel",),
    "replies import": ("--map", "--channel", "--dry-run"),
    "deliveries list": ("--state", "--edition", "--since"),
    "deliveries resolve": ("--maillog", "--complete", "--sent", "--failed", "--resend", "--because", "--all", "--yes"),
}
"""Command lines that stay stable: each must exist with these options, and be told in the README."""
NOUNS = (
    *("init", "customers import", "campaigns apply", "campaigns check", "campaigns preview", "campaigns test"),
    *("tips apply", "tips list", "tips preview", "send", "run", "plan", "verify", "why", "replies fetch"),
    *("deliveries list", "deliveries show", "deliveries resolve"),
    *(
        "replies import",
        "replies log",
        "replies list",
        "replies show",
        "replies review",
        "replies join",
        "replies classify",
        "replies train",
        "replies models",
        "replies rollback",
    ),
    *("cases list", "cases show", "cases assign", "cases resolve", "report", "serve", "doctor"),
    *("dkim new", "dkim list", "dkim check"),
)


def walk() -> Iterator[tuple[str, Any]]:
    group = typer.main.get_command(tree)
    assert isinstance(group, LazyGroup)
    context = group.make_context("outreach", ["plan"], resilient_parsing=True)
    for name in COMMANDS:
        _, command, _ = group.resolve_command(context, [name])
        inner = getattr(command, "commands", None)
        if inner:
            if command.invoke_without_command:
                yield name, command
            yield from ((f"{name} {sub}", found) for sub, found in inner.items())
        else:
            yield name, command


COMMANDS_FOUND = dict(walk())
TEXT = README.read_text(encoding="utf-8")


@each(sorted(COMMANDS_FOUND))
def test_every_command_is_in_the_readme_and_teaches(name: str) -> None:
    assert re.search(rf"outreach {re.escape(name)}\b", TEXT), f"the README does not name `outreach {name}`"
    assert COMMANDS_FOUND[name].help, f"`outreach {name}` has no help"


@each(NOUNS)
def test_stable_commands_exist(name: str) -> None:
    assert name in COMMANDS_FOUND


@each(STABLE.items())
def test_stable_options_exist(promised: tuple[str, tuple[str, ...]]) -> None:
    name, options = promised
    known = {option for parameter in COMMANDS_FOUND[name].params for option in parameter.opts}
    assert set(options) <= known


@each([name for name in sorted(COMMANDS_FOUND) if name.split()[-1] in ("list", "plan", "verify", "why", "report")])
def test_every_listing_has_json(name: str) -> None:
    known = {option for parameter in COMMANDS_FOUND[name].params for option in parameter.opts}
    assert "--json" in known
