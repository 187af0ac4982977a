"""The page of all that is kept of one person, for that person to read.

Law: it needs no network and holds no script; every value is escaped, and nothing that is kept is left out.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from .pages import choose_language, render

if TYPE_CHECKING:
    from ..work.export import PersonFile

TITLES: dict[str, dict[str, str]] = {
    "en": {
        "": "What {company} keeps about {address}",
        "line": "As of {day} (UTC). Each section is one kind of record, each box one entry.",
        "customer": "You",
        "contact": "Numbers and names by which we know you",
        "subscription": "Your subscriptions",
        "consent": "What you agreed to, and what you withdrew",
        "sign_up": "When your address was typed into our sign-up page, for which list, and whether we asked you",
        "stranger_stop": "What you had left or paused before we knew you, kept by a hash of your address",
        "wish": "How you would rather be written to",
        "suppression": "Blocks of your address",
        "delivery": "Mails that we planned for you, and what became of each",
        "delivery_move": "The history of those mails",
        "edition": "Letters written to you alone",
        "inbound": "What you wrote or said to us",
        "case_file": "Your cases",
        "case_entry": "What happened in your cases",
        "verdict": "How we read your messages",
        "thanks": "Your thanks, and whether we may quote them",
        "promise": "What we promised you",
        "hold": "What we do not send you for now",
        "boost": "Topics that your next tips begin with",
        "step": "What your messages changed in our plans",
        "goal": "What you did that we hoped for",
        "bounce": "Mails that came back",
        "notice": "What a colleague was told of your cases",
        "learned_example": "Hashed words from which the sorting of messages learned",
    },
    "de": {
        "": "Was {company} über {address} gespeichert hat",
        "line": "Stand {day} (UTC). Jeder Abschnitt ist eine Art von Eintrag, jeder Kasten ein Eintrag.",
        "customer": "Sie",
        "contact": "Nummern und Namen, unter denen wir Sie kennen",
        "subscription": "Ihre Abonnements",
        "consent": "Wozu Sie eingewilligt und was Sie widerrufen haben",
        "sign_up": "Wann Ihre Adresse auf unserer Anmeldeseite eingetippt wurde, für welche Liste, ob wir fragten",
        "stranger_stop": "Was Sie verließen oder pausierten, bevor wir Sie kannten, unter einem Hash Ihrer Adresse",
        "wish": "Wie Sie lieber angeschrieben werden",
        "suppression": "Sperren Ihrer Adresse",
        "delivery": "Mails, die wir für Sie geplant haben, und was daraus wurde",
        "delivery_move": "Der Verlauf dieser Mails",
        "edition": "Briefe nur an Sie",
        "inbound": "Was Sie uns geschrieben oder gesagt haben",
        "case_file": "Ihre Fälle",
        "case_entry": "Was in Ihren Fällen geschah",
        "verdict": "Wie wir Ihre Nachrichten gelesen haben",
        "thanks": "Ihr Dank, und ob wir ihn zitieren dürfen",
        "promise": "Was wir Ihnen zugesagt haben",
        "hold": "Was wir Ihnen vorerst nicht schicken",
        "boost": "Themen, mit denen Ihre nächsten Tipps beginnen",
        "step": "Was Ihre Nachrichten an unseren Plänen geändert haben",
        "goal": "Was Sie getan haben und wir erhofft hatten",
        "bounce": "Mails, die zurückkamen",
        "notice": "Was einem Kollegen von Ihren Fällen gesagt wurde",
        "learned_example": "Verschlüsselte Wörter, aus denen das Sortieren der Nachrichten lernte",
    },
}
NOTHING: tuple[Any, ...] = (None, "", [], {}, False)


def person_page(found: PersonFile) -> str:
    """One whole HTML page."""
    language = choose_language(found.language)
    words = TITLES[language]
    sections = [
        (words.get(name, name.replace("_", " ").capitalize()), [_shown(row) for row in rows])
        for name, rows in found.sections.items()
    ]
    return render(
        "person.html.j2",
        language=language,
        company=found.company,
        title=words[""].format(company=found.company, address=found.address),
        line=words["line"].format(day=f"{found.made_at:%Y-%m-%d %H:%M}"),
        sections=sections,
    )


def _shown(row: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(name, value, whether it is long) of what is there."""
    told = []
    for name, value in row.items():
        if value in NOTHING and value is not False:
            continue
        text = _words(value)
        told.append((name.replace("_", " "), text, len(text) > 160 or "\n" in text))
    return told


def _words(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Enum):
        return str(value.value).replace("_", " ")
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return str(value)
