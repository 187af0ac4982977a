"""What every table of outreach.toml is: frozen, and unknown keys are refused.

Law: nothing but that stands here.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A table of outreach.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
