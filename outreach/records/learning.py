"""What people's decisions on replies have taught: the examples, and every model that was made of them.

Law: an example holds no words, only their hashes; a model that was refused or rolled back stays, with its reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, ForeignKey, Integer, LargeBinary
from sqlmodel import Field

from ..words import Category, ModelState
from .types import Record, UtcDateTime, Word


class LearnedExample(Record, table=True):
    """One decision to learn from: a review's (`inbound_id`), or a row of a file of labels (`source`).

    `features`: the hashes of words and pairs, four bytes each; `odds`: what the cues said; `by_cues`: topics that they
    found. `set_aside`: not learned from, since a person went back to a model from before it.
    """

    __tablename__ = "learned_example"
    __table_args__: ClassVar[dict[str, bool]] = {"sqlite_autoincrement": True}  # no mark meets a number used twice
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    inbound_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("inbound.id", ondelete="CASCADE"), unique=True)
    )
    source: str
    key: str = Field(unique=True)
    features: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    odds: float
    by_cues: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    complaint: bool | None = None
    category: Category | None = Field(default=None, sa_type=Word(Category))
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    set_aside: bool = False


class ReplyModel(Record, table=True):
    """One version of what was learned; its number is the id. `mark`: the last example that it has learned from.

    `figures`: shares that were right among held-out examples, before and after.
    """

    __tablename__ = "reply_model"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    state: ModelState = Field(sa_type=Word(ModelState), index=True)
    mark: int
    examples: int
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    reason: str = ""
    weights: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
