"""A cause that several cases have in common: which cases may belong to it, and the letters when it is fixed.

Law: whoever told us is told that it is fixed, once; whoever may have it and never told us gets another letter, that
does not pretend they did. A letter is a draft: a campaign file that a person reads, changes and sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]{4,}")
_TOO_COMMON = frozenset(
    "about after again also been could does doing from have hello help here just know like make mail more much need"
    " only please since some still thank that their them then there they this time very want what when where"
    " which while will with would your aber auch bitte dann dass diese dieser einen eine haben hallo immer kann"
    " können mehr mein meine nach nicht noch oder schon seit sehr sich sind über unter wenn werden wird wieder".split()
)


def content_words(text: str) -> frozenset[str]:
    """The words of a text that tell what it is about, cut to their first six letters so that endings do not count."""
    return frozenset(word[:6] for word in _WORD.findall(text.lower()) if word not in _TOO_COMMON)


@dataclass(frozen=True)
class CaseWords:
    """A case as it is compared: its topic, and what its customer wrote."""

    case_id: int
    topic: str
    text: str


def likely_cases(
    topic: str, known: Iterable[str], others: Iterable[CaseWords], most: int = 10
) -> list[tuple[int, str]]:
    """Other cases that may have the same cause, the likeliest first, each with the words that they share.

    `known`: the cause's title and what its cases say. Three words in common are needed,
    two where the topic is the same.
    """
    about = frozenset().union(*map(content_words, known))
    found = []
    for case in others:
        shared = sorted(about & content_words(case.text))
        same = bool(topic) and case.topic == topic
        if len(shared) >= (2 if same else 3):
            found.append((-len(shared) - same, case.case_id, ", ".join(shared[:8])))
    return [(case_id, words) for _, case_id, words in sorted(found)[:most]]


@dataclass(frozen=True)
class Letter:
    """A draft: the campaign's name and its whole file."""

    name: str
    text: str


_TOLD = {
    "en": (
        "You told us, and we fixed it: {title}",
        'Hello {{{{ first_name or "there" }}}},\n\nyou told us about this: **{title}**. You were right, and it is '
        "fixed.\n\n{fix}\n\nIs it still not right for you? Just reply to this mail.\n\nThank you for telling us."
        "\n\n{company}\n",
    ),
    "de": (
        "Sie haben es uns gesagt, wir haben es behoben: {title}",
        'Guten Tag{{{{ " " + first_name if first_name else "" }}}},\n\nSie haben uns darauf hingewiesen: **{title}**. '
        "Sie hatten recht, und es ist behoben.\n\n{fix}\n\nStimmt bei Ihnen noch etwas nicht? Antworten Sie einfach "
        "auf diese Mail.\n\nDanke, dass Sie es uns gesagt haben.\n\n{company}\n",
    ),
}
_SILENT = {
    "en": (
        "Fixed: {title}",
        'Hello {{{{ first_name or "there" }}}},\n\nother customers told us about this: **{title}**. You may have met '
        "it too. It is fixed.\n\n{fix}\n\nIs something not right for you? Just reply to this mail.\n\n{company}\n",
    ),
    "de": (
        "Behoben: {title}",
        'Guten Tag{{{{ " " + first_name if first_name else "" }}}},\n\nandere Kunden haben uns darauf hingewiesen: '
        "**{title}**. Vielleicht kennen Sie das auch. Es ist behoben.\n\n{fix}\n\nStimmt bei Ihnen etwas nicht? "
        "Antworten Sie einfach auf diese Mail.\n\n{company}\n",
    ),
}


def told_letter(cause: str, title: str, fix: str, list_name: str, company: str, language: str) -> Letter:
    """ "You told us, we fixed it", to everyone with a case from this cause: service mail, which no hold stops."""
    front = ["kind: service", f"whom: told {cause}", f"list: {list_name}", "template: news", "tips: 0"]
    return _letter(f"fixed-{cause}", _TOLD, front, title, fix, company, language)


def silent_letter(
    cause: str, title: str, fix: str, segment: str, list_name: str, company: str, language: str
) -> Letter:
    """A note to those in the cause's segment who never told us: for subscribers alone, and within their budget."""
    front = ["kind: tips", f"whom: silent {cause}", f"list: {list_name}", f"segment: {json.dumps(segment)}"]
    front += ["template: news", "tips: 0", "hold_out: no"]
    return _letter(f"note-{cause}", _SILENT, front, title, fix, company, language)


def _letter(
    name: str, texts: dict[str, tuple[str, str]], front: list[str], title: str, fix: str, company: str, language: str
) -> Letter:
    subject, body = texts.get(language[:2].lower(), texts["en"])
    head = [f"name: {name}", f"subject: {json.dumps(subject.format(title=title), ensure_ascii=False)}", *front]
    words = body.format(title=plain(title), fix=plain(fix), company=plain(company))
    return Letter(name, "\n".join(["---", *head, "---", words]))


def plain(text: str) -> str:
    """A person's words inside a template: what would be a variable there is shown as it was written."""
    return re.sub(r"(\{[{%#]|[%#}]\})", lambda found: "{{ " + json.dumps(found[0]) + " }}", text.strip())
