"""What a forecast of one edition, or of one step of a sequence, adds up to.

Law: it only adds; who gets what is judged before (`work.forecast`, `work.outlook`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ..plan.holdout import HoldOut
from ..records import Permission
from .tried import Tried


@dataclass
class Counts:
    """What a forecast adds up to. `going`: people by (zone, instant); `instead`: those of them who get it later than it
    is due, by (reason, zone, instant). `before`: without what replies changed."""

    people: int = 0
    going: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    not_going: Counter[tuple[str, str]] = field(default_factory=Counter)
    instead: Counter[tuple[str, str, datetime]] = field(default_factory=Counter)
    before: int = 0
    first: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    changed_tips: int = 0
    hold_out: HoldOut | None = None
    tried: Tried | None = None
    by_share: bool = False

    @property
    def later(self) -> Counter[str]:
        """How many get it later, by reason."""
        found: Counter[str] = Counter()
        for (reason, _, _), people in self.instead.items():
            found[reason] += people
        return found

    def add(self, zone: str, due: datetime, said: Permission, people: int) -> None:
        """So many people more, in whom the rules find no difference."""
        if not people:  # of each of them another one of the household gets it
            return
        self.people += people
        if said.state is not None:
            self.not_going[said.state.value, said.reason] += people
            return
        self.going[zone, said.later or due] += people
        if said.later is not None:
            self.instead[said.reason, zone, said.later] += people
