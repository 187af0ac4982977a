"""A campaign as a marketer writes it: one Markdown file with front matter.

Law: what is wrong is said with file and line; whether a list, segment, schedule or layout exists is not judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath

from ..address import canonical_address
from ..errors import InputError
from ..words import BULK, Kind
from .front_matter import FrontMatter, split_front_matter
from .seminar_file import place_of
from .whom import EXAMPLE as EXAMPLE_WHOM
from .whom import WhomKind, parse_whom

KEYS = (
    "name",
    "subject",
    "preheader",
    "from",
    "template",
    "list",
    "segment",
    "kind",
    "topics",
    "schedule",
    "zone",
    "missed",
    "deadline",
    "waves",
    "hold_out",
    "whom",
    "seminar",
    "tips",
)
EXAMPLE = "---\nsubject: Three tips for you\nkind: tips\nlist: customers\n---"
MISSED = ("", "send", "skip", "ask")
DEADLINE = re.compile(r"(\d{1,3}) ?(minute|hour|day|week)s?")
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=60)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class CampaignFile:
    """`sender` "" means the workspace's. `tips` is how many this issue carries, None: as the settings say.

    `missed`, `deadline` and `hold_out` "" mean as the settings say. `lines` tells where each key stands,
    `body_line` where the body begins.
    """

    name: str
    kind: Kind
    subject: str
    preheader: str
    sender: str
    template: str
    list_name: str
    segment: str
    topics: tuple[str, ...]
    schedule: str
    zone: str
    missed: str
    deadline: str
    waves: str
    hold_out: str
    whom: str
    seminar: str
    tips: int | None
    body: str
    body_line: int
    source: str
    file: str
    lines: dict[str, int]


def parse_campaign(text: str, file: str, *, front: FrontMatter | None = None) -> CampaignFile:
    """Read one campaign; `front`: its block, where that was read already. Raises InputError with file, line, remedy."""
    front = front or split_front_matter(text, file, KEYS, EXAMPLE)
    kind = _kind(front)
    campaign = CampaignFile(
        name=_name(front),
        kind=kind,
        subject=front.text("subject"),
        preheader=front.text("preheader"),
        sender=_sender(front),
        template=front.text("template", "tips" if kind is Kind.TIPS else "news").removesuffix(".html.j2"),
        list_name=front.text("list"),
        segment=front.text("segment"),
        topics=front.words("topics"),
        schedule=front.text("schedule"),
        zone=front.text("zone"),
        missed=front.text("missed"),
        deadline=_deadline(front),
        waves=front.text("waves"),
        hold_out=front.text("hold_out"),
        whom=_whom(front, kind),
        seminar=_seminar(front),
        tips=_tips(front),
        body=front.body,
        body_line=front.body_line,
        source=text,
        file=file,
        lines=dict(front.lines),
    )
    if not campaign.subject:
        raise front.refuse("subject", "is missing", "Every mail needs a subject: it is what people read first.")
    if not campaign.list_name:
        raise front.refuse("list", "is missing", "Name the list it goes to, such as list: customers")
    if campaign.missed not in MISSED:
        raise front.refuse("missed", f"{campaign.missed!r} is none of send, skip, ask")
    if campaign.hold_out not in ("", "yes", "no"):
        raise front.refuse("hold_out", f"{campaign.hold_out!r} is neither yes nor no", "No: nobody is held out.")
    return campaign


def _kind(front: FrontMatter) -> Kind:
    word = front.text("kind", "news")
    if word == Kind.SERVICE and front.text("whom"):
        return Kind.SERVICE
    if word == Kind.SERVICE:
        words = "service mail goes only to those whom it concerns: it needs a line whom:"
        raise front.refuse(
            "kind", words, f"{EXAMPLE_WHOM} A newsletter is of the kind tips, news, offer or invitation."
        )
    if word not in {kind.value for kind in BULK}:
        choice = ", ".join(sorted(kind.value for kind in BULK))
        raise front.refuse("kind", f"{word!r} is no kind of newsletter", f"Use one of {choice}.")
    return Kind(word)


def _whom(front: FrontMatter, kind: Kind) -> str:
    words = " ".join(front.text("whom").split())
    try:
        whom = parse_whom(words)
    except ValueError as wrong:
        raise front.refuse("whom", str(wrong), EXAMPLE_WHOM) from None
    if whom is not None and whom.kind is WhomKind.SILENT and kind is Kind.SERVICE:
        raise front.refuse("whom", "who never told us asked for nothing: that is no service mail", "Use kind: tips")
    return words


def _seminar(front: FrontMatter) -> str:
    words = front.text("seminar")
    if words:
        try:
            place_of(words)
        except ValueError as wrong:
            raise front.refuse("seminar", str(wrong), "Write seminar: best-shot/evening") from None
    return words


def _name(front: FrontMatter) -> str:
    name = front.text("name") or PurePath(front.file).stem.lower()
    if not NAME.fullmatch(name):
        raise front.refuse("name", f"{name!r} cannot be a name", "Use lower-case letters, digits and dashes: tips-2")
    return name


def _sender(front: FrontMatter) -> str:
    sender = front.text("from")
    if sender:
        try:
            canonical_address(sender)
        except InputError as wrong:
            raise front.refuse("from", wrong.message, 'Write from: "Acme Care <care@acme.example>"') from None
    return sender


def parse_deadline(text: str) -> timedelta:
    """How long after its time a mail is still worth something: "90 minutes", "6 hours", "3 days", "2 weeks".

    Raises ValueError in words for a person.
    """
    found = DEADLINE.fullmatch(" ".join(text.lower().split()))
    if found is None:
        raise ValueError(f"{text!r} is no span of time")
    span = timedelta(**{f"{found[2]}s": int(found[1])})
    if not SHORTEST <= span <= LONGEST:
        raise ValueError(f"{text!r} is not between 10 minutes and 60 days")
    return span


def _deadline(front: FrontMatter) -> str:
    words = front.text("deadline")
    if words:
        try:
            parse_deadline(words)
        except ValueError as wrong:
            raise front.refuse("deadline", str(wrong), "Write deadline: 6 hours, or deadline: 3 days") from None
    return " ".join(words.lower().split())


def _tips(front: FrontMatter) -> int | None:
    value = front.values.get("tips")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 12:
        raise front.refuse("tips", "must be a number from 0 to 12")
    return value
