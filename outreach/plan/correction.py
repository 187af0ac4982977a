"""Somebody points at an error in an issue; two different people stop its unsent rest, and a correction is drafted.

Law: what points at an error are words about the mail itself (its link, date, price, spelling), shown with the step; one
person is never two, whatever addresses they write from. The draft cannot be sent before a person has filled it in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from .cause import Letter

PEOPLE = 2
"""Different people whom a stop needs."""
_MAIL = r"(?:news ?letter|e-?mail|mail|issue|tip|text|article|lettre|bolet[ií]n|correo)"
_THING = r"(?:date|day|weekday|time|price|link|url|photo|picture|figure|unit)s?"
_SACHE = r"(?:datum|tag|wochentag|uhrzeit|preis|link|bild|zahl|einheit)"
_CUES = [
    re.compile(words, re.IGNORECASE)
    for words in (
        rf"\b(?:typo|misprint|spelling mistake)\b|\b(?:wrong|incorrect|outdated) {_THING}\b",
        r"\b(?:broken|dead|wrong) (?:link|url)s?\b",
        r"\b(?:link|url|button)s? (?:in (?:it|your \w+|the \w+) )?(?:(?:do|does|did)(?: not|n['’]t) work"
        r"|(?:is|are)(?: not|n['’]t) working|(?:is|are) (?:dead|broken)"
        r"|leads? (?:nowhere|to (?:a )?(?:404|the wrong)))",
        rf"\b(?:mistake|error) in (?:your|the|this) (?:last |latest )?{_MAIL}",
        rf"\byour {_MAIL} (?:says|said|has) .{{0,60}}\b(?:wrong|but it is|but that is|instead of)\b",
        rf"\b{_THING} (?:in (?:your|the) \w+ )?(?:is|are|was|were|must be) (?:surely |clearly |simply )?wrong\b",
        r"\b(?:it|that|this) should (?:surely |probably )?(?:say|read) \w",
        r"\b(?:tippfehler|druckfehler|rechtschreibfehler)\b|\b(?:toter|kaputter|falscher) link\b",
        rf"\bfalsche[rsn]? {_SACHE}\b",
        rf"\b{_SACHE} (?:im \w+ |in \w+ \w+ )?(?:ist|war|stimmt) (?:leider |wohl )?(?:falsch|nicht)\b",
        r"\blinks? (?:in \w+ \w+ |im \w+ )?(?:funktionier(?:t|en)|geh(?:t|en)|f[üu]hr(?:t|en)) (?:leider )?"
        r"(?:nicht|ins leere|nirgend)",
        rf"\bfehler in (?:ihrem|eurem|der|dem|ihrer|eurer) (?:letzten )?{_MAIL}",
        r"\bmuss (?:es )?(?:wohl )?.{0,30}hei(?:ß|ss)en\b",
        r"\b(?:faute de frappe|coquille)\b|\bmauvais(?:e)? (?:date|lien|prix|adresse)\b",
        r"\bliens? (?:ne )?(?:marche|fonctionne)(?:nt)? pas\b|\blien (?:mort|cass[ée])\b",
        r"\berreur dans (?:votre|la|cette) (?:newsletter|lettre|mail)",
        r"\berrata\b|\benlaces? (?:que )?no funcionan?\b|\benlace roto\b",
        r"\b(?:fecha|precio) (?:equivocad|incorrect|err[oó]ne)[oa]\b",
        r"\berror en (?:su|el|la|este) (?:bolet[ií]n|correo|newsletter)\b",
    )
]
_OURS_NOT = re.compile(r"\b(?:in|on) (?:the|your|my) (?:app|machine|phone|device|router)\b|in der app\b", re.IGNORECASE)
LONGEST = 4000


def points_at_error(text: str) -> tuple[str, ...]:
    """The words that point at an error in the mail itself; none where the text does not. Only its beginning is read."""
    found: list[str] = []
    text = text[:LONGEST]
    for cue in _CUES:
        for match in cue.finditer(text):
            behind = text[match.end() : match.end() + 30]
            if not _OURS_NOT.match(behind.lstrip()):
                found.append(" ".join(match[0].split()))
                break
    return tuple(dict.fromkeys(found))


def different_people(pointed: Iterable[tuple[int | None, str]]) -> int:
    """How many different people these are at least; each is a customer (None: nobody's) and the author's address."""
    told = list(pointed)
    authors = {author for _, author in told}
    customers = {customer if customer is not None else author for customer, author in told}
    return min(len(authors), len(customers))


_TEXTS = {
    "en": (
        "Correction: {subject}",
        'Hello {{{{ first_name or "there" }}}},\n\nthere was a mistake in our mail “{subject}”. We are sorry.\n\n'
        "**What was wrong:** {{{{ what_was_wrong }}}}\n\n**What is right:** {{{{ what_is_right }}}}\n\n"
        "Thank you to everyone who told us.\n\n{company}\n",
    ),
    "de": (
        "Korrektur: {subject}",
        'Guten Tag{{{{ " " + first_name if first_name else "" }}}},\n\nin unserer Mail „{subject}“ war ein Fehler. '
        "Das tut uns leid.\n\n**Falsch war:** {{{{ what_was_wrong }}}}\n\n**Richtig ist:** {{{{ what_is_right }}}}\n\n"
        "Danke an alle, die uns das gesagt haben.\n\n{company}\n",
    ),
}


def correction_letter(
    campaign: str, number: int, subject: str, messages: Iterable[int], list_name: str, company: str, language: str
) -> Letter:
    """The draft to everyone who got the issue. What was wrong and what is right are variables that nobody has, so that
    no mail of it can be made, nor leave, until a person has written it. `messages` are named in a comment.
    """
    title, body = _TEXTS.get(language[:2].lower(), _TEXTS["en"])
    numbers = ", ".join(f"outreach replies show {one}" for one in messages)
    head = [
        "---",
        f"# Put what was wrong and what is right in place of the two variables. Who pointed at it: {numbers}",
        f"name: correction-{campaign}-{number}",
        f"subject: {json.dumps(title.format(subject=subject), ensure_ascii=False)}",
        "kind: service",
        f"whom: got {campaign} {number}",
        f"list: {list_name}",
        "template: news",
        "tips: 0",
        "---",
    ]
    return Letter(f"correction-{campaign}-{number}", "\n".join([*head, body.format(subject=subject, company=company)]))
