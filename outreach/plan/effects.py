"""What a step does to the plan: one typed effect each, and the form in which it is kept until a person decides.

Law: an effect says what, never why; it is plain enough to be written down, so that what was proposed today is applied
as it was proposed, whoever says yes tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from ..records import HoldState


@dataclass(frozen=True)
class NewHold:
    """Stop mail of `scope` to this person; `until` None: until the case closes (promotion) or is answered (tips).

    Without a case: `scope` away, mail waits until somebody is back.
    """

    customer_id: int
    case_id: int | None
    scope: str
    topic: str
    state: HoldState
    reason: str
    until: datetime | None


@dataclass(frozen=True)
class LiftHold:
    """End the holds of a case; `scope` None: of every scope."""

    case_id: int
    scope: str | None = None


@dataclass(frozen=True)
class NewBoost:
    """Start this person's next tips issue with this topic."""

    customer_id: int
    case_id: int
    topic: str
    reason: str


@dataclass(frozen=True)
class NewTrend:
    """Bring a topic forward in a campaign's next issue, for everybody, behind what is their own. `rank` from 0."""

    campaign_id: int
    topic: str
    rank: int


@dataclass(frozen=True)
class ErrorNoted:
    """Somebody points at an error in an edition: it counts towards stopping it."""

    edition_id: int


@dataclass(frozen=True)
class StopEdition:
    """What has not gone of an edition waits for a person."""

    edition_id: int
    reason: str


Effect = NewHold | LiftHold | NewBoost | NewTrend | ErrorNoted | StopEdition
_KINDS: dict[str, type[Effect]] = {
    "hold": NewHold,
    "lift": LiftHold,
    "boost": NewBoost,
    "trend": NewTrend,
    "error": ErrorNoted,
    "stop": StopEdition,
}


def effect_value(effect: Effect) -> dict[str, Any]:
    """The effect as JSON."""
    kind = next(name for name, made in _KINDS.items() if isinstance(effect, made))
    values = {each.name: getattr(effect, each.name) for each in fields(effect)}
    if isinstance(effect, NewHold):
        values |= {"state": effect.state.value, "until": effect.until.isoformat() if effect.until else None}
    return {"kind": kind, **values}


def read_effect(value: Mapping[str, Any]) -> Effect | None:
    """The effect that `effect_value` wrote; None where a step has none."""
    if not value:
        return None
    values = {name: found for name, found in value.items() if name != "kind"}
    if value["kind"] == "hold":
        until = values["until"]
        values |= {"state": HoldState(values["state"]), "until": datetime.fromisoformat(until) if until else None}
    return _KINDS[value["kind"]](**values)
