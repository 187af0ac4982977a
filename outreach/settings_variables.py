"""Variables such as OUTREACH_RELAY__PORT, laid over what outreach.toml says.

Law: a variable that names no setting below a table is refused; others that begin so, such as OUTREACH_WORKSPACE, are
not ours to judge. Whoever tells of a fault learns which setting came from which variable.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .errors import SettingsError

PREFIX = "OUTREACH_"
Place = tuple[int | str, ...]


def names_in(environ: Collection[str], tables: Collection[str]) -> list[str]:
    """The variables among these that stand for settings, sorted."""
    ours = (name for name in environ if name.startswith(PREFIX))
    return sorted(name for name in ours if name[len(PREFIX) :].lower().split("__")[0] in tables)


def overlay(values: dict[str, Any], environ: dict[str, str], tables: Collection[str]) -> dict[Place, str]:
    """Lay the variables over `values`; which setting came from which. `tables` are the settings at the top.

    Raises SettingsError for a variable that names none.
    """
    came: dict[Place, str] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        *parents, leaf = name[len(PREFIX) :].lower().split("__")
        if not parents and leaf not in tables:
            continue
        at: Any = values
        place: list[int | str] = []
        for parent in parents:
            below: Any
            if isinstance(at, list):  # OUTREACH_RELAYS__SECOND__PASSWORD: the one of that name
                names = [str(one.get("name", "")).lower() if isinstance(one, dict) else "" for one in at]
                if parent not in names:
                    raise SettingsError(f"{name} names no setting: none of {place[-1]} has the name {parent}")
                place.append(names.index(parent))
                below = at[names.index(parent)]
            else:
                below = at.setdefault(parent, {})
                place.append(parent)
            if not isinstance(below, dict | list):
                raise SettingsError(f"{name} names no setting: {parent} is not a table")
            at = below
        if isinstance(at, list):
            raise SettingsError(f"{name} names no setting: it must say which of {parents[-1]}")
        at[leaf] = environ[name]
        came[(*place, leaf)] = name
    return came
