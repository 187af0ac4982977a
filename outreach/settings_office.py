"""The settings of the office: when somebody is at work, and who answers by when, and whom it is escalated to.

Law: a country, a weekday or an hour that cannot be is refused when it is read.
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import Field, field_validator, model_validator

from .settings_part import Part
from .words import Category, Channel, Urgency


class Hours(Part):
    """Business hours, for due times."""

    start: time = time(9, 0)
    end: time = time(17, 0)
    days: tuple[int, ...] = Field((0, 1, 2, 3, 4), description="0 is Monday")
    holidays: str = Field("", description="a country such as DE or US, or with a part: DE-BY")
    extra_holidays: tuple[date, ...] = ()

    @field_validator("days")
    @classmethod
    def _weekdays(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or not set(value) <= set(range(7)):
            raise ValueError("must name at least one weekday, from 0 (Monday) to 6 (Sunday)")
        return value

    @field_validator("holidays")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value:
            from holidays import country_holidays  # lazy: 100 ms, and only needed where a country is set

            country, _, part = value.partition("-")
            try:
                country_holidays(country, subdiv=part or None)
            except NotImplementedError as wrong:
                raise ValueError(f"{value!r} is no country or part of one whose holidays are known: {wrong}") from wrong
        return value

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Hours:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Cases(Part):
    """Who answers, and how many business hours they have."""

    owner: str = ""
    high_hours: float = Field(4, gt=0)
    raised_hours: float = Field(8, gt=0)
    normal_hours: float = Field(16, gt=0)
    hold_lapses_days: int = Field(2, ge=1, description="business days until a suggested hold lapses")
    oldest_share: int = Field(4, ge=2, description="of so many pieces of work one goes to who has waited longest")
    reach_quick: int = Field(5000, ge=0, description="readers from which a public message is answered sooner")
    mark_minutes: int = Field(30, ge=1, description="until the mark of somebody who is answering lapses")
    acknowledge: bool = Field(False, description="tell who opened a case its number and when we answer")
    ask_fixed: bool = Field(True, description="an answer that solves a case asks whether it did")


class Level(Part):
    """One level of an escalation: after so many business hours, who is told."""

    after: float = Field(ge=0)
    to: str = Field(min_length=1, description='a name of `outreach people`, "owner", or "all"')


class EscalationRule(Part):
    """Which cases, and its levels. The first rule that fits a case is its rule; one without conditions fits all."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,39}$")
    categories: tuple[Category, ...] = ()
    topics: tuple[str, ...] = ()
    urgencies: tuple[Urgency, ...] = ()
    channels: tuple[Channel, ...] = ()
    counts: Literal["overdue", "age"] = Field("overdue", description="business hours past the due time, or of age")
    levels: tuple[Level, ...] = Field(min_length=1)

    @property
    def catches_all(self) -> bool:
        """Whether it names no condition."""
        return not (self.categories or self.topics or self.urgencies or self.channels)

    @model_validator(mode="after")
    def _levels_rise(self) -> EscalationRule:
        hours = [level.after for level in self.levels]
        if hours != sorted(set(hours)):
            raise ValueError("each level must come after more hours than the one before it")
        return self


EVERYBODY, OWNER = "all", "owner"
USUAL_RULES = (EscalationRule(name="usual", levels=(Level(after=4, to=OWNER), Level(after=16, to=EVERYBODY))),)
"""What holds where no [[escalations]] are written."""


def check_rules(rules: tuple[EscalationRule, ...]) -> tuple[EscalationRule, ...]:
    """The rules, if the last one and only that catches all. Raises ValueError."""
    if rules and not rules[-1].catches_all:
        raise ValueError("the last of [[escalations]] must name no condition, so that no case falls through")
    early = next((rule.name for rule in rules[:-1] if rule.catches_all), None)
    if early is not None:
        raise ValueError(f"[[escalations]] {early!r} names no condition: the rules below it would never be looked at")
    names = [rule.name.lower() for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError("two of [[escalations]] have the same name")
    return rules
