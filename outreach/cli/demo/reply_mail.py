"""Makes real mail out of the demo's words: replies as Gmail, Outlook and Apple Mail write them, a bounce
(RFC 3464), an abuse report (RFC 5965), an auto-reply (RFC 3834), an unsubscribe mail (RFC 2369).

Law: every builder takes the bytes of a mail that was received and answers that one; the clock is the mail's own Date.
"""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

VoiceKind = Literal["complaint", "question", "thanks", "out_of_office", "unsubscribe_words"]
STYLES = ("gmail", "outlook", "apple")
_SAME = policy.compat32.clone(linesep="\r\n", max_line_length=None)


@dataclass(frozen=True)
class Voice:
    """What one customer says. `subject` "" answers under the original's; in an auto-reply `{}` stands for it.

    In `text`, `{first}` and `{last}` are where the writer signs.
    """

    kind: VoiceKind
    topic: str
    subject: str
    text: str
    language: str = "en"

    def said_by(self, sender: str) -> str:
        """The words as `sender` signs them: by the display name, or else by the address."""
        name, address = parseaddr(sender)
        names = name.split() or [part.title() for part in re.split(r"[._\d]+", address.partition("@")[0]) if part]
        return self.text.format(first=names[0] if names else "", last=names[-1] if names else "")


@dataclass(frozen=True)
class _Original:
    """The mail that is answered, read with the strict parser: ours must stand it."""

    mail: EmailMessage
    raw: bytes

    def header(self, name: str) -> str:
        return str(self.mail.get(name, ""))

    @property
    def sent_at(self) -> datetime:
        date = self.mail["Date"]
        found = date.datetime if date is not None else None
        return found if found is not None else datetime(2026, 1, 1, 9, 0, tzinfo=UTC)

    @property
    def recipient(self) -> str:
        return parseaddr(self.header("Delivered-To") or self.header("To"))[1]

    @property
    def reverse_path(self) -> str:
        return self.header("Return-Path").strip().strip("<>")

    @property
    def answer_to(self) -> str:
        """The whole Reply-To, or the From where there is none (RFC 5322 3.6.3)."""
        return self.header("Reply-To") or self.header("From")

    def body(self, kind: Literal["plain", "html"]) -> str:
        part = self.mail.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def as_reply(voice: Voice, original: bytes, sender: str, *, style: int | None = None) -> bytes:
    """A reply to `original` from `sender` ("Ann <ann@example.com>" or an address), the original quoted below.

    `style` picks one of STYLES; without it the voice's words do, always the same.
    """
    mail = _read(original)
    if style is None:
        style = hashlib.sha256(voice.text.encode()).digest()[0]
    look = STYLES[style % len(STYLES)]
    reply = _answer(mail, sender, f"{look} {voice.text}", minutes=47)
    reply["To"] = mail.answer_to
    bare = re.sub(r"^(?:re|aw)\s*:\s*", "", mail.header("Subject"), flags=re.IGNORECASE)
    prefix = "AW: " if voice.language == "de" and look == "outlook" else "Re: "
    reply["Subject"] = voice.subject or prefix + bare
    text, page = {"gmail": _gmail, "outlook": _outlook, "apple": _apple}[look](voice, voice.said_by(sender), mail)
    reply.set_content(text, cte="quoted-printable")
    if page:
        reply.add_alternative(page, subtype="html", cte="quoted-printable")
        reply.set_boundary(f"=_{hashlib.sha256(page.encode()).hexdigest()[:28]}")
    if look == "outlook":
        reply["Thread-Topic"] = bare
        reply["Accept-Language"] = "de-DE, en-US" if voice.language == "de" else "en-GB, en-US"
    if look == "apple":
        reply["X-Mailer"] = "iPhone Mail (23B85)"
    return reply.as_bytes(policy=policy.SMTP)


def as_out_of_office(voice: Voice, original: bytes, sender: str) -> bytes:
    """An auto-reply from `sender`, to the reverse-path and marked as such (RFC 3834 3.1.7, 4)."""
    mail = _read(original)
    reply = _answer(mail, sender, voice.text, minutes=0)
    reply["To"] = mail.reverse_path or parseaddr(mail.answer_to)[1]
    reply["Subject"] = (voice.subject or "Auto: {}").format(mail.header("Subject"))
    reply["Auto-Submitted"] = "auto-replied"
    reply["X-Auto-Response-Suppress"] = "All"
    reply.set_content(voice.said_by(sender) + "\n", cte="quoted-printable")
    return reply.as_bytes(policy=policy.SMTP)


