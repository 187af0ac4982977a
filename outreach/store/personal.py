"""Which rows and columns tell of a person: the one map that exporting and erasing both read.

Law: a table is somebody's by a key that leads to their customer, deliveries, messages or cases, or it stands in HOUSE
and tells of nobody; of somebody's rows every text, JSON value and blob is personal unless KEPT says why not. So a new
column is covered as it comes, and a new table that is neither fails a test.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, String, Table, and_, or_, select
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel, col

from ..records import (
    Case,
    Contact,
    ContactKind,
    Customer,
    CustomerMerge,
    Delivery,
    Edition,
    Inbound,
    Kind,
    Notice,
    SignUp,
    StrangerStop,
    Suppression,
    UtcDateTime,
    Word,
)
from .database import rows_in_chunks
from .groups import groups_alone

CHUNK = 400
BY_KEY = ("sign_up", "stranger_stop")
"""Tables whose rows are somebody's by the keyed hash of their address alone."""
ROOTS = ("customer", "delivery", "inbound", "case_file", "edition", "suppression", "customer_group", *BY_KEY)
"""Tables whose rows are found by name; whatever leads to one of them (an edition aside) is found by its keys. A
household or company is somebody's where nobody else is of it."""
SINGLE = (Kind.SERVICE, Kind.TEST)
"""Kinds of mail whose edition is one person's own: what was frozen in it is that person's letter."""
HOUSE: Mapping[str, str] = {
    "alembic_version": "how far the tables are migrated",
    "alert": "what needs a colleague",
    "asset": "images of newsletters",
    "attribute": "which attributes were declared, and their types",
    "campaign": "what a marketer wrote",
    "cause": "what several cases have in common",
    "colleague": "one of us",
    "customer_import": "the file that an import read, its counts, and the numbers of whom it found",
    "lane": "counters",
    "link": "where the links of an issue lead, the same for all its readers",
    "mailbox_mark": "how far our mailboxes are read",
    "mailing_list": "a list's name",
    "pace": "limits of relays and domains",
    "plan_approval": "what was agreed, by numbers of customers and names of rules",
    "ready_answer": "answers kept ready",
    "relay_state": "how a relay does",
    "reply_model": "weights of hashed words over all messages",
    "saved_segment": "a rule that a marketer saved",
    "schedule": "when a campaign goes",
    "seminar": "what a marketer wrote",
    "seminar_session": "when a seminar is",
    "sequence": "what a marketer wrote",
    "tip": "what an editor wrote",
    "wave_look": "figures of a wave",
    "worker": "our processes",
    "workspace": "the workspace itself",
}
"""Tables that tell of nobody, each with what it holds. They are searched for the person's address all the same."""
REMOVED = frozenset(
    {
        *("boost", "contact", "customer_group", "enrolment", "hold", "import_change", "learned_example", "membership"),
        *("seat", "sign_up", "stranger_stop", "subscription", "wish"),
    }
)
"""Tables whose rows go as a whole; of all others a row without words stays, so that every count still adds up."""
_NUMBER = "a random number, which the tokens in old mails need"
_KEY = "a keyed hash: nobody is planned for or written to twice, and a re-import stays suppressed"
_WORD = "a word of our own vocabulary"
_RULE = "a rule's name"
_US = "one of us, or a process of ours"
KEPT: Mapping[str, Mapping[str, str]] = {
    "bounce": {"address_key": _KEY, "domain_key": _KEY, "source": _WORD},
    "case_file": {"owner": _US, "answering_by": _US, "topic": _WORD},
    "cause_case": {"by": _US},
    "consent": {"how": _WORD, "by": _US},
    "customer_merge": {"by": _US, "moved": "counts", "undone_by": _US},
    "delivery": {
        "public_id": _NUMBER,
        "occasion": "which occasion it was: planned once",
        "address_key": _KEY,
        "domain_key": _KEY,
        "reason": _RULE,
        "variant": _WORD,
        "owner": _US,
        "relay": _US,
    },
    "delivery_move": {"event": _WORD, "reason": _RULE, "relay": _US, "by": _US},
    "edition": {
        "public_id": _NUMBER,
        "occasion": "which occasion it was: queued once",
        "sender": _US,
        "planned_digest": _KEY,
        "reason": _RULE,
        "segment": "a single mail has none",
        "content_digest": "a single mail has none",
        "waves": "numbers",
        "hold_out": "a single mail has none",
        "versions": "a single mail has none",
        "one_per": "a single mail has none",
    },
    "escalation": {"rule": _RULE, "told": _US},
    "goal": {"key": "a digest, so that the same row is not counted twice", "name": "the goal's name"},
    "inbound": {
        "public_id": _NUMBER,
        "content_hash": "a digest: the same mail, read again, is known and not taken twice",
        "mailbox": "in which mailbox of ours it still lies",
        "place": "where in that mailbox",
        "topics": _WORD,
        "language": _WORD,
        "network": _WORD,
    },
    "notice": {"mark": _RULE},
    "promise": {"by": _US, "settled_by": _US},
    "suppression": {"address_key": _KEY},
    "step": {"rule": _RULE, "decided_by": _US},
    "thanks": {"topics": _WORD, "tips": "names of tips", "asked_by": _US, "decided_by": _US},
    "verdict": {"by": _US, "topics": _WORD},
}
"""Columns that stay when their row's person is erased, each with the reason."""


