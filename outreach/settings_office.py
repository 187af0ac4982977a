"""The settings of the office: when somebody is at work, and who answers by when.

Law: a country, a weekday or an hour that cannot be is refused when it is read.
"""

from __future__ import annotations

from datetime import date, time

from pydantic import Field, field_validator, model_validator

from .settings_part import Part


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
