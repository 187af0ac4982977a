"""All that is kept of one person, as a plain value that a program and a person can read.

Law: it is told from the same map as erasing (`store.personal`): what would be emptied is in here. Numbers that only
serve us are left out; the bytes of messages are told as files beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Table, select
from sqlmodel import Session, SQLModel, col

from ..audience.consent import SUPPRESSION_WORDS
from ..records import Campaign, Channel, Customer, CustomerGroup, Edition, MailingList, SuppressionReason
from ..store.customers import person_at
from ..store.database import rows_in_chunks
from ..store.personal import CHUNK, Own, own_of
from .erase import no_customer
from .workspace import Workspace

OURS = frozenset(
    {
        *("version", "owner", "fence", "lease_until", "customer_version", "campaign_version", "workspace_version"),
        *(
            "crashes",
            "domain_key",
            "content_hash",
            "phone_end",
            "ending",
            "planned_digest",
            "content_digest",
            "hold_out",
        ),
        *("released_wave", "released_at", "wave", "waves", "set_aside", "state_before", "foreign_token"),
    }
)
"""Columns that only keep our machinery in step."""
ORDER = ("customer", "contact", "subscription", "consent", "suppression", "delivery", "edition", "inbound", "case_file")
"""What a reader looks for first; the rest follows as it comes."""


@dataclass(frozen=True)
class PersonFile:
    """`sections`: rows by table, each as {column: value}. `messages`: what came in, byte for byte, by file name."""

    address: str
    made_at: datetime
    company: str
    language: str
    sections: dict[str, list[dict[str, Any]]]
    messages: dict[str, bytes] = field(default_factory=dict)


def export_customer(workspace: Workspace, address: str) -> PersonFile:
    """Everything that is kept of the person with this address, or, as #17, with this number.

    Raises InputError where there is none.
    """
    with workspace.database.read() as session:
        customer = person_at(session, workspace.keys, address)
        if customer is None:
            raise no_customer(session, workspace, address)
        own = own_of(session, customer)
        names = _names(session, own)
        sections: dict[str, list[dict[str, Any]]] = {}
        messages: dict[str, bytes] = {}
        known = {table.name: table for table in SQLModel.metadata.sorted_tables if own.rows.get(table.name)}
        for name in sorted(known, key=lambda each: (ORDER.index(each) if each in ORDER else len(ORDER), each)):
            sections[name] = _rows(session, known[name], own.rows[name], names, messages)
        language = _language(customer, workspace)
    return PersonFile(
        customer.address or address,
        workspace.clock(),
        workspace.settings.identity.company,
        language,
        sections,
        messages,
    )


def _rows(
    session: Session, table: Table, ids: list[int], names: Mapping[tuple[str, int], str], messages: dict[str, bytes]
) -> list[dict[str, Any]]:
    found = []
    for part in rows_in_chunks(ids, CHUNK):
        query = select(table).where(table.c.id.in_(part)).order_by(table.c.id)
        for row in session.execute(query).mappings():
            told: dict[str, Any] = {}
            for column in table.columns:
                value = row[column.name]
                target = next((key.column.table.name for key in column.foreign_keys), "")
                if column.name in OURS or column.name == "customer_id":
                    continue
                if target and (target, value) in names:
                    told[column.name.removesuffix("_id")] = names[target, value]
                elif table.name == "inbound" and column.name == "raw":
                    told["file"] = _message_file(row, messages)
                elif isinstance(column.type, LargeBinary):
                    told[column.name] = base64.b64encode(bytes(value or b"")).decode()
                else:
                    told[column.name] = value
            if table.name == "suppression":
                told["meaning"] = SUPPRESSION_WORDS[SuppressionReason(row["reason"])]
            found.append(told)
    return found


def _message_file(row: Mapping[Any, Any], messages: dict[str, bytes]) -> str:
    raw = bytes(row["raw"] or b"")
    if not raw:
        return ""
    name = f"messages/{row['id']}.{'eml' if row['channel'] == Channel.EMAIL else 'json'}"
    messages[name] = raw
    return name


def _names(session: Session, own: Own) -> dict[tuple[str, int], str]:
    """Lists, campaigns and issues by their names, so that nobody needs our numbers."""
    found: dict[tuple[str, int], str] = {}
    for number, name in session.execute(select(col(MailingList.id), col(MailingList.name))):
        found["mailing_list", number] = name
    for number, name in session.execute(select(col(CustomerGroup.id), col(CustomerGroup.name))):
        found["customer_group", number] = name
    for number, name in session.execute(select(col(Campaign.id), col(Campaign.name))):
        found["campaign", number] = name
    issues = select(col(Edition.id), col(Edition.number), col(Edition.subject))
    single = set(own.rows["edition"])
    for number, issue, subject in session.execute(issues):
        if number not in single:
            found["edition", number] = f"{subject} (issue {issue})"
    return found


def _language(customer: Customer, workspace: Workspace) -> str:
    return customer.language or workspace.settings.identity.language