@dataclass(frozen=True)
class Own:
    """What is one person's: ids by table. `needles` are the address and numbers by which others may name them."""

    customer_id: int
    address_keys: frozenset[str]
    needles: tuple[str, ...]
    rows: dict[str, list[int]] = field(default_factory=dict)

    def count(self) -> dict[str, int]:
        """How many rows of each table."""
        return {name: len(ids) for name, ids in self.rows.items() if ids}


def own_of(session: Session, customer: Customer) -> Own:
    """Every row that tells of this customer, also what an address or number of theirs sent before we knew them."""
    assert customer.id is not None
    who = customer.id
    known = session.execute(select(col(Contact.kind), col(Contact.value)).where(col(Contact.customer_id) == who)).all()
    keys = {value for kind, value in known if kind is ContactKind.ADDRESS} | {customer.address_key or ""}
    merged = _merged(session, who)
    phones = {value for kind, value in known if kind is ContactKind.PHONE} | {customer.phone or ""}
    phones |= {one.get("phone") or "" for one in merged}
    addresses = {customer.address or "", *(one.get("address") or "" for one in merged)} - {""}
    senders = addresses | {one.lower() for one in addresses}
    needles = tuple(sorted({*(one.lower() for one in addresses), *phones} - {""}))
    return _find_rows(session, Own(who, frozenset(keys - {""}), needles, {"customer": [who]}), senders)


def _merged(session: Session, customer_id: int) -> list[dict[str, Any]]:
    """Those who were made one with this customer, as their records tell them: their addresses are this one's too."""
    query = select(col(CustomerMerge.before)).where(col(CustomerMerge.customer_id) == customer_id)
    return [before["gone"] for before in session.execute(query).scalars() if before.get("gone")]


def own_of_stranger(session: Session, address: str, key: str) -> Own:
    """Every row about somebody who is no customer: what this address wrote, and what was sent there."""
    return _find_rows(
        session, Own(0, frozenset({key}), (address.lower(),), {"customer": []}), {address, address.lower()}
    )


