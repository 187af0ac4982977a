"""Where a letter's own words end and its signature begins: "Kind regards", a name, a firm, a telephone number.

Law: linear in the text; what is cut is only not weighed, and stays to be read. A line below the closing that is a
sentence, a question or a postscript is the person's own: then nothing is cut.
"""

from __future__ import annotations

import re

MOST_LINES = 12
LONGEST = 70
_CLOSING = re.compile(
    r"(?:(?:with )?(?:kind|best|warm|kindest|warmest) (?:regards|wishes)|regards|yours (?:sincerely|truly|faithfully)"
    r"|sincerely|many thanks and best wishes|all the best"
    r"|mit (?:freundlichen|besten|lieben|herzlichen) gr(?:ü|ue)(?:ß|ss)en|(?:viele|liebe|beste|herzliche|schöne) grüße"
    r"|freundliche grüße|(?:lieben |schönen |besten )?gruß|mfg|lg|vg|hochachtungsvoll"
    r"|cordialement|bien cordialement|bien à vous|salutations(?: distinguées)?|meilleures salutations"
    r"|(?:un )?(?:cordial )?saludos?(?: cordiales)?|atentamente|un abrazo)"
    r"(?:[ ,.!:-]*|[ ,.!:-]+\w[\w.'-]*(?: \w[\w.'-]*)?[.,!]?)\Z",
    re.IGNORECASE,
)
_POSTSCRIPT = re.compile(r"p\.? ?s\b", re.IGNORECASE)


def before_closing(text: str) -> str:
    """The text up to its closing words, these left out; all of it where it has none, or says more below."""
    lines = text.rstrip().split("\n")
    below: list[str] = []
    for number in range(len(lines) - 1, 0, -1):
        line = lines[number].strip()
        if _CLOSING.match(line) and len(line) <= LONGEST:
            return "\n".join(lines[:number])
        below += [line] if line else []
        if len(below) > MOST_LINES or _says_something(line):
            break
    return text


def _says_something(line: str) -> bool:
    sentence = line.endswith((".", "!")) and len(line.split()) > 4
    return "?" in line or len(line) > LONGEST or sentence or _POSTSCRIPT.match(line) is not None
