"""Files of texts with labels (CSV or JSON lines), as they are: which column is what, and what each label says.

Law: columns are found by their names and by what stands in them, or named by a person; a row that cannot be used is
told with its number, and the others are taken. Nothing is stored here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audience.csv_text import guess_wide, read_records, refuse_other_kinds
from ..errors import InputError
from ..records import Category
from ..replies.mime import guess_text

LONGEST = 100_000_000
YES = frozenset("1 1.0 true yes y complaint complaints c positive".split())
NO = frozenset(
    (
        *"0 0.0 false no n nc none other negative".split(),
        "not complaint",
        "non-complaint",
        "non complaint",
        "no complaint",
    )
)
_TEXT = (
    *("text", "tweet", "message", "body", "content", "comment", "review", "review_text", "narrative"),
    *("consumer complaint narrative", "complaint_what_happened", "description", "sentence", "verified_reviews", "note"),
    *("nachricht", "mitteilung", "complaint"),
)
_OTHERS = {
    "subject": ("subject", "title", "betreff"),
    "language": ("language", "lang", "sprache"),
    "label": ("complaint", "is_complaint", "label", "labels", "target", "class"),
    "category": ("category", "kategorie"),
    "topic": ("topic", "topics", "domain", "product", "intent", "theme", "thema"),
}
_CATEGORIES = {one.value: one for one in Category}


@dataclass(frozen=True)
class Columns:
    """Which column holds what; empty: found by itself. `complaint_is`: the label that means a complaint."""

    text: str = ""
    label: str = ""
    topic: str = ""
    complaint_is: str = ""


@dataclass(frozen=True)
class Labelled:
    """One row: its text, and what its labels say (None, empty: nothing)."""

    row: int
    text: str
    subject: str = ""
    language: str = ""
    complaint: bool | None = None
    category: Category | None = None
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelFile:
    """What a file holds. `faults`: (row, why) of what could not be used."""

    rows: list[Labelled]
    faults: list[tuple[int, str]]


def holds_rows(path: Path) -> bool:
    """Whether a file is a table of texts, by its name."""
    return path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson")


def read_labels(path: Path, columns: Columns | None = None) -> LabelFile:
    """The rows of a CSV or JSON-lines file. Raises InputError where it cannot be read or no column holds the text."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong
    if len(data) > LONGEST:
        raise InputError("the file is larger than 100 MB", file=path, remedy="Give a part of it.")
    found = list(_json_rows(data) if path.suffix.lower() in (".jsonl", ".ndjson", ".json") else _csv_rows(path, data))
    faults = [(number, row) for number, row in found if isinstance(row, str)]
    rows = [(number, row) for number, row in found if isinstance(row, dict)]
    chosen = _choose(path, [row for _, row in rows], columns or Columns())
    made = [_labelled(number, row, chosen) for number, row in rows]
    faults += [(one.row, "it has no text") for one in made if not one.text]
    return LabelFile([one for one in made if one.text], sorted(faults))


@dataclass(frozen=True)
class _Chosen:
    text: str
    subject: str
    language: str
    complaint: str
    category: str
    topic: str
    complaint_is: str


def _choose(path: Path, rows: list[dict[str, str]], asked: Columns) -> _Chosen:
    names = list(dict.fromkeys(name for row in rows[:1000] for name in row))
    for wanted in (asked.text, asked.label, asked.topic):
        if wanted and wanted.lower() not in names:
            raise InputError(f"there is no column {wanted}", file=path, remedy=f"There are: {', '.join(names)}.")
    text = asked.text.lower() or next((name for name in _TEXT if name in names), "")
    if not text:
        raise InputError(
            "no column holds the text",
            file=path,
            remedy=f"Name it with --text-column. There are: {', '.join(names) or 'none'}.",
        )
    left = [name for name in names if name != text]
    found = {kind: next((name for name in some if name in left), "") for kind, some in _OTHERS.items()}
    topic = asked.topic.lower() or found["topic"]
    complaint = category = ""
    for name in dict.fromkeys((asked.label.lower(), found["label"], found["category"])):
        said = {row.get(name, "").strip().lower() for row in rows} - {""} if name else set()
        if not said:
            continue
        if asked.complaint_is and (name == asked.label.lower() or not asked.label):
            complaint = complaint or name
        elif said <= _CATEGORIES.keys() and said - YES - NO:
            category = category or name
        elif said <= YES | NO:
            complaint = complaint or name
        elif name != asked.label.lower():
            topic = topic or name
        else:
            raise InputError(
                f"the labels in {name} are neither yes and no nor categories: {', '.join(sorted(said)[:5])}",
                file=path,
                remedy="Say which of them is a complaint: --complaint-is LABEL.",
            )
    return _Chosen(text, found["subject"], found["language"], complaint, category, topic, asked.complaint_is.lower())


def _labelled(number: int, row: Mapping[str, str], chosen: _Chosen) -> Labelled:
    label = row.get(chosen.complaint, "").strip().lower() if chosen.complaint else ""
    complaint = None if not label else label == chosen.complaint_is if chosen.complaint_is else label in YES
    category = _CATEGORIES.get(row.get(chosen.category, "").strip().lower()) if chosen.category else None
    topics = [part.strip() for part in row.get(chosen.topic, "").split(";")] if chosen.topic else []
    if complaint is None and category is not None:
        complaint = category is Category.COMPLAINT
    return Labelled(
        number,
        row.get(chosen.text, "").strip(),
        row.get(chosen.subject, "") if chosen.subject else "",
        row.get(chosen.language, "") if chosen.language else "",
        complaint,
        category,
        tuple(part for part in topics if part),
    )


def _csv_rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, str] | str]]:
    refuse_other_kinds(data[:4096], file=str(path))
    wide = guess_wide(data[:4096])
    text = data.decode(wide, "replace") if wide else guess_text(data)
    lines = text.lstrip("\ufeff").splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    names: list[str] = []
    for record in read_records(lines, max(",;\t|", key=first.count)):
        if not names and any(record.cells):
            names = [cell.strip().lower() for cell in record.cells]
        elif record.fault:
            yield record.row, record.fault
        elif any(record.cells):
            yield record.row, dict(zip(names, record.cells, strict=False))


def _json_rows(data: bytes) -> Iterator[tuple[int, dict[str, str] | str]]:
    for number, line in enumerate(guess_text(data).lstrip("\ufeff").split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as wrong:
                yield number, f"not valid JSON: {wrong}"
                continue
            yield number, _named(row) if isinstance(row, dict) else "not an object with named values"


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, list):
            named[name.lower()] = ";".join(str(one) for one in value)
        elif isinstance(value, bool):
            named[name.lower()] = "1" if value else "0"
        elif isinstance(value, str | int | float):
            named[name.lower()] = str(value)
    return named


def area_under_curve(scores: Iterable[tuple[float, bool]]) -> float | None:
    """How often a complaint is ranked above what is none, ties counting half; None where one of the two is missing."""
    ranked = sorted(scores, key=lambda one: one[0])
    positives = sum(right for _, right in ranked)
    negatives = len(ranked) - positives
    if not positives or not negatives:
        return None
    ranks, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += sum(right for _, right in ranked[at:end]) * (at + end + 1) / 2
        at = end
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)
