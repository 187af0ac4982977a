"""May this mail go to this person, now? The answer that every rule gives, with its reason.

Law: a refusal names the rule and words for a person; the surest refusal wins, and nothing is refused silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..words import DeliveryState


@dataclass(frozen=True, slots=True)
class Permission:
    """`state` is what a refused delivery becomes (withheld, suppressed, cancelled, expired) or None for a yes.

    `later`: not now, but at that instant (quiet hours, budget); the delivery stays queued until then.
    `until`: when the refusal lapses, for a person to read.
    """

    state: DeliveryState | None = None
    reason: str = ""
    evidence: str = ""
    until: datetime | None = None
    later: datetime | None = None

    @property
    def allowed(self) -> bool:
        return self.state is None and self.later is None


YES = Permission()


def withhold(reason: str, evidence: str, until: datetime | None = None) -> Permission:
    """A refusal for this occasion."""
    return Permission(DeliveryState.WITHHELD, reason, evidence, until)
