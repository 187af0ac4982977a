"""Bounces: what a delivery status notification says of whom, and what class of failure it is.

Law: what a report says is read here, what it means stands in `outreach.refusal`; a structured report is believed
before free text. RFC 3464 (delivery status), RFC 3463 (enhanced status codes), RFC 6522.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesParser
from typing import Literal

from ..records import FailureClass
from ..refusal import classify_refusal, is_refused_late, late_class, names_bad_address, tells
from . import mime
from .bounced import ADDRESS, guess_recipient, said_by
from .mail import Limits, ParsedMail
from .parse import parse_headers, plain_address

Action = Literal["failed", "delayed", "delivered"]
_LIMITS = Limits()
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
"""Not three octets of the address of a host: servers name it before what it said."""
_STILL_TRYING = re.compile(
    r"this is a warning|warning message only|do not need to resend|will (?:keep|continue) (?:on )?trying"
    r"|transient non-fatal errors|(?:still|has) not (?:yet )?been delivered|attempts will continue|will be retried"
    r"|wird weiter versucht|noch nicht zugestellt|n'a pas encore été",
    re.IGNORECASE,
)
_GAVE_UP = re.compile(r"permanent (?:fatal )?error|giv(?:en|ing) up|gave up|could not be delivered", re.IGNORECASE)
_HEADER_LINE = re.compile(r"\s*(?:x-[\w-]+|subject|received|from|to|precedence|list-[\w-]+):", re.IGNORECASE)
_BASIC = re.compile(r"\b([45]\d\d)[ -]")


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
                return _weighed(_completed(found, mail, returned), said_by(mail))
    found = _from_free_text(mail, raw, returned, strict)
    return _weighed(found, said_by(mail)) if found is not None else None


def _completed(report: BounceReport, mail: ParsedMail, returned: ParsedMail | None) -> BounceReport:
    """A report whose fields leave out whom it is about, or why: the words beside it may say so."""
    if not report.recipient:
        report = replace(report, recipient=guess_recipient(mail, returned))
    if report.action == "failed" and not report.diagnostic and (words := _telling_line(said_by(mail)[:20_000])):
        report = replace(report, diagnostic=words, failure=classify_refusal(report.status, words))
    return report


def _weighed(report: BounceReport, words: str) -> BounceReport:
    """The report, where "unknown" was said only after the recipient had been taken: then the address may be good."""
    if not is_refused_late(f"{report.diagnostic}\n{words}"):
        return report
    return replace(report, failure=late_class(report.failure, f"{report.status} {report.diagnostic}"))


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
    return BounceReport("failed", recipient, status, diagnostic, classify_refusal(status, diagnostic), returned)


def _worst(reports: Iterable[BounceReport]) -> BounceReport | None:
    order: dict[Action, int] = {"failed": 0, "delayed": 1, "delivered": 2}
    return min(reports, key=lambda report: order[report.action], default=None)


def _typed(value: str) -> str:
    return plain_address(value.partition(";")[2].strip() or value)


def _from_free_text(mail: ParsedMail, raw: bytes, returned: ParsedMail | None, strict: bool) -> BounceReport | None:
    temporary, permanent = _scan(raw[:200_000])
    words = said_by(mail)[:20_000]
    status = _STATUS.search(words)
    stated = status[1] if status else f"{basic[1][0]}.0.0" if (basic := _BASIC.search(words)) else ""
    diagnostic = _telling_line(words)
    if strict and not permanent and not temporary:
        return None
    if permanent and not temporary and _STILL_TRYING.search(words) and not _GAVE_UP.search(words):
        temporary, permanent = permanent, set()
    if temporary and not permanent:
        return BounceReport("delayed", plain_address(sorted(temporary)[0]), stated, diagnostic, None, returned)
    if permanent or names_bad_address(words) or stated.startswith("5"):
        recipient = plain_address(sorted(permanent)[0]) if permanent else guess_recipient(mail, returned)
        return BounceReport("failed", recipient, stated, diagnostic, classify_refusal(stated, diagnostic), returned)
    return None


def _telling_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip() and not _HEADER_LINE.match(line)]
    if found := next((line for line in lines if tells(line)), ""):
        return found[:500]
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


def named_addresses(mail: ParsedMail, raw: bytes, report: BounceReport | None, limit: int = 50) -> list[str]:
    """Every address that a bounce names, the likeliest recipient first: whoever is in our ledger is meant.

    Non-standard bounces name the recipient anywhere: in a header, a sentence, the mail that they return.
    """
    found = [report.recipient] if report is not None and report.recipient else []
    found += ADDRESS.findall(mail.header("x-failed-recipients"))
    text = mail.text[:50_000] + "\n" + raw[:100_000].decode("utf-8", "replace")
    found += [one.removeprefix("rfc822;") for one in ADDRESS.findall(text)]
    named = (plain_address(one.strip("'\".-")) for one in found)
    return list(dict.fromkeys(one for one in named if one))[:limit]
