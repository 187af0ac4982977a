"""Whose whole domain is blocked by a person, or takes no mail for now.

Law: nearly always there is no such domain: then no address is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from ..address import domain_key
from ..audience.consent import MailFacts
from ..store.bounces import PausedDomain, addresses_of, paused_domains
from ..store.consents import blocked_domains
from .workspace import Workspace


def of_blocked_domains(
    session: Session, workspace: Workspace, mail: Mapping[int, MailFacts], now: datetime
) -> dict[int, MailFacts]:
    """Those whose whole domain is blocked, as if their address were. Nearly always nobody: then no address is read."""
    blocked = blocked_domains(session, now)
    if not blocked:
        return {}
    found = {}
    for person, address in addresses_of(session, list(mail)).items():
        block = blocked.get(domain_key(workspace.keys, address))
        if block is not None:
            words = f"all of {address.rpartition('@')[2]}: {block.evidence}"
            found[person] = mail[person]._replace(
                domain=block.reason, domain_until=block.expires_at, domain_evidence=words
            )
    return found


def paused_of(
    session: Session, workspace: Workspace, customer_ids: Sequence[int], now: datetime
) -> dict[int, PausedDomain]:
    """Whose domain takes no mail for now. Nearly always nobody's: then no address is read."""
    domains = paused_domains(session, now)
    if not domains:
        return {}
    addresses = addresses_of(session, customer_ids)
    keys = {person: domain_key(workspace.keys, address) for person, address in addresses.items()}
    return {person: domains[key] for person, key in keys.items() if key in domains}
