"""An answer to a calendar invitation: who comes, who does not, who may.

Law: METHOD:REPLY and COUNTER are answers, everything else that calendars send is not; lines are unfolded and capped
before they are read, and nothing raises. RFC 5546 3.2.3 (REPLY), RFC 6047 (iMIP), RFC 5545 3.1 and 3.2.12.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .mail import ParsedMail
from .mime import decode_bytes
from .parse import plain_address

PARTS = ("text/calendar", "application/ics")
LONGEST = 100_000
LONGEST_COMMENT = 2_000
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative", "DELEGATED": "delegated"}
_FOLD = re.compile(r"\r?\n[ \t]")
_HEAD = re.compile(r'(?:[^":]|"[^"]*")*+')
"""What stands before a line's colon: one in a quoted parameter (CN="Dr.: Ann") is none."""
_PARAMETER = re.compile(r';([^";=]*)=((?:[^";]|"[^"]*")*+)')
_ESCAPED = re.compile(r"\\([nN,;\\])")
_CARET = re.compile(r"\^([n'^])")
"""RFC 6868: how a parameter holds a new line, a quotation mark, a caret."""


@dataclass(frozen=True)
class CalendarAnswer:
    """`answer`: accepted, declined, tentative, delegated, another time (a counter-proposal), or unanswered."""

    answer: str
    summary: str = ""
    attendee: str = ""
    comment: str = ""
    uid: str = ""

    @property
    def words(self) -> str:
        """For a person: what was answered to what, and the comment."""
        about = f' "{self.summary}"' if self.summary else " an invitation"
        said = f': "{self.comment[:200]}"' if self.comment else ""
        return f"{self.answer}{about}{said}"


def read_answer(mail: ParsedMail) -> CalendarAnswer | None:
    """The answer in a mail, or None where it holds none."""
    for part in mail.parts:
        if part.media_type in PARTS:
            found = _read(decode_bytes(part.body[:LONGEST], part.charset))
            if found is not None:
                return found
    return None


def _read(text: str) -> CalendarAnswer | None:
    method, values = "", {}
    for line in _FOLD.sub("", text).splitlines()[:500]:
        line = line[:4_000]
        head = _HEAD.match(line)
        at = head.end() if head is not None else 0
        at = at if line[at : at + 1] == ":" else line.find(":")
        if at < 0:
            continue
        name, value = line[:at].partition(";")[0].strip().upper(), line[at + 1 :]
        if name == "METHOD":
            method = value.strip().upper()
        elif name == "ATTENDEE" and "attendee" not in values:
            told = {key.strip().upper(): said.strip().strip('"') for key, said in _PARAMETER.findall(line[:at])}
            values["attendee"] = plain_address(value.strip().lower().removeprefix("mailto:"))
            values["state"] = told.get("PARTSTAT", "").upper()
            said = _ESCAPED.sub(_plain, _CARET.sub(_plain, told.get("X-RESPONSE-COMMENT", "")))  # Google's way
            values["comment"] = values.get("comment") or said.strip()[:LONGEST_COMMENT]
        elif name in ("SUMMARY", "UID"):
            values.setdefault(name.lower(), _ESCAPED.sub(_plain, value).strip()[:200])
        elif name == "COMMENT" and not values.get("comment"):
            values["comment"] = _ESCAPED.sub(_plain, value).strip()[:LONGEST_COMMENT]
    if method not in ("REPLY", "COUNTER"):
        return None
    answer = "another time" if method == "COUNTER" else _ANSWERS.get(values.get("state", ""), "unanswered")
    return CalendarAnswer(
        answer,
        values.get("summary", ""),
        values.get("attendee", ""),
        values.get("comment", ""),
        values.get("uid", ""),
    )


def _plain(found: re.Match[str]) -> str:
    return {"n": " ", "N": " ", "'": '"'}.get(found[1], found[1])
