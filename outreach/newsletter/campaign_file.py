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
from ..groups import EVERYBODY, GroupKind
from ..words import BULK, Kind
from .front_matter import FENCE, FrontMatter, split_front_matter
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
    "one_per",
    "seminar",
    "test",
    "tips",
)
EXAMPLE = "---\nsubject: Three tips for you\nkind: tips\nlist: customers\n---"
MISSED = ("", "send", "skip", "ask")
DEADLINE = re.compile(r"(\d{1,3}) ?(minute|hour|day|week)s?")
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=60)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


VERSION_KEYS = ("version", "subject", "preheader", "later")
VERSION = re.compile(r"[a-z][a-z0-9]{0,15}")
MOST_VERSIONS = 4


@dataclass(frozen=True)
class VersionFile:
    """Another version of a campaign: what differs ("" where it does not), and by how many minutes it goes later.

    `lines` tells where its own keys stand.
    """

    name: str
    subject: str
    preheader: str
    later: int
    body: str
    body_line: int
    lines: dict[str, int]


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
    one_per: str
    seminar: str
    test: str
    versions: tuple[VersionFile, ...]
    tips: int | None
    body: str
    body_line: int
    source: str
    file: str
    lines: dict[str, int]


def parse_campaign(text: str, file: str, *, front: FrontMatter | None = None) -> CampaignFile:
    """Read one campaign; `front`: its block, where that was read already. Raises InputError with file, line, remedy."""
    first, *others = split_blocks(text, "version") if front is None else [""]
    front = front or split_front_matter(first, file, KEYS, EXAMPLE)
    versions = tuple(_version(one, file) for one in others)
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
        one_per=read_one_per(front),
        seminar=_seminar(front),
        test=front.text("test"),
        versions=versions,
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
    names = ["a", *(one.name for one in versions)]
    if len(set(names)) < len(names) or len(names) > MOST_VERSIONS:
        raise front.refuse("name", f"the versions {', '.join(names)} are not up to {MOST_VERSIONS} different ones")
    if campaign.test and not versions:
        raise front.refuse("test", "there is no other version to try", VERSION_EXAMPLE)
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


def read_one_per(front: FrontMatter) -> str:
    """Of which groups one person each is written to: household, company, person or "". Raises InputError."""
    word = front.text("one_per").lower()
    choice = [kind.value for kind in GroupKind]
    if word not in ("", EVERYBODY, *choice):
        raise front.refuse(
            "one_per", f"{word!r} is none of {', '.join(choice)}, {EVERYBODY}", "Write one_per: household"
        )
    return word


VERSION_EXAMPLE = "Put it behind the text:\n---\nversion: b\nsubject: Another subject\n---\n"


def split_blocks(text: str, key: str) -> list[str]:
    """A file in pieces, each beginning with a line --- before a line `key:`, and with its line numbers kept."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [
        number
        for number, line in enumerate(lines[:-1])
        if line.rstrip() == FENCE and re.match(rf"{key}\s*:", lines[number + 1])
    ]
    edges = zip([0, *starts], [*starts, len(lines)], strict=True)
    return ["\n" * start + "\n".join(lines[start:end]) for start, end in edges]


def _version(piece: str, file: str) -> VersionFile:
    front = split_front_matter(piece, file, VERSION_KEYS, VERSION_EXAMPLE)
    name, words = front.text("version"), front.text("later")
    if not VERSION.fullmatch(name) or name in ("a", "rest"):
        raise front.refuse("version", f"{name!r} cannot be a version's name", "The text above is a: call this one b.")
    try:
        later = int(parse_deadline(words).total_seconds() // 60) if words else 0
    except ValueError as wrong:
        raise front.refuse("later", str(wrong), "Write later: 9 hours") from None
    body = front.body if front.body.strip() else ""
    if not (body or later or front.text("subject") or front.text("preheader")):
        raise front.refuse("version", "nothing in it differs", VERSION_EXAMPLE)
    lines = dict(front.lines)
    return VersionFile(name, front.text("subject"), front.text("preheader"), later, body, front.body_line, lines)


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
