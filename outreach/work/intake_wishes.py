"""What an import is asked to do, how files of its source were read before, and what it did.

Law: what is told now counts before what the source's last file was told, and that before what its program is known for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..audience.headings import attribute_name
from ..audience.merge import Ways, read_ways
from ..audience.plain_rows import ROW, person_of
from ..audience.profiles import PROFILES, Profile
from ..audience.values import TYPES
from ..errors import UsageError
from ..records import SubscriptionState
from ..store.import_log import options_of
from ..store.imports import Chunk
from .sheet import Reading
from .workspace import Workspace

Progress = Callable[[int, int], None]
"""Told after each chunk: rows done, rows in all."""
MOST_REASONS, MOST_FAULTS = 50, 100


@dataclass(frozen=True)
class Wishes:
    """How a file is to be read and taken in. `mapping` and `types` by heading; `source` names where it came from."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    ways: Ways = field(default_factory=Ways)
    source: str = ""
    by: str = ""

    def options(self, profile: Profile | None) -> dict[str, Any]:
        """What is kept for the next file of the source."""
        kept: dict[str, Any] = {"mapping": dict(self.mapping), "types": dict(self.types), "ways": self.ways.told()}
        return {name: value for name, value in kept.items() if value} | ({"program": profile.name} if profile else {})


@dataclass(slots=True)
class ImportResult:
    """What an import did, or in a dry run would do. `by_hand`: people without an address among the created."""

    file: str
    list_name: str
    dry_run: bool
    encoding: str
    delimiter: str
    columns: dict[str, str]
    import_id: int = 0
    source: str = ""
    new_list: bool = False
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    invalid: int = 0
    duplicate: int = 0
    suppressed: int = 0
    unsubscribed: int = 0
    blocked: int = 0
    by_hand: int = 0
    rejects: Path | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        names = ("rows", "created", "updated", "unchanged", "invalid", "duplicate", "suppressed", "unsubscribed")
        return {name: getattr(self, name) for name in (*names, "blocked", "by_hand")}

    def refuse(self, row: int, reason: str) -> None:
        """Count a refused row; the first hundred are named."""
        self.invalid += 1
        _count(self.reasons, _general(reason))
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((row, reason))

    def forget(self) -> None:
        """Forget all rows: the file is read anew."""
        self.rows = self.invalid = 0
        self.reasons.clear()
        self.warnings.clear()
        self.faults.clear()

    def count(self, chunk: Chunk) -> None:
        """Count what a chunk changes."""
        self.created += len(chunk.newcomers)
        self.updated += chunk.changed
        self.unchanged += chunk.unchanged
        self.suppressed += len(chunk.suppressed)
        self.duplicate += len(chunk.repeated)
        self.unsubscribed += sum(tie.state is SubscriptionState.UNSUBSCRIBED for tie in chunk.ties)
        self.unsubscribed += chunk.states.count(SubscriptionState.UNSUBSCRIBED)
        self.blocked += len(chunk.blocks)
        self.by_hand += sum(not person.address for _, person in chunk.created)

    def warn(self, words: str) -> None:
        """Count what was left empty."""
        _count(self.warnings, words)


def resolve(workspace: Workspace, wishes: Wishes) -> tuple[Wishes, Reading]:
    """The wishes with what is known of their source, and how the file is to be read. Raises UsageError."""
    for heading, kind in wishes.types.items():
        if kind not in TYPES:
            raise UsageError(f"--type {heading}={kind}: there is no such type", remedy=f"They are {', '.join(TYPES)}.")
    profile = PROFILES.get(wishes.source)
    kept: dict[str, Any] = {}
    if wishes.source:
        with workspace.database.read() as session:
            kept = options_of(session, wishes.source) or {}
        if not kept and profile is None and not (wishes.mapping or wishes.types or not wishes.ways.plain):
            raise UsageError(
                f"nothing is known yet of files from {wishes.source!r}",
                remedy="Say with its first file how it is read (--map, --type, --when-known): that is kept under this"
                f" name. Known from the start: {', '.join(PROFILES)}.",
            )
        profile = profile or PROFILES.get(str(kept.get("program", "")))
    mapping = {**kept.get("mapping", {}), **wishes.mapping}
    types = {**kept.get("types", {}), **wishes.types}
    before = read_ways(kept.get("ways", []))
    ways = Ways(wishes.ways.rest if wishes.ways.told() else before.rest, {**before.named, **wishes.ways.named})
    # what was kept of an earlier file need not fit this one; what is told now must
    return (
        replace(wishes, mapping=mapping, types=types, ways=ways),
        Reading(mapping, types, profile, recognise=not wishes.source, must=frozenset({*wishes.mapping, *wishes.types})),
    )


def check_list_name(name: str) -> str:
    """A list's name without spaces around it. Raises UsageError for one that no command line could name."""
    plain = name.strip()
    if not plain or len(plain) > 64 or not plain.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(
            f"{name!r} cannot be the name of a list",
            remedy=f"Use letters, digits, - _ and . only, such as {attribute_name(name)[:64].strip('_')}.",
        )
    return plain


def shown(chunk: Chunk, last: int) -> list[dict[str, Any]]:
    """What becomes of the people of a chunk, up to the row `last`."""
    states = {tie.person.row: tie.state.value for tie in chunk.ties}
    rows: list[dict[str, Any]] = []
    posts = {person.row: person.post for _, person in chunk.created if person.post}
    for new, state in zip(chunk.newcomers, chunk.states, strict=True):
        if new[ROW] > last:
            continue
        person = person_of(new)
        person.post = posts.get(person.row, "")
        states[person.row] = state.value if state else ""
        told = {**person.fields, **person.attributes} | ({"post": person.post} if person.post else {})
        rows.append({"row": person.row, "what": "created", "email": person.address, "values": told})
        rows[-1]["state"] = states.get(person.row, "")
    for known, changed, person in chunk.updated:
        told = {name: value for name, value in changed.items() if name not in ("phone_end", "attributes")}
        had = {name: getattr(known, name) for name in told}
        for name, value in changed.get("attributes", {}).items():
            if known.attributes.get(name) != value:
                told[name], had[name] = value, known.attributes.get(name)
        rows.append({"row": person.row, "what": "updated", "email": person.address, "values": told, "before": had})
        rows[-1]["state"] = states.get(person.row, "")
    rows += [{"row": one.row, "what": "suppressed", "email": one.address, "values": {}} for one in chunk.suppressed]
    return [one for one in rows if one["row"] <= last]


def _count(told: Counter[str], words: str) -> None:
    """Count a reason; beyond fifty different ones the rest is counted together."""
    told[words if words in told or len(told) < MOST_REASONS else "others"] += 1


def _general(reason: str) -> str:
    """A fault's reason without the row's own address in front, so that alike ones are counted together."""
    _, known, rest = reason.partition(" is no e-mail address: ")
    return f"no e-mail address: {rest}" if known else reason
