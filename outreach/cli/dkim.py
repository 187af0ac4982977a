"""`outreach dkim`: the keys that mail is signed with, and the DNS records that publish them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from .common import AsJson, open_here, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Make, list and check the keys that mail is signed with (DKIM).")
MARKS = {"good": ("ok ", "green"), "note": ("-- ", "yellow"), "bad": ("BAD", "red")}


class Way(StrEnum):
    """How a key signs."""

    RSA = "rsa"
    ED25519 = "ed25519"


@app.command()
def new(
    selector: Annotated[str, typer.Option(help="The key's name in the DNS; else the way and this month.")] = "",
    algorithm: Annotated[Way, typer.Option(help="Every receiver knows rsa; ed25519 is shorter.")] = Way.RSA,
    bits: Annotated[int, typer.Option(help="Of an RSA key.")] = 2048,
    domain: Annotated[
        str, typer.Option(help="In whose DNS it will stand; else \\[dkim] domain, or the sender's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key in the folder dkim, and print the DNS record that publishes it.

    It signs nothing until `selectors` in \\[dkim] names it. Example: [bold]outreach dkim new --algorithm ed25519[/bold]
    """
    from ..wire.dkim_keys import key_path, make_key  # lazy, as all below
    from ..work.signing import ascii_domain, known_key, signing_domain

    workspace = open_here()
    selector = selector or f"{algorithm}-{workspace.clock():%Y%m}"
    place = ascii_domain(domain) if domain else signing_domain(workspace)
    make_key(workspace.root, selector, algorithm, bits)
    made, path = known_key(workspace.root, selector, place), key_path(workspace.root, selector)
    if as_json:
        print_json({**_row(made), "file": path, "zone_line": made.zone_line})
        return
    typer.echo(f"The private key is in {path}. It is yours alone: back it up with outreach.keys.\n")
    typer.echo(f"# For a zone file\n{made.zone_line}\n")
    typer.echo(f"# For a hoster's web form\nname:  {made.name}\ntype:  TXT\nvalue: {made.record}\n")
    selectors = ", ".join(f'"{one}"' for one in [*workspace.settings.dkim.selectors, selector])
    typer.echo(
        f"When `outreach dkim check {selector}` finds it, say so in outreach.toml:\n\n[dkim]\nselectors = [{selectors}]"
    )
    if place != signing_domain(workspace):
        typer.echo(f'domain = "{place}"')


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, whether each signs, and their DNS records.

    Example: [bold]outreach dkim list[/bold]
    """
    from ..work.signing import known_keys

    keys = known_keys(open_here())
    if as_json:
        print_json([_row(key) for key in keys])
        return
    if not keys:
        typer.echo("There is no key yet, and mail is not signed here. Make one with `outreach dkim new`.")
        return
    rows = [[key.selector, key.algorithm or key.fault, key.domain, "yes" if key.signs else "no"] for key in keys]
    print_table(["selector", "way", "domain", "signs"], rows)
    for key in keys:
        if key.record:
            typer.echo(f"\n{key.zone_line}")


@app.command()
def check(
    selectors: Annotated[list[str] | None, typer.Argument(help="Else those that sign.")] = None,
    resolver: Annotated[str, typer.Option(help="Ask this name server, as ADDRESS or ADDRESS:PORT.")] = "",
    as_json: AsJson = False,
) -> None:
    """Look the records up in the DNS, and compare them with the keys. Exits 1 when something must be mended.

    Example: [bold]outreach dkim check --resolver 9.9.9.9[/bold]
    """
    from ..work.signing import check_keys

    host, _, port = resolver.partition(":")
    found = list(
        check_keys(open_here(), server=host, port=int(port) if port.isdigit() else 53, selectors=selectors or ())
    )
    if as_json:
        print_json([{"check": f.check, "level": f.level, "words": f.words, "remedy": f.remedy} for f in found])
    elif not found:
        typer.echo("No key signs: [dkim] in outreach.toml names no selector.")
    else:
        for one in found:
            mark, colour = MARKS[one.level]
            typer.echo(f"{typer.style(mark, fg=colour)} {one.words}")
            if one.remedy:
                typer.echo(f"      {one.remedy}")
    if any(one.level == "bad" for one in found):
        raise typer.Exit(1)


def _row(key: Any) -> dict[str, Any]:
    names = ("selector", "algorithm", "domain", "signs", "name", "record", "fault")
    return {name: getattr(key, name) for name in names}
