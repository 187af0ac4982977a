"""Households and companies: how a group of customers is called, and what makes two names of one the same.

Law: pure; a name is compared in small letters with single spaces, and nothing else of it is guessed away: "Baker, 12
Elm St" and "Baker, 21 Elm St" stay two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from .words import Vocabulary

LONGEST_GROUP = 200
EVERYBODY = "person"
"""How a campaign says that everybody gets it, whatever its list says of households."""


class GroupKind(Vocabulary):
    """A household gets one newsletter where a campaign says so; a company's people are looked at together."""

    HOUSEHOLD = "household"
    COMPANY = "company"

    @property
    def several(self) -> str:
        """Its plural."""
        return "households" if self is GroupKind.HOUSEHOLD else "companies"


def group_key(name: str) -> str:
    """By what two names of a group are compared.

    >>> group_key("  ACME  Ltd ")
    'acme ltd'
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def group_name(told: Any) -> str:
    """A group's name out of a cell or attribute: a text or a number; "" for anything else."""
    if isinstance(told, bool) or not isinstance(told, str | int | float):
        return ""
    return " ".join(str(told).split())[:LONGEST_GROUP]


def groups_told(attributes: Mapping[str, Any]) -> dict[GroupKind, str]:
    """The household and company that a customer's attributes name."""
    found = {kind: group_name(attributes[kind.value]) for kind in GroupKind if kind.value in attributes}
    return {kind: name for kind, name in found.items() if name}
