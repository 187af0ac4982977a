"""Blocking an address or a whole domain by a person's word.

Law: a domain's block bumps the workspace's version in its own transaction, since nobody knows yet whose mail it stops:
no intent that was judged before it is granted afterwards (RELIABILITY I8).
"""

from __future__ import annotations

from datetime import datetime

from ..address import address_key, canonical_address, domain_key
from ..records import SuppressionReason
from ..store.consents import find_suppression, suppress, unsuppress
from .epoch import advance
from .erasures import LIFTED, NOBODY, Entry, note
from .pause import locked_row
from .workspace import Workspace


def blocked_key(workspace: Workspace, who: str) -> tuple[str, str]:
    """An address, or "@example.com" for a domain: as it is shown, and its key on the block list."""
    if who.strip().startswith("@"):
        domain = canonical_address(f"somebody{who.strip()}").rpartition("@")[2]
        return f"@{domain}", f"@{domain_key(workspace.keys, f'somebody@{domain}')}"
    address = canonical_address(who)
    return address, address_key(workspace.keys, address)


def block(workspace: Workspace, key: str, reason: str, *, by: str, until: datetime | None = None) -> bool:
    """Never write there again (or not before `until`); False where it is so already."""
    with workspace.database.write() as session:
        if key.startswith("@"):
            row = locked_row(session)
            row.version += 1
            session.add(row)
        changed = suppress(
            session,
            address_key=key,
            reason=SuppressionReason.BY_HAND,
            at=workspace.clock(),
            evidence=f"{reason} ({by})",
            expires_at=until,
        )
        advance(session, workspace.root, needed=False)
        return changed


def unblock(workspace: Workspace, key: str) -> bool:
    """Let an address or a domain be written to again; False where it was not blocked.

    Of somebody who was erased that is kept beside the database too, so that no restore blocks them once more.
    """
    with workspace.database.write() as session:
        row = find_suppression(session, key)
        if row is not None and row.reason is SuppressionReason.ERASED:
            note(workspace.root, workspace.keys, [Entry(workspace.clock(), LIFTED, NOBODY, (key,))])
        return unsuppress(session, address_key=key, at=workspace.clock())
