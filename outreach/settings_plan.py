"""The settings of the plan: whether a tips issue is tested, which plans a person approves, and what counts for it.

Law: a share that would leave a group of nobody is refused when it is read.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .settings_part import Part
from .words import BULK, Kind


class PlanSettings(Part):
    """What next: tests of tips, approval, goals."""

    hold_out_percent: int = Field(10, ge=0, le=50, description="of a tips issue's people; 0: no issue is tested")
    hold_out_effect: float = Field(0.3, gt=0, lt=1, description="the smallest fall in complaints worth knowing of")
    hold_out_days: int = Field(14, ge=1, le=90, description="for so long complaints are counted")
    hold_out_later: bool = Field(False, description="those held out get the issue when the test is over")
    approve: tuple[Kind, ...] = Field((), description="kinds of campaigns that go only as a person approved them")
    drift: Literal["any", "fewer"] = Field("any", description="fewer: an approved plan may lose people, no more")
    goal_days: int = Field(14, ge=1, le=365, description="a goal reached so long after a mail counts for it")

    @field_validator("approve")
    @classmethod
    def _only_bulk(cls, value: tuple[Kind, ...]) -> tuple[Kind, ...]:
        for kind in value:
            if kind not in BULK:
                raise ValueError(f"{kind.value} mail is not planned ahead: name tips, news, offer or invitation")
        return value
