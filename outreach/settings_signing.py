"""The table of outreach.toml that tells what mail is signed with.

Law: it names keys and holds none. RFC 6376.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from .settings_part import Part


class Dkim(Part):
    """What mail is signed with. A selector's key is in the folder dkim, in SELECTOR.pem; without any nobody signs."""

    selectors: tuple[str, ...] = ()
    domain: str = Field("", description="d=, in whose DNS the keys stand; empty: the sender's")
    valid_days: int = Field(0, ge=0, le=3650, description="x=: a signature is good for so long; 0: for ever")

    @field_validator("selectors", mode="before")
    @classmethod
    def _from_a_variable(cls, value: object) -> object:
        """OUTREACH_DKIM__SELECTORS=one,two says the same as a list in the file."""
        return tuple(filter(None, (one.strip() for one in value.split(",")))) if isinstance(value, str) else value

    @field_validator("selectors")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("names a selector twice")
        return value
