"""A sequence as a marketer writes it: one Markdown file, its front matter, and one block for each step's mail.

Law: a step begins with a line --- and a line step:; its block is read like a campaign's, and every fault is said with
file and line. Whether a list, segment or time can be used is not judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import time
from pathlib import PurePath

from ..errors import InputError
from ..words import Kind
from .campaign_file import KEYS, CampaignFile, parse_campaign, read_one_per, split_blocks
from .front_matter import FrontMatter, split_front_matter

OWN_KEYS = (
    "name", "list", "kind", "begins", "starting", "segment", "one_per", "at", "zone", "exits", "late", "from",
    "template", "topics",
)  # fmt: skip
STEP_KEYS = (
    "step", "when", "if", "subject", "preheader", "segment", "kind", "template", "topics", "tips", "deadline", "from",
)  # fmt: skip
EXAMPLE = (
    "---\nname: welcome\nlist: customers\nkind: tips\nbegins: signup\n---\n\n"
    "---\nstep: hello\nwhen: at once\nsubject: Welcome\n---\nHello,"
)
STEP_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
SEQUENCE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
MOST_STEPS = 60


@dataclass(frozen=True)
class StepFile:
    """One step: its line `when:`, its conditions as written, and its mail. `segment`: who gets this step at all."""

    name: str
    when: str
    conditions: tuple[str, ...]
    segment: str
    mail: CampaignFile


@dataclass(frozen=True)
class SequenceFile:
    """A sequence as written. `at` is an hour of the day, `zone` a zone's name or `customer`."""

    name: str
    kind: Kind
    list_name: str
    begins: str
    starting: str
    segment: str
    one_per: str
    at: time
    zone: str
    exits: tuple[str, ...]
    late: str
    steps: tuple[StepFile, ...]
    source: str
    file: str
    front: FrontMatter

    def refuse(self, step: StepFile | None, key: str, why: str, remedy: str = "") -> InputError:
        """An error that points at a key of the sequence, or of one of its steps."""
        if step is None:
            return self.front.refuse(key, why, remedy)
        line = step.mail.lines.get(key, step.mail.lines.get("step", 1))
        return InputError(f"step {step.name}: {key}: {why}", file=self.file, line=line, remedy=remedy)


def parse_sequence(text: str, file: str) -> SequenceFile:
    """Read one sequence. Raises InputError with file, line and remedy."""
    pieces = split_blocks(text, "step")
    front = split_front_matter(pieces[0], file, OWN_KEYS, EXAMPLE)
    if front.body.strip():
        raise InputError(
            "there is text before the first step", file=file, line=front.body_line, remedy=f"Write:\n{EXAMPLE}"
        )
    name = front.text("name") or PurePath(file).stem.lower()
    if not SEQUENCE_NAME.fullmatch(name):
        raise front.refuse("name", f"{name!r} cannot be a name", "Use up to 32 lower-case letters, digits and dashes")
    if not front.text("list"):
        raise front.refuse("list", "is missing", "Name the list it goes to, such as list: customers")
    kind = front.text("kind", "tips")
    if kind == Kind.SERVICE and not front.text("begins").startswith("seminar "):
        words = "service mail goes only to a seminar's guests: begins: seminar NAME"
        raise front.refuse("kind", words, "A newsletter is of the kind tips, news, offer or invitation.")
    if kind not in (*(one.value for one in Kind),) or kind == Kind.TEST:
        raise front.refuse("kind", f"{kind!r} is no kind of newsletter", "Use one of invitation, news, offer, tips.")
    one_per = read_one_per(front)
    if one_per and kind == Kind.SERVICE:
        words = "a seminar's guests are each told of their own seat"
        raise front.refuse("one_per", words, "Take the line away, or use another kind.")
    steps = [_step(piece, file, name, front) for piece in pieces[1:]]
    if not steps:
        raise InputError("the sequence has no steps", file=file, line=1, remedy=f"Write:\n{EXAMPLE}")
    if len(steps) > MOST_STEPS:
        raise InputError(f"more than {MOST_STEPS} steps", file=file, line=1, remedy="Make two sequences of it.")
    for number, step in enumerate(steps):
        if any(step.name == other.name for other in steps[:number]):
            line = step.mail.lines["step"]
            raise InputError(f"there are two steps called {step.name}", file=file, line=line)
    return SequenceFile(
        name=name,
        kind=Kind(kind),
        list_name=front.text("list"),
        begins=front.text("begins"),
        starting=front.text("starting"),
        segment=front.text("segment"),
        one_per=one_per,
        at=_hour(front),
        zone=front.text("zone"),
        exits=front.words("exits"),
        late=front.text("late"),
        steps=tuple(steps),
        source=text,
        file=file,
        front=front,
    )


def _step(piece: str, file: str, sequence: str, above: FrontMatter) -> StepFile:
    front = split_front_matter(piece, file, STEP_KEYS, EXAMPLE)
    name = front.text("step")
    if not STEP_NAME.fullmatch(name):
        raise front.refuse("step", f"{name!r} cannot be a step's name", "Use lower-case letters, digits and dashes")
    if not front.text("subject"):
        raise front.refuse("subject", f"step {name} has no subject", "Every mail needs a subject.")
    return StepFile(
        name, front.text("when"), front.words("if"), front.text("segment"), _mail(piece, file, sequence, front, above)
    )


def _mail(piece: str, file: str, sequence: str, front: FrontMatter, above: FrontMatter) -> CampaignFile:
    """The step's mail, read by the very rules of campaigns; its name is the sequence's and the step's."""
    inherited = [key for key in ("list", "kind", "template", "from", "topics") if key not in front.values]
    own = {key: front.values[key] for key in STEP_KEYS if key in front.values and key in KEYS}
    given = own | {key: above.values[key] for key in inherited if key in above.values}
    given.setdefault("kind", "tips")
    kind = Kind.SERVICE if given["kind"] == Kind.SERVICE else None
    if kind is not None:
        given["kind"] = Kind.NEWS.value  # whom service mail may go to is judged by what begins the sequence
    made = parse_campaign("", file, front=replace(front, values=given | {"name": "step"}))
    return replace(made, kind=kind or made.kind, name=f"{sequence}/{front.text('step')}", source=piece.lstrip("\n"))


def _hour(front: FrontMatter) -> time:
    value = front.values.get("at", "09:00")
    if isinstance(value, int) and not isinstance(value, bool):  # YAML reads 10:30 as a number to the base of sixty
        value = f"{value // 60:02}:{value % 60:02}"
    try:
        return time.fromisoformat(str(value).strip().zfill(5))
    except ValueError:
        raise front.refuse("at", f"{value!r} is no hour of the day", "Write at: 09:00") from None
