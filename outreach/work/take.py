"""Storing what came in, raw, before anything is done with it.

Law: what makes two things the same is a hash, of all bytes or of what names it; the same thing twice is kept once. Each
call is one short transaction, committed when it returns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..address import new_public_id
from ..records import Channel, InboundState
from ..store.replies import insert_inbound
from .workspace import Workspace


def take_in(
    workspace: Workspace,
    raw: bytes,
    *,
    channel: Channel = Channel.EMAIL,
    mailbox: str = "",
    place: str = "",
    received_at: datetime | None = None,
    cut: bool = False,
    fields: Mapping[str, Any] | None = None,
) -> int | None:
    """Store what came in and commit; its id, or None where the same content is here already.

    `fields`: columns that a channel knows by itself (handle, phone, link, reach). Reading comes after: `read_inbound`.
    """
    values = inbound_values(workspace, raw, channel, mailbox, place, received_at, cut=cut) | dict(fields or {})
    return take_all(workspace, [values])[0]


def take_all(workspace: Workspace, values: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Store several at once, as `inbound_values` gives them, and commit; the id of each, None where it is here."""
    with workspace.database.write() as session:
        return [insert_inbound(session, one) for one in values]


def told_bytes(fields: Mapping[str, Any]) -> bytes:
    """What a person or a file told of a call, a letter or a mention, as the raw bytes that are kept."""
    return json.dumps(dict(fields), ensure_ascii=False, sort_keys=True, default=str).encode()


def inbound_values(
    workspace: Workspace,
    raw: bytes,
    channel: Channel,
    mailbox: str,
    place: str,
    at: datetime | None,
    *,
    cut: bool = False,
    identity: bytes = b"",
) -> dict[str, Any]:
    """The columns of what came in. `identity`: what makes it the same thing again, where that is not all its bytes."""
    now = workspace.clock()
    size = workspace.settings.replies.max_bytes
    cut = cut or len(raw) > size
    return {
        "public_id": new_public_id(),
        "channel": channel,
        "state": InboundState.STORED,
        "received_at": min(at, now) if at is not None else now,
        "stored_at": now,
        "mailbox": mailbox,
        "place": place,
        "content_hash": hashlib.sha256(channel.value.encode() + b"\0" + (identity or raw)).hexdigest(),
        "raw": raw[:size],
        "flagged": f"larger than {size // 1_000_000} MB: only its beginning was kept" if cut else "",
    }
