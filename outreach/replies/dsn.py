"""Bounces: what a delivery status notification says of whom, and what class of failure it is.

Law: only a bad address ever suppresses (policy, a full mailbox, a dead host do not), and a status says so only where
its words don't say the opposite. RFC 3464 (delivery status), RFC 3463 (enhanced status codes), RFC 6522.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from typing import Literal

from ..records import FailureClass
from . import mime
from .mail import Limits, ParsedMail
from .parse import parse_headers, plain_address

Action = Literal["failed", "delayed", "delivered"]
_LIMITS = Limits()
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_BASIC = re.compile(r"\b([45]\d\d)[ -]")
_BAD_STATUS = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.0"))
_BAD_WORDS = re.compile(
    r"user unknown|unknown user|no such (?:user|mailbox|recipient|person|address)|does ?n[o']t exist|not exist"
    r"|mailbox (?:not found|unavailable or does not|does not|unknown)|invalid (?:recipient|mailbox|address)"
    r"|unrouteable address|no mailbox (?:here|by that name)|recipient (?:not found|unknown)|address unknown"
    r"|unknown (?:recipient|address|local)|account (?:has been |is )?(?:disabled|closed|inactive|deleted)"
    r"|user (?:doesn't have|not found)|not a (?:valid|known) (?:user|mailbox|recipient)"
    r"|no longer (?:valid|in use|active)"
    r"|domain (?:does not exist|not found)|host or domain name not found|mailbox (?:is )?(?:disabled|inactive)"
    r"|empfänger unbekannt|existiert nicht|adresse inconnue|n'existe pas|no existe"
)
_FULL_WORDS = re.compile(
    r"(?:mail ?box|inbox|user) (?:is )?(?:full|over ?quota|exceeded)|over ?quota|quota exceeded|mailbox size"
    r"|insufficient (?:disk|system) (?:space|storage)|postfach (?:ist )?voll|boîte pleine|out of storage"
)
_POLICY_WORDS = re.compile(
    r"\bspam\b|\bblocked\b|block ?list|blacklist|\bpolicy\b|reputation|\bdmarc\b|\bspf\b|\bdkim\b|unsolicited"
    r"|access denied|not authori[sz]ed|rate limit|too many|spamhaus|rejected for|content rejected|virus"
)


@dataclass(frozen=True)
class BounceReport:
    """What became of one recipient. `returned` are the headers of our mail, where they came back."""

    action: Action
    recipient: str
    status: str
    diagnostic: str
    failure: FailureClass | None
    returned: ParsedMail | None = None


def read_bounce(mail: ParsedMail, raw: bytes, *, strict: bool = False) -> BounceReport | None:
    """The report in a mail that a machine sent about ours, or None where it holds none.

    A structured report is read first; then the detectors of flufl.bounce find the recipient in free text. `strict`:
    nothing else says that it is a bounce, so that words alone ("does not exist") are not enough.
    """
    returned = returned_headers(mail)
    for part in mail.parts:
        if part.media_type in ("message/delivery-status", "message/global-delivery-status"):
            found = _worst(_recipients(mime.decode_bytes(part.body, part.charset), returned))
            if found is not None:
                return found
    return _from_free_text(mail, raw, returned, strict)


def returned_headers(mail: ParsedMail) -> ParsedMail | None:
    """The headers of the message that a report returns, or None."""
    for part in mail.parts:
        if part.media_type in (
            "message/rfc822",
            "message/global",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global-headers",
        ):
            return parse_headers(part.body)
    return None


def classify_status(status: str, words: str) -> FailureClass:
    """Why a delivery failed for good, by the enhanced status and the server's words (RFC 3463).

    5.7 (policy) is never a bad address, whatever the words; other codes need words that don't speak of policy.
    """
    said = words.lower()[:4000]
    kind, subject, _ = (*status.split("."), "", "")[:3] if status else ("", "", "")
    if subject == "7" or (status not in _BAD_STATUS and _POLICY_WORDS.search(said)):
        return FailureClass.REFUSED
    if status == "5.2.2" or status == "4.2.2" or _FULL_WORDS.search(said):
        return FailureClass.MAILBOX_FULL
    if kind == "4":
        return FailureClass.TRANSIENT
    if status in _BAD_STATUS:
        policy = status in ("5.1.0", "5.1.1") and _POLICY_WORDS.search(said) and not _BAD_WORDS.search(said)
        return FailureClass.REFUSED if policy else FailureClass.BAD_ADDRESS
    if _BAD_WORDS.search(said):
        return FailureClass.BAD_ADDRESS
    return FailureClass.REFUSED if subject in ("3", "6") or status == "5.2.3" else FailureClass.OTHER


def _recipients(status_text: str, returned: ParsedMail | None) -> Iterable[BounceReport]:
    """One report per group of fields after the first (RFC 3464 2.1)."""
    text = status_text[:200_000].replace("\r\n", "\n")
    for block in re.split(r"\n[ \t]*\n", text)[:200]:
        fields = dict(mime.split_head(block.encode() + b"\n\n", _LIMITS)[0])
        action = fields.get("action", "").lower().partition(" ")[0]
        if not action and "final-recipient" not in fields:
            continue
        recipient = _typed(fields.get("original-recipient", "")) or _typed(fields.get("final-recipient", ""))
        diagnostic = fields.get("diagnostic-code", "").partition(";")[2].strip() or fields.get("diagnostic-code", "")
        found = _STATUS.search(fields.get("status", ""))
        stated = found[1] if found else ""
        if stated in ("", "5.0.0", "4.0.0") and (inner := _STATUS.search(diagnostic)):
            stated = inner[1]
        yield _report(action, recipient, stated, diagnostic[:500], returned)


def _report(action: str, recipient: str, status: str, diagnostic: str, returned: ParsedMail | None) -> BounceReport:
    if action in ("delivered", "relayed", "expanded") or (not action and status.startswith("2")):
        return BounceReport("delivered", recipient, status, diagnostic, None, returned)
    if action == "delayed":
        return BounceReport("delayed", recipient, status, diagnostic, None, returned)
    return BounceReport("failed", recipient, status, diagnostic, classify_status(status, diagnostic), returned)


def _worst(reports: Iterable[BounceReport]) -> BounceReport | None:
    order: dict[Action, int] = {"failed": 0, "delayed": 1, "delivered": 2}
    return min(reports, key=lambda report: order[report.action], default=None)


def _typed(value: str) -> str:
    return plain_address(value.partition(";")[2].strip() or value)


def _from_free_text(mail: ParsedMail, raw: bytes, returned: ParsedMail | None, strict: bool) -> BounceReport | None:
    temporary, permanent = _scan(raw[:200_000])
    words = mail.text[:20_000]
    status = _STATUS.search(words)
    stated = status[1] if status else f"{basic[1][0]}.0.0" if (basic := _BASIC.search(words)) else ""
    diagnostic = _telling_line(words)
    if strict and not permanent and not temporary:
        return None
    if permanent or (not temporary and _BAD_WORDS.search(words.lower())):
        recipient = plain_address(sorted(permanent)[0]) if permanent else ""
        return BounceReport("failed", recipient, stated, diagnostic, classify_status(stated, diagnostic), returned)
    if temporary:
        return BounceReport("delayed", plain_address(sorted(temporary)[0]), stated, diagnostic, None, returned)
    if stated.startswith("5"):
        return BounceReport("failed", "", stated, diagnostic, classify_status(stated, diagnostic), returned)
    return None


def _telling_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    for rule in (_BAD_WORDS, _FULL_WORDS, _POLICY_WORDS):
        for line in lines:
            if rule.search(line.lower()[:2000]):
                return line[:500]
    return next((line[:500] for line in lines if _STATUS.search(line[:2000]) or _BASIC.search(line[:2000])), "")


def _scan(raw: bytes) -> tuple[set[str], set[str]]:
    """(temporary, permanent) recipients by the detectors of flufl.bounce; nothing where it stumbles."""
    if raw.count(b"boundary") > 20:
        return set(), set()
    from flufl.bounce import all_failures  # lazy: thirty detectors, needed for unstructured bounces only

    try:
        message: Message = BytesParser().parsebytes(raw)
        temporary, permanent = all_failures(message)
        return {_text(one) for one in temporary}, {_text(one) for one in permanent}
    except Exception:  # its detectors index and decode whatever came in; a bounce that defeats them is read by a person
        return set(), set()


def _text(address: bytes | str) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else address
