"""`outreach lists …`: the mailing lists, and how each asks for consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ..errors import InputError, UsageError
from ..groups import EVERYBODY, GroupKind
from .common import AsJson, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..records import MailingList

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Mailing lists, and how each asks for consent.")
FIELDS = (
    "name",
    "title",
    "words",
    "words_in",
    "double_opt_in",
    "implied_days",
    "clicks",
    "opens",
    "one_per",
    "sign_up",
    "unconfirmed",
)


@app.command("list")
def list_lists(as_json: AsJson = False) -> None:
    """List the mailing lists, with how many people are on each and how each asks for consent.

    Example: [bold]outreach lists list[/bold]
    """
    from ..store.customers import all_lists  # lazy, as below: SQLModel takes most of a second

    with open_here().database.read() as session:
        found = [_json(row) | {"people": people} for row, people in all_lists(session)]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("No list yet: an import makes one, or `outreach lists add NAME`.")
        return
    headings = ["list", "title", "subscribed", "pending", "opt-in", "implied lapses", "clicks", "opens"]
    headings += ["one per", "sign-up page", "never confirmed"]
    print_table(headings, (_row(one) for one in found))


def _row(one: dict[str, Any]) -> list[Any]:
    return [
        *(one["name"], one["title"]),
        *(f"{one['people'].get(state, 0):,}" for state in ("subscribed", "pending")),
        "double" if one["double_opt_in"] else "single",
        f"after {one['implied_days']} days" if one["implied_days"] else "never",
        *("counted" if one[name] else "not counted" for name in ("clicks", "opens")),
        one["one_per"] or "person",
        f"/join/{one['name']}" if one["sign_up"] else "none",
        f"{one['unconfirmed']:,}",
    ]


Title = Annotated[str | None, typer.Option(help="What readers see it called.")]
Words = Annotated[
    str | None, typer.Option(help="What people agree to, as our pages show it; kept with each consent that names none.")
]
WordsIn = Annotated[
    list[str] | None,
    typer.Option(
        "--words-in", metavar="de=WORDS", help="The words in another language; de= takes them out. May be repeated."
    ),
]
Double = Annotated[
    bool | None,
    typer.Option("--double-opt-in/--single-opt-in", help="Whether the address's owner must confirm by a link first."),
]
Implied = Annotated[
    int | None,
    typer.Option(
        min=0, max=3650, help="Days after which a consent that was only implied (a purchase) lapses; 0: never."
    ),
]
Clicks = Annotated[bool | None, typer.Option("--clicks/--no-clicks", help="Whether followed links are counted.")]
SignUp = Annotated[
    bool | None,
    typer.Option("--sign-up/--no-sign-up", help="Whether anybody may sign up at /join/NAME of `outreach serve`."),
]
Opens = Annotated[bool | None, typer.Option("--opens/--no-opens", help="Whether opened mails are counted.")]


OnePer = Annotated[
    str | None,
    typer.Option("--one-per", help="household or company: of each one person gets a newsletter; person: everybody."),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name, such as customers.")],
    title: Title = None,
    words: Words = None,
    words_in: WordsIn = None,
    double_opt_in: Double = None,
    implied_days: Implied = None,
    clicks: Clicks = None,
    opens: Opens = None,
    one_per: OnePer = None,
    sign_up: SignUp = None,
    as_json: AsJson = False,
) -> None:
    """Make a mailing list.

    Example: [bold]outreach lists add tips --title "Coffee tips" --double-opt-in --words "A tip a fortnight"[/bold]
    """
    from ..store.customers import ensure_list, list_id_of

    _check_words(name, words, sign_up)
    workspace = open_here()
    with workspace.database.write() as session:
        if list_id_of(session, name) is not None:
            raise InputError(f"there is a list {name!r} already", remedy=f"Change it: outreach lists change {name}")
        ensure_list(session, name, workspace.clock())
    given: dict[str, Any] = {
        "title": title,
        "words": words,
        "double_opt_in": double_opt_in,
        "implied_days": implied_days,
    }
    given |= {"clicks": clicks, "opens": opens, "one_per": _word(one_per), "sign_up": sign_up}
    given |= {"words_in": _by_language(words_in)}
    _change(name, given, as_json=as_json)


@app.command()
def change(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The list.")],
    title: Title = None,
    words: Words = None,
    words_in: WordsIn = None,
    double_opt_in: Double = None,
    implied_days: Implied = None,
    clicks: Clicks = None,
    opens: Opens = None,
    one_per: OnePer = None,
    sign_up: SignUp = None,
    as_json: AsJson = False,
) -> None:
    """Change how a list is called, asks for consent, and what its mail tells us. What is not named stays.

    Counting clicks and opens needs a public https address (`url` in \\[public]); in many countries it needs the
    readers' consent too, so say it in --words.

    Example: [bold]outreach lists change customers --implied-days 730 --clicks[/bold],
    [bold]outreach lists change tips --words-in "de=Ein Tipp alle zwei Wochen"[/bold],
    [bold]outreach lists change customers --one-per household[/bold]
    """
    given: dict[str, Any] = {
        "title": title,
        "words": words,
        "double_opt_in": double_opt_in,
        "implied_days": implied_days,
    }
    given |= {"clicks": clicks, "opens": opens, "one_per": _word(one_per), "sign_up": sign_up}
    given |= {"words_in": _by_language(words_in)}
    if all(value is None for value in given.values()):
        raise UsageError("nothing is to be changed", remedy="Name an option: see outreach lists change --help")
    _change(name, given, as_json=as_json)


def _by_language(given: list[str] | None) -> dict[str, str] | None:
    """What --words-in says, by language. Raises UsageError."""
    if not given:
        return None
    found = {}
    for one in given:
        code, sign, text = one.partition("=")
        code = code.strip().lower()
        if not sign or not (2 <= len(code) <= 3 and code.isascii() and code.isalpha()):
            raise UsageError(
                f"--words-in {one[:40]}", remedy='Say the language first: --words-in "de=Ein Tipp im Monat"'
            )
        found[code] = text.strip()
    return found


def _word(one_per: str | None) -> str | None:
    """What the list keeps of --one-per. Raises UsageError."""
    if one_per is None or one_per == EVERYBODY:
        return None if one_per is None else ""
    if one_per not in set(GroupKind):
        raise UsageError(f"--one-per {one_per}", remedy=f"Say {', '.join(GroupKind)} or {EVERYBODY}.")
    return one_per


def _change(name: str, given: dict[str, Any], *, as_json: bool) -> None:
    from sqlmodel import select

    from ..records import MailingList
    from ..store.customers import list_names
    from ..work.lapses import settle_implied

    workspace = open_here()
    with workspace.database.write() as session:
        row = session.exec(select(MailingList).where(MailingList.name == name)).first()
        if row is None:
            names = ", ".join(list_names(session)) or "none yet"
            raise InputError(f"there is no mailing list {name!r}", remedy=f"There are: {names}.")
        for field, value in given.items():
            if field == "words_in" and value is not None:
                row.words_in = {code: text for code, text in {**(row.words_in or {}), **value}.items() if text}
            elif value is not None:
                setattr(row, field, value)
        _check_words(name, row.words, row.sign_up)
        session.add(row)
        session.flush()
        told, number = _json(row), row.id or 0
    lapsing = settle_implied(workspace, number) if given["implied_days"] is not None else 0
    if as_json:
        print_json(told)
        return
    opt_in = "asks twice" if told["double_opt_in"] else "asks once"
    counted = [what for what in ("clicks", "opens") if told[what]]
    typer.echo(f"{name} {opt_in}, and counts {' and '.join(counted) or 'neither clicks nor opens'}.")
    if told["one_per"]:
        typer.echo(f"Of each {told['one_per']} one person gets its newsletters.")
    if told["words_in"]:
        typer.echo(f"Its words are kept in {', '.join(sorted(told['words_in']))} besides.")
    if told["sign_up"]:
        _tell_page(workspace.settings.public.url, told)
    if lapsing:
        typer.echo(f"{lapsing:,} subscriptions have another day on which they lapse, or none any more.")
    if counted and not workspace.settings.public.linkable:
        typer.echo("note: nothing is counted until `url` in [public] is a public https address.", err=True)


def _check_words(name: str, words: str | None, sign_up: bool | None) -> None:
    if sign_up and not (words or "").strip():
        raise UsageError(
            f"the page of {name} would not say what people agree to",
            remedy='Say it: --words "A tip every other week, by e-mail."',
        )


def _tell_page(url: str, told: dict[str, Any]) -> None:
    typer.echo(f"Anybody may sign up at {url.rstrip('/')}/join/{quote(told['name'])} (`outreach serve`).")
    if not told["double_opt_in"]:
        typer.echo("note: without --double-opt-in anybody can put anybody's address on this list.", err=True)


def _json(row: MailingList) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS}
