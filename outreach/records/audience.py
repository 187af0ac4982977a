"""WHO: customers, lists, the ties between them, the proof of consent, and who must never be written to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from ..words import Changed, ConsentAct, ContactKind, ImportState, SubscriptionState, SuppressionReason
from .types import Record, UtcDateTime, Word, only_where


class Customer(Record, table=True):
    """A person. `version` is bumped by whatever may stop mail to them (RELIABILITY I8).

    `attributes` holds every column of an import that is no field of ours, by its (normalised) heading. `address` None:
    somebody to be called or written to by hand, or erased.
    """

    __tablename__ = "customer"
    __table_args__ = (
        Index("ix_customer_erased", "erased_at", **only_where("erased_at IS NOT NULL")),
        *(
            Index(f"ix_customer_{name}", name, **only_where(f"{name} IS NOT NULL"))
            for name in ("phone", "phone_end", "handle")
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    address: str | None = None
    address_key: str | None = Field(default=None, unique=True)
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    phone_end: str | None = Field(default=None, description="its last digits: `contacts.phone_end`")
    handle: str | None = None
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    version: int = 1
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Contact(Record, table=True):
    """A handle, a number or a second address by which a customer is known, beside those on the customer's own row.

    `value` as it is compared: a handle in small letters, a number's digits, an address's key (never the address), a
    postal address on one line.
    `network` "" fits any. `ending`: a number's last digits. `how`: import, person, review; `evidence`: which.
    """

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("customer_id", "kind", "network", "value"),
        Index("ix_contact_value", "kind", "value"),
        Index("ix_contact_ending", "ending"),
    )
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id")
    kind: ContactKind = Field(sa_type=Word(ContactKind))
    network: str = ""
    value: str
    ending: str = ""
    added_at: datetime = Field(sa_type=UtcDateTime)
    how: str
    evidence: str = ""
    by: str = ""


class MailingList(Record, table=True):
    """`words` are those by which people agree, as our pages show them; `words_in`: in other languages, by code.
    With `double_opt_in` a subscription waits until its owner confirms it by a link. After `implied_days` a consent that
    was only implied (a purchase) lapses; 0: never. `clicks`, `opens`: whether this list's mail tells us when a link is
    followed, or the mail opened. `one_per`: of each household (or company) one person gets its mail, "": everybody.
    `sign_up`: whether anybody may sign up by our page.
    `unconfirmed`: how many who had to confirm were let go of because they never did.
    """

    __tablename__ = "mailing_list"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    title: str = ""
    words: str = ""
    words_in: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    double_opt_in: bool = False
    implied_days: int = 0
    clicks: bool = False
    opens: bool = False
    one_per: str = ""
    sign_up: bool = False
    unconfirmed: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)


class Subscription(Record, table=True):
    """`until`: when the consent behind it lapses, where it was only implied."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("list_id", "customer_id"),)
    id: int | None = Field(default=None, primary_key=True)
    list_id: int = Field(foreign_key="mailing_list.id")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    state: SubscriptionState = Field(sa_type=Word(SubscriptionState))
    changed_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignUp(Record, table=True):
    """An address was typed into a list's sign-up page and something came of it: a mail that `asked` its owner, or a
    place on the list. `place`: a keyed hash of where it came from, for two days.
    """

    __tablename__ = "sign_up"
    id: int | None = Field(default=None, primary_key=True)
    address_key: str = Field(index=True)
    list_id: int = Field(foreign_key="mailing_list.id")
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    asked: bool = False
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    place: str = ""


class Wish(Record, table=True):
    """How somebody would rather be written to: not before `paused_until`, at most one newsletter in `every_days` days
    (0: as they come), nothing on these topics, by another `channel` ("": e-mail). `how` and `evidence` as in a Consent.
    """

    __tablename__ = "wish"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", unique=True)
    paused_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    every_days: int = 0
    no_topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    channel: str = ""
    changed_at: datetime = Field(sa_type=UtcDateTime)
    how: str
    evidence: str = ""


class Consent(Record, table=True):
    """One act of giving, withdrawing or restoring consent. Rows are only ever added.

    `how`: import, form, mail, one_click, page, person, implied, abuse_report. `evidence`: file and row, Message-ID…
    `language`: in which of a list's the words were shown, "" where they are not the list's.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index(
            "ix_consent_signup",
            "list_id",
            "at",
            **only_where("how <> 'import'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    act: ConsentAct = Field(sa_type=Word(ConsentAct))
    at: datetime = Field(sa_type=UtcDateTime)
    how: str
    words: str = ""
    language: str = ""
    evidence: str = ""
    by: str = ""


class Suppression(Record, table=True):
    """An address that must never be written to; keyed, so that it outlives the customer's erasure.

    A whole domain stands here by "@" and its `address.domain_key`.
    """

    __tablename__ = "suppression"
    __table_args__ = (Index("ix_suppression_domains", "address_key", **only_where("substr(address_key, 1, 1) = '@'")),)
    id: int | None = Field(default=None, primary_key=True)
    address_key: str = Field(unique=True)
    reason: SuppressionReason = Field(sa_type=Word(SuppressionReason))
    at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    evidence: str = ""


class StrangerStop(Record, table=True):
    """Somebody who is no customer of this database left a list, or (`list_id` None) pauses `until` then: known by the
    register of stops after a restore, and carried out when they become one.
    """

    __tablename__ = "stranger_stop"
    id: int | None = Field(default=None, primary_key=True)
    address_key: str = Field(index=True)
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CustomerImport(Record, table=True):
    """One run of `customers import`: the file, the list, the counts, where the rejected rows went.

    `source` names where the file came from: `options` (columns, types, ways) are used again for the next of its files.
    `created`: first and last id of customers that it made, by stretches without a gap. `found`: whom of those known
    already it found, and whom it told to be subscribed (`store.seen`); None where it did not end.
    """

    __tablename__ = "customer_import"
    id: int | None = Field(default=None, primary_key=True)
    file: str
    list_name: str
    at: datetime = Field(sa_type=UtcDateTime)
    counts: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    rejects: str = ""
    state: ImportState = Field(default=ImportState.RUNNING, sa_type=Word(ImportState))
    source: str = ""
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created: list[list[int]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    found: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    by: str = ""
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ImportChange(Record, table=True):
    """What an import changed of a customer, or of a block: `before` and `after`, so that it can be taken back.

    What it changed of customers that it made itself needs none, blocks aside: those go with them.
    """

    __tablename__ = "import_change"
    id: int | None = Field(default=None, primary_key=True)
    import_id: int = Field(foreign_key="customer_import.id", index=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    what: Changed = Field(sa_type=Word(Changed))
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    after: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
