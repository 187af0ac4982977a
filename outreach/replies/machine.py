"""Machine mail told apart by its headers, before any word of the text is weighed.

Law: reports first (they are typed), then calendars and receipts, then automatic replies. Whether a mail asks to be
unsubscribed is asked before this (`replies.leaving.asks_to_leave`): an automatic reply never hides a wish to leave.
RFC 3834 (Auto-Submitted), RFC 5965 and 6591 (feedback), RFC 8098 (receipts), RFC 6047 (iMIP), RFC 5321 4.5.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..records import FailureClass, Machine
from . import mime
from .bounced import guess_recipient, said_by
from .calendar import CalendarAnswer, read_answer
from .dsn import BounceReport, read_bounce, returned_headers
from .mail import Limits, ParsedMail

_MACHINE_SENDERS = re.compile(
    r"\b(?:mailer[-._]daemon|mail[-._]daemon|mdaemon|smtp[-._]daemon|postmaster)\b"
    r"|\bmail[-._ ]delivery[-._ ](?:sub)?system\b"
    r"|^<?bounces?[+@-]"
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|unzustellbar|delivery (?:status|failure|problem|warning|has failed|incomplete|notification|error)"
    r"|delivery to .{1,80} has|failure (?:notice|delivery)|mail delivery|(?:mail|message) (?:delivery )?failed"
    r"|returned (?:mail|to sender|message)|mail (?:system )?error|mail failure|failed mail|non-delivery|nondeliver"
    r"|(?:could not be|not been|not|cannot be) delivered|could not send|nicht zustellbar|nicht zugestellt|non remis"
    r"|non distribuable|no entregado|mancata consegna|niet bezorgd|не доставлено|user unknown"
)
_ERROR_CODE = re.compile(
    r"\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b|\b55\d[ -]|(?<![\d.])[45]\.[0-7]\.(?:1?\d|[4-9]\d|\d{3})(?!\.?\d)"
)
"""The last of these leaves out dates such as 5.7.26."""
_DELAY_SUBJECT = re.compile(r"\bdelay|\bwarning\b|not yet been|verzöger|en attente")
_ANSWER_MARK = r"^(?:(?:re|aw|fwd?|tr|sv|antw?|rif|odp):\s*)*"
_SUBJECT_OF_AN_ANSWER = re.compile(r"(?:re|aw|antw|sv|rif|odp):")
_AUTO_SUBJECT = re.compile(
    _ANSWER_MARK + r"(?:\[?auto(?:matic|mated)?[- ]?(?:reply|response|replied|generated)"
    r"|out[ -]of[ -](?:the )?office|ooo\b|away from (?:my|the) (?:office|desk|mail)"
    r"|vacation (?:reply|response|message)|abwesend:|abwesenheit(?:snotiz|snachricht|sassistent|:| )"
    r"|automatische antwort|autom\. antwort|automatische rückmeldung"
    r"|réponse automatique|absence du bureau|message d'absence|absent du bureau"
    r"|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori (?:sede|ufficio)"
    r"|automatisch antwoord|afwezigheid|resposta automática|autosvar|automatiskt svar|frånvaro|fravær"
    r"|automaattinen vastaus|poissaolo|automatyczna odpowiedź|autoodpowiedź|nieobecność|automatická odpověď"
    r"|automatikus válasz|răspuns automat|otomatik yanıt|автоответ|автоматический ответ"
    r"|自動返信|自動応答|自动回复|自動回覆|자동 회신|부재중)"
)
_AWAY_SUBJECT = re.compile(
    _ANSWER_MARK + r"(?:i am (?:currently )?(?:out of|away)|on (?:vacation|holiday|annual leave|maternity leave)"
    r"|ich bin (?:derzeit |zur zeit )?nicht (?:im|am|da)|urlaub|en congés?|ausente|ausencia|assente|ausência|不在)"
)
"""What people write too: it counts only beside a header that automatic replies carry."""
_AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-autoreply-from",
    "x-auto-reply-from",
    "x-mail-autoreply",
    "vacation-reply",
)
NO_COMPLAINTS = frozenset(("auth-failure", "not-spam", "dkim", "dmarc", "spf", "virus", "identity"))
"""Feedback of which nobody complains: about authentication, or that a mail was no spam (RFC 5965, 6430, 6591)."""
_RECEIPT = ("message/disposition-notification", "message/global-disposition-notification")
_LIMITS = Limits()


@dataclass(frozen=True)
class MachineMail:
    """What kind of mail it is, and the header that says so. A person's mail is `HUMAN`.

    `weak`: the header stands on people's mail too, where our address is a list itself: somebody we know is no machine.
    """

    machine: Machine
    reason: str
    bounce: BounceReport | None = None
    feedback: Feedback | None = None
    weak: bool = False
    calendar: CalendarAnswer | None = None


@dataclass(frozen=True)
class Feedback:
    """An abuse report (RFC 5965): who complained, and the headers of the mail that it is about."""

    kind: str
    recipient: str
    returned: ParsedMail | None


def sort_machine(mail: ParsedMail, raw: bytes, *, to_bounces: bool = False) -> MachineMail:
    """What kind of machine sent it, if any. `to_bounces`: it came to a reverse-path of ours."""
    if feedback := _feedback(mail):
        if feedback.kind in NO_COMPLAINTS:
            return MachineMail(Machine.AUTH_REPORT, f"Feedback-Type: {feedback.kind}", feedback=feedback)
        return MachineMail(Machine.ABUSE_REPORT, f"Feedback-Type: {feedback.kind}", feedback=feedback)
    if _is_aggregate_report(mail):
        return MachineMail(Machine.AUTH_REPORT, "an aggregate report on authentication (DMARC)")
    if any(part.media_type in _RECEIPT for part in mail.parts) or mail.report_type == "disposition-notification":
        return MachineMail(Machine.RECEIPT, "a receipt (disposition notification)")
    why, sure = _looks_like_bounce(mail, to_bounces)
    if why and (found := _bounce(mail, raw, why, sure)):
        return found
    if calendar := read_answer(mail):
        return MachineMail(Machine.CALENDAR, f"an answer to a calendar invitation: {calendar.words}", calendar=calendar)
    if why := _auto_reply(mail):
        return MachineMail(Machine.AUTO_REPLY, why)
    if _MACHINE_SENDERS.search(mail.header("from").lower()[:500]):
        return MachineMail(Machine.OTHER, f"from {mail.sender or 'a mail system'}")
    if (why := _list_mail(mail)) and not mail.ancestors:
        return MachineMail(Machine.OTHER, why, weak=True)
    return MachineMail(Machine.HUMAN, "no header of a machine")


def _is_aggregate_report(mail: ParsedMail) -> bool:
    """What providers send daily to who asks for it (RFC 7489 7.2.1.1): a subject in its form over a packed file."""
    packed = any(one.name.lower().endswith((".xml.gz", ".zip", ".xml")) for one in mail.attachments)
    return packed and mail.subject.lower().removeprefix("[preview] ").startswith("report domain:")


def _feedback(mail: ParsedMail) -> Feedback | None:
    part = next((part for part in mail.parts if part.media_type == "message/feedback-report"), None)
    if part is None:
        return None
    fields = dict(mime.split_head(part.body[:100_000].lstrip() + b"\r\n\r\n", _LIMITS)[0])
    recipient = fields.get("original-rcpt-to", "").strip("<> ")
    return Feedback(fields.get("feedback-type", "abuse").strip().lower(), recipient[:320], returned_headers(mail))


def _looks_like_bounce(mail: ParsedMail, to_bounces: bool) -> tuple[str, bool]:
    """Why it may be one ("" if nothing says so), and whether that is sure before the report in it is read."""
    subject = mail.subject.lower()[:300]
    from_machine = bool(_MACHINE_SENDERS.search(mail.header("from").lower()[:500]))
    told = bool(_BOUNCE_SUBJECT.search(subject)) and not _SUBJECT_OF_AN_ANSWER.match(subject)
    if mail.report_type == "delivery-status" or any("delivery-status" in part.media_type for part in mail.parts):
        return "a delivery status report", True
    if mail.has("x-failed-recipients"):
        return "X-Failed-Recipients", True
    if from_machine:
        sure = told or bool(_DELAY_SUBJECT.search(subject)) or _is_daemons_error(mail)
        return f"from {mail.sender or 'a mail system'}", sure
    if mail.return_path == "":
        if told:
            return "the null reverse-path and its subject", True
        # automatic replies go to the reverse-path, from the null one, just as bounces do (RFC 3834, 4; RFC 5230, 5.1)
        return "the null reverse-path", to_bounces and not _says_automatic(mail) and _says_code(mail)
    return (f"its subject: {mail.subject[:80]}", False) if told else ("", False)


def _is_daemons_error(mail: ParsedMail) -> bool:
    """A mailer-daemon's mail with an error code of SMTP in it, whatever its subject."""
    return "daemon" in mail.header("from").lower()[:500] and _says_code(mail)


