"""WHO belongs together: households and companies, and whose member a customer is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from ..groups import GroupKind
from .types import Record, UtcDateTime, Word


class CustomerGroup(Record, table=True):
    """A household or a company. `key` is what the files call it, and stays when a person renames it; `name_key` is its
    name as it is compared. `manager`: the colleague who looks after a company.
    """

    __tablename__ = "customer_group"
    __table_args__ = (UniqueConstraint("kind", "key"), UniqueConstraint("kind", "name_key"))
    id: int | None = Field(default=None, primary_key=True)
    kind: GroupKind = Field(sa_type=Word(GroupKind))
    key: str
    name: str
    name_key: str
    manager: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Membership(Record, table=True):
    """A customer is of one household and one company at most. `how`: import, person; `evidence`: file and row."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("customer_id", "kind"),)
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id")
    kind: GroupKind = Field(sa_type=Word(GroupKind))
    group_id: int = Field(foreign_key="customer_group.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    how: str
    evidence: str = ""
    by: str = ""
