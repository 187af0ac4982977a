"""By which way a message came, from whom, where it can be read and how far it reaches: in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contacts import shown_handle
from .common import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..records import Customer, Inbound


def author_words(row: Inbound) -> str:
    """Who wrote: a name and an address, a handle, or a number."""
    known = row.sender or shown_handle("", row.handle) or row.phone
    if not row.sender_name:
        return printable(known) or "?"
    return printable(f"{row.sender_name} <{known}>" if row.sender else f"{row.sender_name} {known}").strip()


def way_words(row: Inbound) -> str:
    """The channel, with the network where it is known."""
    return row.channel.value + (f" ({printable(row.network)})" if row.network else "")


def reach_words(reach: int) -> str:
    """How many people may have read it; nothing where nobody said."""
    return f"{reach:,} may read it" if reach else ""


def origin_lines(row: Inbound | None, customer: Customer | None) -> list[str]:
    """What a case says of one of its messages: way, author, reach, link, and what to mind in answering."""
    if row is None:
        return []
    if row.channel.value == "email":
        own = customer is None or not row.sender or row.sender.lower() == (customer.address or "").lower()
        told = printable(row.sender)
        return [] if own else [
            f"(from {told}, not the customer's own address: an answer goes there only with --to {told})"
        ]  # fmt: skip
    parts = [f"by {way_words(row)}", author_words(row) if author_words(row) != "?" else "", reach_words(row.reach)]
    lines = [f"({', '.join(part for part in parts if part)})"]
    return [*lines, *([printable(row.link)] if row.link else [])]


def origins_json(rows: Iterable[Inbound]) -> list[dict[str, Any]]:
    """Way, author, link and reach of each message, for a program."""
    names = ("id", "channel", "network", "sender", "sender_name", "handle", "phone", "link", "reach")
    return [{name: getattr(row, name) for name in (*names, "repost_of", "copy_of")} for row in rows]


def case_reach(rows: Sequence[Inbound]) -> int:
    """How many people may have read of a case: by each account's widest posting, reposts counted in."""
    widest: dict[tuple[str, str], int] = {}
    for row in rows:
        known = (row.network, row.handle)
        widest[known] = max(widest.get(known, 0), row.reach)
    return sum(widest.values())
