"""The public pages' words and their one layout.

Law: a page names the sender and the list, never the person: the link may have been forwarded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import bidirectional
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined

DEFAULT = "en"
MAX_BODY = 65_536
"""Octets of a form: 5,000 letters of any script, as forms write them, and the rest."""
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "leave": "Unsubscribe?",
        "leave_list": "You will get no more mails of “{name}” from {company}.",
        "leave_all": "You will get no more newsletters from {company}.",
        "leave_button": "Unsubscribe",
        "others": "You are on other lists of {company}, too.",
        "all_button": "No newsletters at all",
        "still_answers": "When you write to us yourself, you still get an answer.",
        "left": "You are unsubscribed",
        "left_list": "“{name}” will not reach you any more. It takes effect at once.",
        "left_all": "Our newsletters will not reach you any more. It takes effect at once.",
        "undo": "Was it a mistake? One click brings it back.",
        "undo_button": "Subscribe again",
        "back": "You are subscribed again",
        "back_list": "“{name}” will reach you as before.",
        "back_all": "Our newsletters will reach you as before.",
        "back_others": "Our other newsletters will reach you as before. “{name}” does not: you had left it before.",
        "not_back": "Nothing to bring back",
        "not_back_line": "This subscription was not ended on this page, so it cannot be taken up again here.",
        "test": "This was a test mail",
        "test_line": "It was sent to a colleague. There is nothing to unsubscribe from.",
        "unknown": "This link does not work",
        "unknown_line": "It may have been cut in two by a mail program. Copy it whole, or answer the mail: a person "
        "reads it, and the word “unsubscribe” is enough.",
        "gone": "This mail is no longer kept",
        "gone_line": "We have deleted what we knew about its reader, so it cannot be shown.",
        "unfit": "This mail cannot be shown here",
        "unfit_line": "Pages are made with what we know today, and something that this mail says of its reader is no "
        "longer among it. What came by mail stays as it is.",
        "nothing": "There is nothing here",
        "nothing_line": "This address only answers the links in our mails.",
        "later": "Please try again in a minute",
        "later_line": "We could not store that just now. Nothing has been changed.",
        "ask": "Please use the button",
        "view": "This is your mail as a web page, written with what we know today: a detail may differ from the mail.",
    },
    "de": {
        "leave": "Abmelden?",
        "leave_list": "Sie erhalten dann keine Mails von „{name}“ von {company} mehr.",
        "leave_all": "Sie erhalten dann keine Newsletter von {company} mehr.",
        "leave_button": "Abmelden",
        "others": "Sie stehen auch auf anderen Listen von {company}.",
        "all_button": "Gar keine Newsletter mehr",
        "still_answers": "Wenn Sie uns selbst schreiben, bekommen Sie weiterhin eine Antwort.",
        "left": "Sie sind abgemeldet",
        "left_list": "„{name}“ erreicht Sie nicht mehr. Das gilt ab sofort.",
        "left_all": "Unsere Newsletter erreichen Sie nicht mehr. Das gilt ab sofort.",
        "undo": "War es ein Versehen? Ein Klick macht es rückgängig.",
        "undo_button": "Wieder anmelden",
        "back": "Sie sind wieder angemeldet",
        "back_list": "„{name}“ erreicht Sie wie bisher.",
        "back_all": "Unsere Newsletter erreichen Sie wie bisher.",
        "back_others": "Unsere anderen Newsletter erreichen Sie wie bisher. „{name}“ nicht: Sie hatten es vorher schon "
        "abbestellt.",
        "not_back": "Nichts rückgängig zu machen",
        "not_back_line": "Dieses Abonnement wurde nicht auf dieser Seite beendet und kann hier nicht wieder beginnen.",
        "test": "Das war eine Testmail",
        "test_line": "Sie ging an einen Kollegen. Es gibt nichts abzumelden.",
        "unknown": "Dieser Link funktioniert nicht",
        "unknown_line": "Vielleicht hat ein Mailprogramm ihn getrennt. Kopieren Sie ihn ganz, oder antworten Sie auf "
        "die Mail: ein Mensch liest sie, und das Wort „abmelden“ genügt.",
        "gone": "Diese Mail gibt es nicht mehr",
        "gone_line": "Wir haben gelöscht, was wir über ihren Leser wussten, und können sie nicht zeigen.",
        "unfit": "Diese Mail lässt sich hier nicht zeigen",
        "unfit_line": "Seiten entstehen aus dem, was wir heute wissen, und etwas, was diese Mail von ihrem Leser sagt,"
        " ist nicht mehr dabei. Was per Mail kam, bleibt, wie es ist.",
        "nothing": "Hier ist nichts",
        "nothing_line": "Diese Adresse beantwortet nur die Links in unseren Mails.",
        "later": "Bitte versuchen Sie es gleich noch einmal",
        "later_line": "Das ließ sich gerade nicht speichern. Es wurde nichts geändert.",
        "ask": "Bitte benutzen Sie den Knopf",
        "view": "Das ist Ihre Mail als Webseite, mit dem, was wir heute wissen: Einzelnes kann von der Mail abweichen.",
    },
}


@dataclass(frozen=True)
class Button:
    """A form of one button; `action` "" posts to the page's own address. `before`: a line above it, `says`: a field
    besides that is sent as "yes", `shown`: `mark_of` the words to which it agrees.
    """

    words: str
    action: str = ""
    quiet: bool = False
    before: str = ""
    says: str = ""
    shown: str = ""


def page(
    language: str,
    company: str,
    title: str,
    lines: Sequence[str],
    *,
    button: Button | None = None,
    other: Button | None = None,
    small: str = "",
    more: tuple[str, str] | None = None,
    agreed: tuple[str, str] = ("", ""),
) -> str:
    """A whole page; `more` is a link below the buttons: where to, and its words; `agreed` are the words to which
    somebody agrees, and their language.
    """
    buttons = [one for one in (button, other) if one is not None]
    values = {"title": title, "lines": lines, "buttons": buttons, "small": small, "more": more, "agreed": agreed}
    return render("page.html.j2", language=language, company=company, **values)


def apart(name: str) -> str:
    """A name inside a sentence of ours: one that is written from right to left is kept from turning the words, and
    the marks, beside it (Unicode's UAX 9, 2.5).
    """
    turns = any(bidirectional(letter) in ("R", "AL") for letter in name)
    return f"\u2068{name}\u2069" if turns else name


def choose_language(*wishes: str | None) -> str:
    """The first language among the wishes that the pages speak; a wish may be an Accept-Language header."""
    for wish in wishes:
        for part in (wish or "")[:200].split(","):
            code = part.partition(";")[0].strip().lower().partition("-")[0]
            if code in WORDS:
                return code
    return DEFAULT


def mark_of(words: str) -> str:
    """By which a form says which words stood on its page: they may be others by the time at which it is sent."""
    return sha256(words.encode()).hexdigest()[:16]


def others_now(said: Mapping[str, Sequence[str]], words: str) -> bool:
    """Whether a form that was sent stood below other words than these."""
    return said.get("shown", [mark_of(words)])[0] != mark_of(words)


def way_to(here: str, place: str) -> str:
    """A link from the page at the path `here` to another page of ours, `place`: relative (RFC 3986 4.2), since a web
    server may show us below a path of its own, of which nothing is heard here.
    """
    return "../" * (here.count("/") - 1) + place


def read_form(body: bytes, most: int) -> dict[str, list[str]]:
    """What a form says; nothing where it holds more than `most` fields: ours never do."""
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=most)
    except ValueError:
        return {}


def render(name: str, **values: Any) -> str:
    """One of the templates beside this module."""
    return environment().get_template(name).render(**values)


@cache
def environment() -> Environment:
    """The doors' own templates; values are escaped, a name that is missing is an error."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
