"""Sorting a text without keeping it: what the cues would make of it, and why.

Law: nothing is stored; the topics are the workspace's, or the starter's where there is no workspace.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SettingsError
from ..prose import guess_language
from ..records import Machine
from ..replies.classify import Judgement, classify
from ..replies.machine import sort_machine
from ..replies.mime import guess_text
from ..replies.parse import parse_inbound
from ..replies.quote import strip_quotes
from ..settings import FILE, load_settings, starter_templates


@dataclass(frozen=True)
class TriedOut:
    """What a text would be held to be. `machine` and its reason are for mails only."""

    text: str
    subject: str
    language: str
    machine: Machine
    machine_reason: str
    judgement: Judgement


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
    return TriedOut(text, subject, language, kind, why, classify(text, subject, language, _topics(root)))


def _topics(root: Path) -> Mapping[str, Sequence[str]]:
    if (root / FILE).exists():
        return load_settings(root).topics
    path = starter_templates() / "topics.toml"
    try:
        topics: Mapping[str, Sequence[str]] = tomllib.loads(path.read_text(encoding="utf-8"))["topics"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as wrong:
        raise SettingsError(f"{path} cannot be read: {wrong}") from wrong
    return topics
