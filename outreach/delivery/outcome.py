"""The whole policy for SMTP trouble: what a reply, or the lack of one, does to a delivery. No other file decides it.

Laws: every outcome has a reason that a person can read. `sent` follows only from a complete 2yz after the dot, and
`failed` and `deferred` only from a complete 5yz and 4yz (RELIABILITY I5); a 5yz to the dot that is about us defers,
since the next mail would be refused like this one. What is lost before the dot was never sent; what is lost after it
is in doubt (RFC 1047, RFC 5321 4.5.3.2.6). Whatever is released also backs off or stops the
relay, so that nothing turns in a tight circle. RFC 5321 4.2 (codes), RFC 3463 and 7504 (enhanced codes).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..refusal import classify_refusal, late_class
from ..words import DeliveryEvent as Event
from ..words import FailureClass


class Stage(StrEnum):
    """How far a transaction had got; `dot` begins when the final dot may have left."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


SESSION = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A complete, well-formed reply. `enhanced` is RFC 3463's code, or empty; `text` is one line without it."""

    code: int
    enhanced: str = ""
    text: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


@dataclass(frozen=True, slots=True)
class Lost:
    """No reply: the connection ended, the time ran out, or what came was not SMTP.

    `remedy` is set where trying again cannot help: a person must mend the relay's settings first.
    """

    stage: Stage
    why: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.why}\n  {self.remedy}" if self.remedy else self.why


@dataclass(frozen=True, slots=True)
class Unable:
    """This one mail cannot go over this relay, and the relay was not asked: `message` tells its bytes are at fault."""

    why: str
    message: bool = False


Result = SmtpReply | Lost | Unable


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows. `close`: drop the connection. `back_off`: leave the relay alone for a while.

    `stop`: send nothing more through this relay until a person has mended it; `remedy` says what.
    `slows`: the recipient's domain asks for less at a time; the relay is well.
    """

    event: Event
    reason: str
    failure: FailureClass | None = None
    close: bool = False
    back_off: bool = False
    stop: bool = False
    remedy: str = ""
    slows: bool = False


def judge(stage: Stage, result: Result) -> Outcome:
    """What `result` at `stage` means for the delivery, the connection and the relay. Total: it never raises."""
    if isinstance(result, Unable):
        event = Event.CANNOT_RENDER if result.message else Event.PERMANENT
        return Outcome(event, result.why, FailureClass.OTHER)
    if isinstance(result, Lost):
        return _judge_lost(stage, result)
    if stage is Stage.DOT:
        return _judge_dot(result)
    if result.code == 421:
        slows = _slows(stage, result)
        return Outcome(Event.RELEASE, f"the relay is closing: {result}", close=True, back_off=not slows, slows=slows)
    if stage in SESSION:
        return _judge_session(stage, result)
    if 400 <= result.code < 500 or (result.code == 552 and stage is Stage.RCPT):
        # RFC 5321 4.5.3.1.10: a 552 to RCPT means "too many recipients" and is to be read as 452
        return _temporary(stage, result)
    if 500 <= result.code < 600:
        return _judge_refusal(stage, result)
    return Outcome(Event.RELEASE, f"{result} is no answer to {stage}", close=True, back_off=True)


def _judge_lost(stage: Stage, lost: Lost) -> Outcome:
    if Stage.DOT in (stage, lost.stage):
        return Outcome(Event.UNKNOWN, f"after the final dot: {lost.why}", close=True, back_off=True)
    reason = f"at {lost.stage}: {lost.why}"
    return Outcome(
        Event.RELEASE, reason, close=True, back_off=not lost.remedy, stop=bool(lost.remedy), remedy=lost.remedy
    )


def _judge_dot(reply: SmtpReply) -> Outcome:
    if 200 <= reply.code < 300:
        return Outcome(Event.ACCEPTED, str(reply))
    if 400 <= reply.code < 500:
        return _temporary(Stage.DOT, reply)
    if 500 <= reply.code < 600:
        if remedy := _about_us(reply):
            words = f"the relay refused us after the final dot: {reply}"
            return Outcome(Event.TEMPORARY, words, FailureClass.TRANSIENT, close=True, stop=True, remedy=remedy)
        return Outcome(Event.PERMANENT, str(reply), late_class(failure_class(reply), reply.enhanced))
    # RFC 5321 4.3.2 knows no 1yz or 3yz here: whether the mail was taken cannot be told
    return Outcome(Event.UNKNOWN, f"after the final dot: {reply} is no answer to it", close=True, back_off=True)


def _judge_session(stage: Stage, reply: SmtpReply) -> Outcome:
    """The relay does not talk to us: that is never the recipient's fault."""
    temporary = reply.code < 500
    remedy = "" if temporary else _SESSION_REMEDIES[stage]
    return Outcome(
        Event.RELEASE,
        f"the relay refused {stage}: {reply}",
        close=True,
        back_off=temporary,
        stop=not temporary,
        remedy=remedy,
    )


