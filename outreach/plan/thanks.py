"""Thanks: may they be quoted? The question that is asked once, and what counts as an answer.

Law: only a plain yes is a yes; silence is a no, and so is whatever a program cannot be sure of, until a person has read
it. The question says what would be quoted, word for word, and how.
"""

from __future__ import annotations

import re
from enum import StrEnum

LONGEST_QUOTE = 400
_YES = re.compile(
    r"(?:yes|yep|yeah|sure|of course|certainly|you may|go ahead|ja|gerne|klar|natürlich|oui|bien sûr|s[ií]|claro)\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"(?:no|nope|nein|non|please (?:don['’]t|do not)|rather not|lieber nicht|bitte nicht)\b", re.IGNORECASE
)
_BUT = re.compile(
    r"\b(?:but|not|n['’]t|without|only|if|unless|except|aber|nicht|nur|ohne|wenn|mais|pas|sans|pero|sin)\b|\?",
    re.IGNORECASE,
)
MOST_WORDS = 20


class Answer(StrEnum):
    """What somebody said to the question; unsure: a person must read it."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


def read_answer(text: str) -> Answer:
    """What a reply says. A yes with any condition, or among many words, is not sure."""
    plain = " ".join(text.split())
    if _NO.match(plain):
        return Answer.NO
    if _YES.match(plain) and not _BUT.search(plain) and len(plain.split()) <= MOST_WORDS:
        return Answer.YES
    return Answer.UNSURE


def quotable(text: str) -> str:
    """The words that would be quoted: one line, at most so many characters, cut at a sentence or a word."""
    plain = " ".join(text.split())
    if len(plain) <= LONGEST_QUOTE:
        return plain
    cut = plain[: LONGEST_QUOTE - 1]
    sentence = max(cut.rfind(mark) for mark in (". ", "! ", "? "))
    return cut[: sentence + 1] if sentence > LONGEST_QUOTE // 3 else cut.rsplit(" ", 1)[0] + "…"


_ASK = {
    "en": (
        "Hello{name},\n\nthank you for what you wrote to us:\n\n  “{quote}”\n\n"
        "May we quote these words, as they stand, with your first name, in our newsletter and on our website?\n\n"
        "Reply with “yes” or “no”. If you do not reply we will not quote you, and we will not ask again. You can take "
        "a yes back at any time, by a reply to this mail.\n\n{company}\n"
    ),
    "de": (
        "Guten Tag{name},\n\ndanke für das, was Sie uns geschrieben haben:\n\n  „{quote}“\n\n"
        "Dürfen wir diese Worte so, mit Ihrem Vornamen, in unserem Newsletter und auf unserer Website zitieren?\n\n"
        "Antworten Sie mit „ja“ oder „nein“. Ohne Antwort zitieren wir nicht, und wir fragen nicht noch einmal. Ein Ja "
        "können Sie jederzeit zurücknehmen, mit einer Antwort auf diese Mail.\n\n{company}\n"
    ),
}


def question(quote: str, first_name: str, company: str, language: str) -> str:
    """The mail that asks, in the customer's language where we have it."""
    text = _ASK.get(language[:2].lower(), _ASK["en"])
    return text.format(name=f" {first_name}" if first_name else "", quote=quote, company=company)
