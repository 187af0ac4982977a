"""What every table of outreach.toml is: frozen, and unknown keys are refused.

Law: nothing but that stands here, how a list is written where a setting is one text (in a variable), and how long a
time may be that a setting names: beyond it no calendar goes.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1, "timeout": 1}
"""How many are in what the last word of a setting's name counts."""
LONGEST_DAYS = 365_000


class Part(BaseModel):
    """A table of outreach.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, values: Any) -> Any:
        """A list that came out of a variable: `one,two`, in brackets or not. What is no list of plain values stays."""
        if not isinstance(values, dict):
            return values
        return {name: _listed(value) if cls._is_list(name) else value for name, value in values.items()}

    @field_validator("*", mode="after")
    @classmethod
    def _ends_some_day(cls, value: Any, info: ValidationInfo) -> Any:
        """A time of more than a thousand years, or one without an end, ends before the first year or after the last."""
        unit = SECONDS.get((info.field_name or "").rpartition("_")[2])
        if unit and isinstance(value, int | float) and not value * unit <= LONGEST_DAYS * SECONDS["days"]:
            raise ValueError("is longer than a thousand years")
        return value

    @classmethod
    def _is_list(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        kind = field.annotation if field is not None else None
        first = next(iter(get_args(kind)), None)
        return get_origin(kind) is tuple and not (isinstance(first, type) and issubclass(first, BaseModel))


def _listed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    inner = value.strip()
    if inner.startswith("[") and inner.find("]") == len(inner) - 1:  # and not a folder called [Gmail]/Spam
        inner = inner[1:-1]
    return [part for part in (one.strip().strip("\"'") for one in inner.split(",")) if part]
