"""Whom a bounce in free words is about, where no field names the recipient.

Law: a guess, surest place first: the line that says why, an address that stands alone, the mail that came back. It
never names us: whom the bounce itself is to or from. RFC 3464 gives fields, and these are believed before this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..prose import html_to_text
from ..refusal import tells
from .mail import ParsedMail
from .parse import plain_address

LOOKED_AT = 30_000
MOST_LINES = 400
ADDRESS = re.compile(r"[\w.+'&/=%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DAEMON = re.compile(
    r"^(?:mailer[-_.]?daemon|post[-_.]?master|mail[-_.]?daemon|noreply|no-reply|support|abuse|help)", re.I
)
_RETURNED = re.compile(
    r"(?:-{2,}|={2,}|_{2,}|\*{2,}).{0,40}(?:original|returned|unsent|below|copy of|attached|enclosed|undelivered)"
    r"|^(?:message headers follow|original message headers|returned message|the (?:original )?message headers"
    r"|received: |return-path: |--- .{0,30}message)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:final-recipient|original-recipient|recipients?|rcpt(?: to)?|delivered? to|delivering .{0,30}to"
    r"|address(?:\(es\))?|mailbox|user|account|destinataire|empf(?:ä|ae)nger|destinatario)\b",
    re.IGNORECASE,
)
_TO = re.compile(r"^\s*(?:to|x-original-to|delivered-to):(.*)$", re.IGNORECASE)


def guess_recipient(mail: ParsedMail, returned: ParsedMail | None) -> str:
    """The likeliest recipient that a bounce names in words, or "" where it names nobody but us."""
    text = said_by(mail)
    lines = text.splitlines()[:MOST_LINES]
    cut = next((at for at, line in enumerate(lines) if at and _RETURNED.search(line[:200])), len(lines))
    written_to = ADDRESS.findall(f"{mail.header('to')} {mail.header('delivered-to')}"[:2_000])
    ours = {mail.sender, mail.return_path, *map(plain_address, written_to)}
    head, rest = lines[:cut], lines[cut:]
    for wanted in (_tells_of, _stands_alone, _names, _anything):
        for line in head:
            if wanted(line) and (found := next(_addresses(line, ours), "")):
                return found
    if returned is not None and (found := next(_addresses(returned.header("to")[:2_000], ours), "")):
        return found
    to = (match[1] for line in rest if (match := _TO.match(line[:500])))
    return next((found for value in to for found in _addresses(value, ours)), "")


def said_by(mail: ParsedMail) -> str:
    """The words of a bounce: its text, or that of its HTML."""
    return mail.text[:LOOKED_AT] if mail.text.strip() else html_to_text(mail.html[: 4 * LOOKED_AT])[:LOOKED_AT]


def _addresses(line: str, ours: set[str | None]) -> Iterator[str]:
    for found in ADDRESS.findall(line[:2_000])[:20]:
        plain = plain_address(found.strip("'\".-=/"))
        if plain and plain not in ours and not _DAEMON.match(plain):
            yield plain


def _tells_of(line: str) -> bool:
    return "@" in line and tells(line)


def _stands_alone(line: str) -> bool:
    bare = line.strip(" \t<>:;,.*-'\"")
    return "@" in bare and " " not in bare


def _names(line: str) -> bool:
    return "@" in line and _NAMED.search(line[:400]) is not None


def _anything(line: str) -> bool:
    return "@" in line