def as_unsubscribe_mail(original: bytes, sender: str) -> bytes:
    """What a mail client sends when its reader presses "unsubscribe" and List-Unsubscribe holds a mailto (RFC 2369).

    Raises ValueError where the header has none.
    """
    mail = _read(original)
    found = re.search(r"<(mailto:[^>]+)>", re.sub(r"\s", "", mail.header("List-Unsubscribe")), re.IGNORECASE)
    if found is None:
        raise ValueError("the mail has no List-Unsubscribe with a mailto address")
    link = urlsplit(found[1])
    wishes = parse_qs(link.query)
    reply = EmailMessage(policy=policy.SMTP)
    _stamp(reply, mail, sender, "unsubscribe", minutes=5)
    reply["To"] = unquote(link.path)
    reply["Subject"] = wishes.get("subject", ["unsubscribe"])[0]
    reply.set_content(wishes.get("body", [""])[0] + "\n")
    return reply.as_bytes(policy=policy.SMTP)


def as_bounce(original: bytes, *, status: str = "5.1.1", said: str = "") -> bytes:
    """A delivery status notification to the reverse-path of `original` (RFC 3464): by default "no such user"."""
    mail = _read(original)
    domain = mail.recipient.rpartition("@")[2]
    said = said or f"550 {status} <{mail.recipient}>: Recipient address rejected: User unknown"
    report = _report(mail, "delivery-status", f"Mail Delivery System <mailer-daemon@mx.{domain}>")
    report["To"] = mail.reverse_path
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Auto-Submitted"] = "auto-replied"
    words = (
        f"This is the mail system at host mx.{domain}.\n\nI'm sorry to have to inform you that your message could not\n"
        f"be delivered to one or more recipients. It's attached below.\n\n<{mail.recipient}>: {said}\n"
    )
    report.attach(MIMEText(words, "plain", "us-ascii"))
    about, recipient = Message(), Message()
    about["Reporting-MTA"] = f"dns; mx.{domain}"
    about["Arrival-Date"] = format_datetime(mail.sent_at)
    recipient["Final-Recipient"] = f"rfc822; {mail.recipient}"
    recipient["Original-Recipient"] = f"rfc822;{mail.recipient}"
    recipient["Action"] = "failed" if status.startswith("5") else "delayed"
    recipient["Status"] = status
    recipient["Diagnostic-Code"] = f"smtp; {said}"
    facts = Message()
    facts["Content-Type"] = "message/delivery-status"
    facts["Content-Description"] = "Delivery report"
    facts.set_payload([about, recipient])
    report.attach(facts)
    headers = mail.raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("ascii", "replace").replace("\ufffd", "?")
    report.attach(MIMEText(headers + "\n", "rfc822-headers", "us-ascii"))
    return report.as_bytes(policy=_SAME)


def as_abuse_report(original: bytes) -> bytes:
    """A feedback loop's report (RFC 5965) that the recipient pressed "this is spam"; goes to the reverse-path."""
    mail = _read(original)
    domain = mail.recipient.rpartition("@")[2]
    report = _report(mail, "feedback-report", f"Feedback Loop <fbl@{domain}>")
    report["To"] = mail.reverse_path
    report["Subject"] = f"FW: {mail.header('Subject')}"
    words = f"This is an email abuse report for an email message received at {domain}\non {mail.header('Date')}.\n"
    report.attach(MIMEText(words, "plain", "us-ascii"))
    facts = Message()
    facts["Content-Type"] = "message/feedback-report"
    facts.set_payload(
        "Feedback-Type: abuse\r\nUser-Agent: ExampleFeedback/1.0\r\nVersion: 1\r\n"
        f"Original-Mail-From: <{mail.reverse_path}>\r\nOriginal-Rcpt-To: <{mail.recipient}>\r\n"
        f"Arrival-Date: {mail.header('Date')}\r\nReporting-MTA: dns; mx.{domain}\r\n"
    )
    report.attach(facts)
    report.attach(MIMEMessage(message_from_bytes(mail.raw)))
    return report.as_bytes(policy=_SAME)