_SESSION_REMEDIES = {
    Stage.CONNECT: "Check relay.host and relay.port, and whether this machine may send through it.",
    Stage.EHLO: "Check relay.hello: some relays want this machine's full name.",
    Stage.STARTTLS: 'The relay offers no STARTTLS. Try relay.tls = "tls" with its port (often 465).',
    Stage.AUTH: "Check relay.username and the password, app password or token_command.",
}
_ABOUT_US = frozenset({530, 534, 535, 538})
"""Authentication is missing or wrong (RFC 4954 6), whichever command says so."""
_OUT_OF_STEP = frozenset({500, 502, 503, 504, 521, 555})
"""Syntax, sequence, or a host that takes no mail at all (RFC 7504): about the session, never about one recipient."""
_RELAYING = re.compile(r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed)|prohibited)|unable to relay", re.I)
_FAR = re.compile(r" said|response to .{0,300} was:|in reply to ", re.IGNORECASE)
"""A relay repeats what the next server told it: of this recipient, whatever the words (Postfix, Exim)."""
_SENDER = re.compile(
    r"sender address rejected|sender verif(y|ication) failed|bad outbound sender"
    r"|permissions? to send as|sendasdenied|address is not verified|identities failed the check",
    re.IGNORECASE,
)
_CLIENT = re.compile(r"client host (\[\S+\] )?(rejected|blocked)|helo command rejected", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"sending (is |was |has been )?(paused|suspended|disabled|blocked)|spam abuse detected|tenant has exceeded"
    r"|\byour (\w+ )?account (is |was |has been )(paused|suspended|disabled|blocked|locked)"
    r"|submissionquotaexceeded|throttling failure|maximum credits|\b(sending|smtp relay) (limit|quota)"
    r"|\b(daily|hourly|monthly) (\w+ ){0,3}(limit|quota)|\b(reached|exceeded) your (\w+ ){0,3}(limit|quota)",
    re.IGNORECASE,
)
"""What Postfix (which answers RCPT where it means MAIL or the client), Exim, Amazon SES, Gmail's and Microsoft's relays
say of whoever sends: true of each mail that follows."""


def _about_us(reply: SmtpReply) -> str:
    """What a person must mend where a refusal is about us, and would be the same for every recipient; else nothing."""
    enhanced = _enhanced(reply)
    if reply.code in _ABOUT_US:
        return _LOGIN_REMEDY
    if enhanced in ("2.1", "2.2") or _FAR.search(reply.text) or _GREYLIST.search(reply.text):
        return ""
    if _RELAYING.search(reply.text):
        return _LOGIN_REMEDY
    if _ACCOUNT.search(reply.text):
        return "The relay lets our account send no more: look at its limits and notices, and set per_day in [relay]."
    if enhanced in ("1.7", "1.8") or _SENDER.search(reply.text):
        return _SENDER_REMEDY
    return (
        "The relay refuses this machine: check relay.hello, and the relay's rules."
        if _CLIENT.search(reply.text)
        else ""
    )


def _names_recipient(reply: SmtpReply) -> bool:
    """Whether a code that is mostly about the session is said of the recipient: x.1.x, x.2.x (RFC 3463 3.2, 3.3)."""
    return _enhanced(reply).startswith(("1.", "2.")) or "recipient address rejected" in reply.text.lower()


_LOGIN_REMEDY = "The relay does not let us send to others: check relay.username, the password and its rules."
_SENDER_REMEDY = "The relay refuses our sender address: check identity.sender and replies.bounces."


