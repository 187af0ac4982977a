"""What the demo's customers do with their mail: they read it in the Maildir, and answer by SMTP and HTTP.

Law: every answer is made from the very bytes that the customer received, and comes back through a real server.
"""

from __future__ import annotations

import http.client
import mailbox
import re
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from urllib.parse import urlsplit

from .reply_mail import as_abuse_report, as_bounce, as_out_of_office, as_reply
from .stage import Stage
from .voices import VOICES, Voice, voices_of

ONE_CLICK = "List-Unsubscribe=One-Click"
BULK_HEADER = "List-Id"


@dataclass(frozen=True)
class Received:
    """One mail as its customer got it."""

    address: str
    raw: bytes
    mail: EmailMessage


@dataclass(frozen=True)
class Answered:
    """What came back: how many of each sort, and who said what."""

    counts: dict[str, int]
    complainers: tuple[str, ...]


def received(maildir: Path, *, after: int = 0) -> list[Received]:
    """The mails in a Maildir in the order of their arrival, without the first `after`."""
    found = []
    box = mailbox.Maildir(maildir, create=False)
    keys = sorted(box.keys(), key=lambda key: (maildir / "new" / key).stat().st_mtime_ns)
    for key in keys[after:]:
        raw = box.get_bytes(key)
        mail = BytesParser(policy=default).parsebytes(raw)
        assert isinstance(mail, EmailMessage)
        found.append(Received(str(mail["Delivered-To"]), raw, mail))
    return found


def answer_all(stage: Stage, mails: list[Received]) -> Answered:
    """Everybody who has something to say says it: in words, by machine, or by a click."""
    english, german = _by_language(mails)
    complainers, post = [], []
    counts: dict[str, int] = {}
    for voice in VOICES:
        if voice.kind not in ("complaint", "question", "thanks", "out_of_office", "unsubscribe_words"):
            continue
        writer = (german if voice.language == "de" else english).pop(0)
        make = as_out_of_office if voice.kind == "out_of_office" else as_reply
        post.append((writer.address, make(voice, writer.raw, writer.address)))
        counts[voice.kind] = counts.get(voice.kind, 0) + 1
        if voice.kind == "complaint":
            complainers.append(writer.address)
    gone, angry, clicker = english.pop(0), english.pop(0), english.pop(0)
    post.append(("", as_bounce(gone.raw)))
    post.append(("", as_abuse_report(angry.raw)))
    deliver(stage, post)
    one_click(stage, clicker)
    return Answered(counts | {"bounce": 1, "abuse_report": 1, "one_click": 1}, tuple(complainers))


def one_click(stage: Stage, mail: Received) -> None:
    """Unsubscribe as a mail program does (RFC 8058): one POST to the address in the header, no cookie, no page."""
    found = re.search(r"<(https://[^>]+)>", str(mail.mail["List-Unsubscribe"]))
    if found is None:
        raise AssertionError("a bulk mail without an https List-Unsubscribe")
    web = http.client.HTTPConnection("127.0.0.1", stage.web_port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    web.request("POST", urlsplit(found[1]).path, body=ONE_CLICK, headers=headers)
    status = web.getresponse().status
    web.close()
    if status != 200:
        raise AssertionError(f"one-click unsubscribing was answered with {status}")


def say(stage: Stage, mail: Received, voice: Voice) -> None:
    """One customer answers one mail."""
    deliver(stage, [(mail.address, as_reply(voice, mail.raw, mail.address))])


def deliver(stage: Stage, post: list[tuple[str, bytes]]) -> None:
    """Hand these mails, each with its sender, to the mail server by SMTP."""
    with smtplib.SMTP("127.0.0.1", stage.catcher.port, timeout=10) as line:
        for sender, raw in post:
            to = BytesParser(policy=default).parsebytes(raw, headersonly=True)["To"]
            line.sendmail(sender, [to.addresses[0].addr_spec], raw)


def _by_language(mails: list[Received]) -> tuple[list[Received], list[Received]]:
    """Who writes English and who German, told by the mail's own lang attribute; Ann, who tells the story, first."""
    german: list[Received] = []
    others: list[Received] = []
    for mail in mails:
        body = mail.mail.get_body(("html",))
        text = str(body.get_content()) if body is not None else ""
        (german if 'lang="de"' in text[:600] else others).append(mail)
    others.sort(key=lambda mail: mail.address != ANN)
    return others, german


ANN = "ann@example.com"
ANNS_VOICE = voices_of("complaint")[0]
