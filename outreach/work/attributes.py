"""Declaring an attribute's type: its values are read as that type, and kept in a column of their own.

Law: what cannot be read as the type stays as it is and is counted; a declaration that was broken off goes on when it
is made again. Each step is a short transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ..audience.segment_tree import COLUMNS
from ..audience.segment_words import EVENTS, FACTS
from ..audience.typed import read_as, typed_value
from ..errors import InputError, UsageError
from ..records import AttributeKind
from ..store import attributes as store
from .workspace import Workspace

STRETCH, MOST_EXAMPLES = 4_000, 1_000


@dataclass
class Declared:
    """What declaring found: how many values fitted, were turned into the type, or do not fit (with the commonest)."""

    name: str
    kind: str
    fitting: int = 0
    turned: int = 0
    unfit: int = 0
    examples: Counter[str] = field(default_factory=Counter)


def declare(
    workspace: Workspace,
    name: str,
    kind: AttributeKind,
    *,
    by: str,
    progress: Callable[[int], None] = lambda _last: None,
) -> Declared:
    """Declare an attribute with a type and fill its column. Raises UsageError for a name that cannot be or is taken."""
    if not store.NAME.fullmatch(name) or name in COLUMNS or name in FACTS or name in EVENTS:
        raise UsageError(
            f"{name!r} cannot be declared",
            remedy="An attribute is declared by its name: small letters, digits and _, no column's and no fact's.",
        )
    with workspace.database.write() as session:
        known = {one.name: one for one in store.declared(session)}
        if name in known and (known[name].kind is not kind or known[name].filled_at is not None):
            raise UsageError(
                f"{name} is declared already, as a {known[name].kind}",
                remedy=f"To change that: outreach attributes drop {name}, then declare it anew.",
            )
        if len(known) >= store.MOST:
            raise UsageError(f"{len(known)} attributes are declared", remedy="Drop one first: outreach attributes list")
        if name not in known:
            store.add_column(session, name, kind, by=by, at=workspace.clock())
    told = Declared(name, kind.value)
    after = 0
    while after >= 0:
        after = _fill(workspace, name, kind, after, told)
        progress(max(after, 0))
    with workspace.database.write() as session:
        store.end_filling(session, name, workspace.clock())
        told.fitting = store.count_filled(session, name) - told.turned
    return told


def _fill(workspace: Workspace, name: str, kind: AttributeKind, after: int, told: Declared) -> int:
    """Fill the column for one stretch of customers; the last one's id, or -1 at the end."""
    with workspace.database.write() as session:
        last = store.last_of_stretch(session, after, STRETCH)
        if last is None:
            return -1
        store.fill_stretch(session, name, kind, after, last)
        changed = []
        for customer_id, attributes in store.unfit(session, name, after, last):
            value = attributes[name]
            read = read_as(kind, value)
            if typed_value(kind, read) is not None:
                changed.append((customer_id, {**attributes, name: read}))
                continue
            told.unfit += 1
            if len(told.examples) < MOST_EXAMPLES:
                told.examples[str(value)[:40]] += 1
        told.turned += len(changed)
        store.rewrite(session, changed, workspace.clock())
    return last


def drop(workspace: Workspace, name: str) -> None:
    """Take a declaration back; the values stay as attributes. Raises InputError where there is none."""
    with workspace.database.write() as session:
        names = [one.name for one in store.declared(session)]
        if name not in names:
            raise InputError(
                f"{name} is not declared", remedy=f"Declared are: {', '.join(names)}." if names else "None is."
            )
        store.drop_column(session, name)