def _judge_refusal(stage: Stage, reply: SmtpReply) -> Outcome:
    """A 5yz before the dot. About us: release and stop. About the recipient, or this mail: failed."""
    if remedy := _about_us(reply):
        return Outcome(Event.RELEASE, f"the relay refused us at {stage}: {reply}", close=True, stop=True, remedy=remedy)
    if reply.code in _OUT_OF_STEP and not (stage is Stage.RCPT and _names_recipient(reply)):
        return Outcome(Event.RELEASE, f"out of step at {stage}: {reply}", close=True, back_off=True)
    if stage is Stage.MAIL and reply.code != 552 and _enhanced(reply) not in _ABOUT_MESSAGE:
        words = f"the relay refused the sender: {reply}"
        return Outcome(Event.RELEASE, words, close=True, stop=True, remedy=_SENDER_REMEDY)
    return Outcome(Event.PERMANENT, str(reply), failure_class(reply))


_ABOUT_MESSAGE = frozenset({"3.4", "2.3", "6.3", "6.7"})
"""Too large (RFC 1870 6), or not transportable: about this mail, even in answer to MAIL."""


def failure_class(reply: SmtpReply) -> FailureClass:
    """Why a reply refuses, by the table in `outreach.refusal`; an enhanced code of another class is not believed."""
    status = reply.enhanced if _enhanced(reply) else ""
    return classify_refusal(status, reply.text, reply.code)


def _temporary(stage: Stage, reply: SmtpReply) -> Outcome:
    """A 4yz. Trouble of the whole relay (421, x.3.x, any answer to MAIL) also backs off; one recipient's does not.

    That we may not relay is nobody else's trouble, though Postfix says it with 454 (defer_unauth_destination).
    """
    remedy = _about_us(reply)
    if remedy == _LOGIN_REMEDY and stage is not Stage.DOT:
        return Outcome(Event.RELEASE, f"the relay refused us at {stage}: {reply}", close=True, stop=True, remedy=remedy)
    failure = FailureClass.MAILBOX_FULL if _enhanced(reply) == "2.2" else FailureClass.TRANSIENT
    closing = reply.code == 421
    slows = not remedy and _slows(stage, reply)
    ours = bool(remedy) or closing or stage is Stage.MAIL or _enhanced(reply).startswith("3.")
    return Outcome(Event.TEMPORARY, str(reply), failure, close=closing, back_off=ours and not slows, slows=slows)


_RATE = re.compile(
    r"\b(sending|message|mail|connection) (rate|limit|volume)|\brate.?limit|\bthrottl|\bslow(ing)? down\b"
    r"|\btoo (fast|many (mails|messages|connections|recipients|sessions))\b|\bunusual (rate|volume|traffic)"
    r"|\bunexpected volume|\bserver (is )?busy",
    re.IGNORECASE,
)
_GREYLIST = re.compile(r"\bgr[ae]y.?list", re.IGNORECASE)


def _slows(stage: Stage, reply: SmtpReply) -> bool:
    """Whether a 4yz after RCPT says that this recipient's servers want less: x.7.x (RFC 3463 3.8), or words of a rate.

    Greylisting says x.7.1 too: it asks for another try, not for fewer. A full mailbox has a limit, but only its own.
    """
    if stage not in (Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT) or _GREYLIST.search(reply.text):
        return False
    enhanced = _enhanced(reply)
    return enhanced.startswith("7.") or (not enhanced.startswith("2.") and _RATE.search(reply.text) is not None)


def _enhanced(reply: SmtpReply) -> str:
    """Subject and detail of the enhanced code, where its class agrees with the reply's (RFC 2034 4), else nothing."""
    kind, _, rest = reply.enhanced.partition(".")
    return rest if kind == str(reply.code)[0] else ""


LADDER = (30, 60, 120, 180)
"""Minutes to wait after the first, second, … attempt; the last holds from there on (RFC 5321 4.5.4.1)."""


def next_attempt(
    attempts: int,
    now: datetime,
    *,
    seed: str | int,
    ladder: Sequence[int] = LADDER,
    expires_at: datetime | None = None,
) -> datetime:
    """When to try again after `attempts` attempts, spread by up to a fifth so that retries don't come in a herd.

    `seed` is the delivery's id: the same delivery and attempt always give the same instant. Where that is later than
    the mail's last hour, it is that hour: then it is judged expired, and not kept waiting for its step of the ladder.
    """
    minutes = ladder[min(max(attempts, 1), len(ladder)) - 1]
    share = zlib.crc32(f"{seed}:{attempts}".encode()) / 0xFFFFFFFF
    again = now + timedelta(minutes=minutes * (1 + 0.2 * share))
    return again if expires_at is None else min(again, expires_at)
