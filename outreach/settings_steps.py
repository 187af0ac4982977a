"""The settings of what replies change: which changes to the plan are made by themselves, which wait for a person.

Law: fewer than five people are no trend, whatever is set.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .settings_part import Part

Policy = Literal["apply", "propose"]


class Steps(Part):
    """ "apply": made at once, with its reason, and it can be taken back; "propose": it waits for a person's yes."""

    holds: Policy = "apply"
    topics: Policy = "apply"
    trends: Policy = "propose"
    corrections: Policy = "apply"
    absences: Policy = Field("apply", description="newsletters wait until the day named in an out-of-office reply")
    thanks: Policy = "propose"
    trend_days: int = Field(28, ge=7, le=365, description="the period in which people who wrote are counted")
    trend_people: int = Field(5, ge=5, description="fewer different customers are no trend")
    trend_topics: int = Field(2, ge=0, le=12, description="topics brought forward in one issue; 0: none")

    @property
    def policies(self) -> dict[str, str]:
        """The policy of each kind of change, by its name."""
        return {
            "holds": self.holds,
            "topics": self.topics,
            "trends": self.trends,
            "corrections": self.corrections,
            "absences": self.absences,
        }