def _says_code(mail: ParsedMail) -> bool:
    return _ERROR_CODE.search(said_by(mail)[:20_000]) is not None


def _bounce(mail: ParsedMail, raw: bytes, why: str, sure: bool) -> MachineMail | None:
    report = read_bounce(mail, raw, strict=not sure)
    if report is None:
        if not sure:
            return None
        if _DELAY_SUBJECT.search(mail.subject.lower()[:300]):
            return MachineMail(Machine.DELAY, why)
        recipient = guess_recipient(mail, returned_headers(mail))
        report = BounceReport("failed", recipient, "", "", FailureClass.OTHER, returned_headers(mail))
        return MachineMail(Machine.BOUNCE, why, bounce=report)
    if report.action == "delivered":
        return MachineMail(Machine.RECEIPT, "a delivery status report: delivered", bounce=report)
    if report.action == "delayed":
        return MachineMail(Machine.DELAY, "a delivery status report: still trying", bounce=report)
    return MachineMail(Machine.BOUNCE, why, bounce=report)


def _auto_reply(mail: ParsedMail) -> str:
    if why := _says_automatic(mail):
        return why
    if mail.return_path == "" and not _BOUNCE_SUBJECT.search(mail.subject.lower()[:200]):
        return "the null reverse-path"
    return ""


def _says_automatic(mail: ParsedMail) -> str:
    """The header or subject by which a mail calls itself an automatic reply; "" where none does."""
    submitted = mail.header("auto-submitted").lower().partition(";")[0].strip()
    if submitted and submitted != "no":
        return f"Auto-Submitted: {submitted}"
    if mail.has(*_AUTO_HEADERS):
        return next(key for key, _ in mail.headers if key in _AUTO_HEADERS)
    if mail.header("precedence").lower().strip() in ("auto_reply", "auto-reply"):
        return "Precedence: auto_reply"
    if mail.header("x-post-messageclass").startswith("9") or mail.has("x-fc-machinegenerated"):
        return "marked as generated by a machine"
    subject = mail.subject.lower()[:200]
    away = _AWAY_SUBJECT.match(subject) and mail.has("x-auto-response-suppress")
    if away or _AUTO_SUBJECT.match(subject):
        return f"its subject: {mail.subject[:80]}"
    return ""


def _list_mail(mail: ParsedMail) -> str:
    precedence = mail.header("precedence").lower().strip()
    if precedence in ("bulk", "list", "junk"):
        return f"Precedence: {precedence}"
    return "it came through a mailing list" if mail.has("list-id", "list-unsubscribe") else ""