def _find_rows(session: Session, own: Own, senders: Collection[str]) -> Own:
    who, needles = own.customer_id, own.needles
    nobodys = col(Delivery.customer_id).is_(None), col(Delivery.address_key).in_(own.address_keys)
    own.rows["delivery"] = _ids(session, Delivery, or_(col(Delivery.customer_id) == who, and_(*nobodys)))
    own.rows["edition"] = single_editions(session, own.rows["delivery"])
    theirs = or_(col(Inbound.sender).in_(senders), col(Inbound.author).in_({*needles}))
    unknown = and_(col(Inbound.customer_id).is_(None), theirs)
    sent = _ids(session, Inbound, or_(col(Inbound.customer_id) == who, unknown))
    own.rows["inbound"] = sorted({*sent, *_answers(session, own.rows["delivery"])})
    own.rows["customer_group"] = groups_alone(session, who)
    for keyed in (Suppression, SignUp, StrangerStop):
        own.rows[keyed.__tablename__] = _ids(session, keyed, col(keyed.address_key).in_(own.address_keys))
    author = and_(col(Case.customer_id).is_(None), col(Case.author).in_({*needles}))
    own.rows["case_file"] = _ids(session, Case, or_(col(Case.customer_id) == who, author))
    complete(session, own)
    told = [one for part in rows_in_chunks(own.rows["notice"], CHUNK) for one in _told_by(session, part)]
    own.rows["edition"] = sorted({*own.rows["edition"], *single_editions(session, told)})
    return own


def complete(session: Session, own: Own) -> None:
    """Add what leads to the rows that are known: everything that was kept of them, and of that in turn."""
    for table in SQLModel.metadata.sorted_tables:
        if table.name in ROOTS or table.name in HOUSE:
            continue
        found: set[int] = set()
        for column, target in leading(table):
            for part in rows_in_chunks(own.rows.get(target, []), CHUNK):
                found.update(session.execute(select(table.c.id).where(column.in_(part))).scalars())
        own.rows[table.name] = sorted(found)


def leading(table: Table) -> Iterator[tuple[Column[Any], str]]:
    """The columns by which a row of this table is somebody's, each with the table that it leads to."""
    for key in table.foreign_keys:
        target = key.column.table.name
        if target not in (table.name, "edition") and target not in HOUSE:
            yield key.parent, target


def is_personal(column: Column[Any]) -> bool:
    """Whether this column of a person's row may hold what they, or others of them, said: and so is emptied."""
    return holds_words(column) and column.name not in KEPT.get(column.table.name, {})


def holds_words(column: Column[Any]) -> bool:
    """Text, JSON or bytes; the words of a vocabulary, numbers and instants name nobody."""
    kind = column.type
    if isinstance(kind, Word | UtcDateTime):
        return False
    plain = kind.impl if isinstance(kind, TypeDecorator) else kind
    return isinstance(plain, String | JSON | LargeBinary)


def _ids(session: Session, table: Any, condition: Any) -> list[int]:
    return list(session.execute(select(col(table.id)).where(condition).order_by(col(table.id))).scalars())


def _answers(session: Session, deliveries: Collection[int]) -> Iterator[int]:
    """Messages about these mails that nobody else is known to have written: bounces, and answers of strangers."""
    for part in rows_in_chunks(list(deliveries), CHUNK):
        nobodys = col(Inbound.customer_id).is_(None), col(Inbound.delivery_id).in_(part)
        yield from session.execute(select(col(Inbound.id)).where(*nobodys)).scalars()


def _told_by(session: Session, notices: Collection[int]) -> list[int]:
    """The mails by which colleagues were told of the person's cases: they hold the person's words."""
    query = select(col(Notice.delivery_id)).where(col(Notice.id).in_(notices), col(Notice.delivery_id).is_not(None))
    return [one for one in session.execute(query).scalars() if one is not None]


def single_editions(session: Session, deliveries: Collection[int]) -> list[int]:
    """The letters to one person alone that these mails carried."""
    found: set[int] = set()
    for part in rows_in_chunks(list(deliveries), CHUNK):
        query = select(col(Edition.id)).join(Delivery, col(Delivery.edition_id) == col(Edition.id))
        found.update(session.execute(query.where(col(Delivery.id).in_(part), col(Edition.kind).in_(SINGLE))).scalars())
    return sorted(found)
