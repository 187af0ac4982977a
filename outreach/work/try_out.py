"""Sorting texts without keeping them: what the cues and what was learned would make of them, and how often rightly.

Law: nothing is stored; topics and what was learned are the workspace's; without one the starter's topics and no more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SettingsError
from ..prose import guess_language
from ..records import Inbound, Machine
from ..replies.classify import Judgement, classify
from ..replies.learned import NOTHING, Learned
from ..replies.machine import sort_machine
from ..replies.mime import guess_text
from ..replies.parse import parse_inbound
from ..replies.quote import strip_quotes
from ..settings import FILE, load_settings, starter_templates
from .labels import Labelled, area_under_curve
from .learn import model_of
from .workspace import Workspace, open_workspace

Topics = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class TriedOut:
    """What a text would be held to be. `machine` and its reason are for mails only."""

    text: str
    subject: str
    language: str
    machine: Machine
    machine_reason: str
    judgement: Judgement


@dataclass(frozen=True)
class TriedRow:
    """A row of a file, and what it would be held to be."""

    row: Labelled
    language: str
    judgement: Judgement


@dataclass(frozen=True)
class Figures:
    """How a file's labels and the judgements agree; None where the file has no labels of the kind.

    `accuracy`: complaint or not; `auc`: how often a complaint ranks above what is none; `topic_top3`: a topic among the
    three that are likeliest.
    """

    rows: int
    not_scored: int
    labelled: int
    complaints: int
    auc: float | None
    accuracy: float | None
    categories: int
    category_right: float | None
    topics: int
    topic_top1: float | None
    topic_top3: float | None


def knowledge(root: Path) -> tuple[Topics, Learned]:
    """The topics and what was learned, of the workspace at `root` or of the starter."""
    if (root / FILE).exists():
        settings = load_settings(root)
        if "://" not in settings.database and not (root / settings.database).exists():
            return settings.topics, NOTHING
        workspace = open_workspace(root)
        return settings.topics, model_of(workspace)
    path = starter_templates() / "topics.toml"
    try:
        topics: Topics = tomllib.loads(path.read_text(encoding="utf-8"))["topics"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as wrong:
        raise SettingsError(f"{path} cannot be read: {wrong}") from wrong
    return topics, NOTHING


def try_out(raw: bytes, root: Path, *, is_mail: bool) -> TriedOut:
    """Judge a mail's bytes, or a text's."""
    if is_mail:
        mail = parse_inbound(raw)
        machine = sort_machine(mail, raw)
        text, subject = strip_quotes(mail.text, mail.html).text, mail.subject
        kind, why = machine.machine, machine.reason
    else:
        text, subject, kind, why = strip_quotes(guess_text(raw)).text, "", Machine.HUMAN, ""
    language = guess_language(text or subject)
    topics, learned = knowledge(root)
    return TriedOut(text, subject, language, kind, why, classify(text, subject, language, topics, learned))


def judge_now(workspace: Workspace, inbound: Inbound) -> Judgement:
    """What a stored message would be held to be by now: reviews may have taught more since it was read."""
    language = inbound.language or guess_language(inbound.text or inbound.subject)
    return classify(inbound.text, inbound.subject, language, workspace.settings.topics, model_of(workspace))


def try_rows(rows: Sequence[Labelled], root: Path, tick: Callable[[], None] = lambda: None) -> list[TriedRow]:
    """Judge each row of a file as what a person wrote."""
    topics, learned = knowledge(root)
    found = []
    for row in rows:
        language = row.language or guess_language(row.text or row.subject)
        found.append(TriedRow(row, language, classify(row.text, row.subject, language, topics, learned)))
        tick()
    return found


def figures_of(tried: Sequence[TriedRow]) -> Figures:
    """How often the judgements agree with the labels."""
    told = [one for one in tried if one.row.complaint is not None]
    sorted_ = [one for one in tried if one.row.category is not None]
    about = [one for one in tried if one.row.topics]
    return Figures(
        rows=len(tried),
        not_scored=sum(one.judgement.confidence is None for one in tried),
        labelled=len(told),
        complaints=sum(bool(one.row.complaint) for one in told),
        auc=area_under_curve((one.judgement.complaint, bool(one.row.complaint)) for one in told),
        accuracy=_share([(one.judgement.complaint >= 0.5) == one.row.complaint for one in told]),
        categories=len(sorted_),
        category_right=_share([one.judgement.category is one.row.category for one in sorted_]),
        topics=len(about),
        topic_top1=_share([bool({*one.judgement.ranked[:1]} & {*one.row.topics}) for one in about]),
        topic_top3=_share([bool({*one.judgement.ranked[:3]} & {*one.row.topics}) for one in about]),
    )


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None
