"""Acknowledging a new case: who may get one, and what it says.

Law (RFC 3834): never to a machine, a list or a null sender, and marked as sent by one; whoever is not sure to be a
person who wrote to us gets none. It is no answer: the case's clock does not mind it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from ..prose.days import day_in_words, spoken

Headers = Iterable[tuple[str, str]]
_MACHINE_LOCAL = re.compile(
    r"(?:mailer-daemon|postmaster|no-?_?reply|do-?not-?reply|nicht-?antworten|bounces?|daemon|root|www-data|listserv"
    r"|majordomo|owner-.*|.*-(?:request|owner|bounces?|errors)|.*\+bounces?.*|notifications?|automailer)",
    re.IGNORECASE,
)
_LIST = ("list-id", "list-unsubscribe", "list-help", "list-post", "list-subscribe", "list-owner", "list-archive")
WORDS = {
    "en": "Thank you for your message. It is our case {case}.\n\n"
    "A person reads it, and you hear from us by {due} at the latest.\n"
    "If you have something to add, just answer this mail: it stays in the same case.\n\n{company}",
    "de": "Vielen Dank für Ihre Nachricht. Sie ist unser Fall {case}.\n\n"
    "Ein Mensch liest sie, und Sie hören von uns bis spätestens {due}.\n"
    "Wenn Sie etwas ergänzen möchten, antworten Sie einfach auf diese Mail: sie bleibt im selben Fall.\n\n{company}",
}


def why_not(headers: Headers, sender: str, return_path: str | None, ours: Collection[str]) -> str:
    """Why a mail must not be acknowledged, in words; "" where it may.

    Header names are in lower case. `ours` are our own addresses in lower case: one of them must be among those that
    the mail names as its recipients.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    submitted = found.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if submitted != "no":
        return f"Auto-Submitted: {submitted}"
    if found.get("precedence", "").strip().lower() in ("bulk", "list", "junk", "auto_reply", "auto-reply"):
        return f"Precedence: {found['precedence'].strip()}"
    if listed := next((name for name in _LIST if name in found), None):
        return f"it came through a mailing list ({listed})"
    if "x-auto-response-suppress" in found and found["x-auto-response-suppress"].strip().lower() != "none":
        return "it asks for no automatic answers"
    if return_path == "":
        return "its sender is null: a machine's"
    local, _, domain = sender.lower().rpartition("@")
    if not local or not domain:
        return "nobody knows where it came from"
    if _MACHINE_LOCAL.fullmatch(local):
        return f"{sender} is a machine's address"
    if sender.lower() in ours:
        return "it came from one of us"
    named = f"{found.get('to', '')}, {found.get('cc', '')}".lower()
    if not any(_names(named, address) for address in ours):
        return "it is not addressed to us: perhaps a copy, or a list"
    return ""


def _names(named: str, address: str) -> bool:
    """Whether a header names an address of ours, with or without a tag behind a plus sign (RFC 5233)."""
    local, _, domain = address.partition("@")
    ours = rf"(?<![\w.+-]){re.escape(local)}(?:\+[\w.=-]{{1,80}})?@{re.escape(domain)}(?![\w.-])"
    return re.search(ours, named) is not None


def acknowledgement(language: str, case_id: int, due: datetime, zone: ZoneInfo, company: str) -> str:
    """What it says, in a language that we speak, else in English."""
    code = spoken(language)
    return WORDS[code].format(case=case_id, due=due_said(due, zone, code), company=company)


def due_said(due: datetime, zone: ZoneInfo, code: str) -> str:
    """A due time in words that a customer reads, with its zone."""
    here = due.astimezone(zone)
    hour = f"{here:%H:%M} Uhr" if code == "de" else f"{here:%H:%M}"
    return f"{day_in_words(here, code, year=False)}, {hour} ({zone.key})"