def _read(original: bytes) -> _Original:
    mail = message_from_bytes(original, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return _Original(mail, original)


def _stamp(reply: EmailMessage | MIMEMultipart, mail: _Original, sender: str, seed: str, *, minutes: int) -> None:
    name, address = parseaddr(sender)
    at = mail.sent_at + timedelta(minutes=minutes)
    token = hashlib.sha256(f"{mail.header('Message-ID')} {address} {seed}".encode()).hexdigest()[:24]
    if isinstance(reply, EmailMessage):
        reply["From"] = Address(name, addr_spec=address)
    else:
        reply["From"] = sender
    reply["Date"] = format_datetime(at)
    reply["Message-ID"] = f"<{token}@{address.rpartition('@')[2]}>"


def _answer(mail: _Original, sender: str, seed: str, *, minutes: int) -> EmailMessage:
    reply = EmailMessage(policy=policy.SMTP)
    _stamp(reply, mail, sender, seed, minutes=minutes)
    own = mail.header("Message-ID").strip()
    reply["In-Reply-To"] = own
    reply["References"] = f"{mail.header('References')} {own}".strip()
    return reply


def _report(mail: _Original, kind: str, sender: str) -> MIMEMultipart:
    seed = f"{kind} {mail.header('Message-ID')}"
    boundary = f"=_{hashlib.sha256(seed.encode()).hexdigest()[:32]}"
    report = MIMEMultipart("report", boundary=boundary, report_type=kind)
    _stamp(report, mail, sender, kind, minutes=1)
    return report


def _gmail(voice: Voice, said: str, mail: _Original) -> tuple[str, str]:
    when = mail.sent_at
    who, address = parseaddr(mail.header("From"))
    line = f"On {when:%a, %b} {when.day}, {when:%Y} at {when:%I:%M %p} {who} <{address}> wrote:"
    if voice.language == "de":
        line = f"Am {when:%d.%m.%Y} um {when:%H:%M} Uhr schrieb {who} <{address}>:"
    text = f"{said}\n\n{line}\n\n{_quoted(mail)}\n"
    page = (
        f'<div dir="ltr">{_as_html(said)}</div><br>'
        '<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f"{html.escape(line)}<br></div>"
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
        f'padding-left:1ex">{_inner(mail)}</blockquote></div>\n'
    )
    return text, page


def _outlook(voice: Voice, said: str, mail: _Original) -> tuple[str, str]:
    when, german = mail.sent_at, voice.language == "de"
    names = ("Von", "Gesendet", "An", "Betreff") if german else ("From", "Sent", "To", "Subject")
    day = f"{when:%d.%m.%Y %H:%M}" if german else f"{when:%A}, {when.day} {when:%B %Y %H:%M}"
    values = (mail.header("From"), day, mail.header("To"), mail.header("Subject"))
    lines = list(zip(names, values, strict=True))
    head = "\n".join(f"{name}: {value}" for name, value in lines)
    text = f"{said}\n\n________________________________\n{head}\n\n{mail.body('plain')}\n"
    shown = "<br>\n".join(f"<b>{name}:</b> {html.escape(value)}" for name, value in lines)
    page = (
        '<html><head><style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style></head>'
        f'<body dir="ltr"><div class="elementToProof">{_as_html(said)}</div>\n'
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{shown}</font><div>&nbsp;</div></div><div>{_inner(mail)}</div></body></html>\n"
    )
    return text, page


def _apple(voice: Voice, said: str, mail: _Original) -> tuple[str, str]:
    when = mail.sent_at
    who, address = parseaddr(mail.header("From"))
    sent, line = "Sent from my iPhone", f"On {when.day} {when:%b %Y}, at {when:%H:%M}, {who} <{address}> wrote:"
    if voice.language == "de":
        sent, line = "Von meinem iPhone gesendet", f"Am {when:%d.%m.%Y} um {when:%H:%M} schrieb {who} <{address}>:"
    return f"{said}\n\n{sent}\n\n> {line}\n> \n{_quoted(mail)}\n", ""


def _quoted(mail: _Original) -> str:
    return "\n".join(f"> {line}".rstrip() for line in mail.body("plain").rstrip("\n").split("\n"))


def _as_html(text: str) -> str:
    return "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in text.split("\n"))


def _inner(mail: _Original) -> str:
    """What stands in the original's body; mail clients drop the head when they quote."""
    page = mail.body("html")
    found = re.search(r"<body[^>]*>(.*)</body>", page, re.DOTALL | re.IGNORECASE)
    return found[1] if found else page or _as_html(mail.body("plain"))
