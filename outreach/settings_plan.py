"""The settings of the plan: whether a tips issue is tested, which plans a person approves, and what counts for it.

Law: a share that would leave a group of nobody is refused when it is read.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .groups import GroupKind
from .settings_part import Part
from .words import BULK, Kind

Sharing = Literal["promotion", "offer", "no"]
Together = Literal["all", "shared", "no"]


class Reach(Part):
    """Who gives no sign of life any more: asked once, then rested. Only on lists that count clicks or opens."""

    silent_issues: int = Field(
        0, ge=0, le=100, description="so many without a sign make somebody silent; 0: not looked"
    )
    silent_days: int = Field(180, ge=14, description="and so long since the last sign, or the first of these issues")
    answer_days: int = Field(30, ge=7, description="so long the question waits; then newsletters rest")


class PlanSettings(Part):
    """What next: tests of tips, approval, goals."""

    hold_out_percent: int = Field(10, ge=0, le=50, description="of a tips issue's people; 0: no issue is tested")
    hold_out_effect: float = Field(0.3, gt=0, lt=1, description="the smallest fall in complaints worth knowing of")
    hold_out_days: int = Field(14, ge=1, le=90, description="for so long complaints are counted")
    hold_out_later: bool = Field(False, description="those held out get the issue when the test is over")
    approve: tuple[Kind, ...] = Field((), description="kinds of campaigns that go only as a person approved them")
    drift: Literal["any", "fewer"] = Field("any", description="fewer: an approved plan may lose people, no more")
    household_holds: Sharing = Field("promotion", description="what an open complaint holds for the whole household")
    company_holds: Sharing = Field("offer", description="what an open complaint holds for everybody of the company")
    household_budget: Together = Field("all", description="what counts where one of a household gets a newsletter")
    company_budget: Together = Field("shared", description="what counts where one of a company gets a newsletter")
    goal_days: int = Field(14, ge=1, le=365, description="a goal reached so long after a mail counts for it")

    @property
    def shared_holds(self) -> dict[GroupKind, str]:
        """What somebody's open complaint holds for the others, by the kind of group."""
        return {GroupKind.HOUSEHOLD: self.household_holds, GroupKind.COMPANY: self.company_holds}

    @property
    def shared_budgets(self) -> dict[GroupKind, str]:
        """What others were sent that counts in a budget, by the kind of group of which one person gets a newsletter."""
        return {GroupKind.HOUSEHOLD: self.household_budget, GroupKind.COMPANY: self.company_budget}

    @field_validator("approve")
    @classmethod
    def _only_bulk(cls, value: tuple[Kind, ...]) -> tuple[Kind, ...]:
        for kind in value:
            if kind not in BULK:
                raise ValueError(f"{kind.value} mail is not planned ahead: name tips, news, offer or invitation")
        return value
