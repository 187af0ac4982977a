"""Settling doubts by a person's word: it was sent, it was not, or send it again.

Law: only what is in doubt is settled, each by a compare-and-set, and the line that it leaves says who said so and why.
Sending again keeps the Message-ID; it is refused where the mail could no longer go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..address import ID_LENGTH, read_message_id
from ..errors import UsageError
from ..records import CampaignState, DeliveryEvent, DeliveryState, EditionState, FailureClass
from ..store.database import rows_in_chunks
from ..store.doubts import Doubt, asked_about, doubts, resend, settle_doubt
from ..store.editions import find_campaign
from .workspace import Workspace

TOGETHER = 200


class Word(StrEnum):
    """What a person says of a mail in doubt."""

    SENT = "sent"
    FAILED = "failed"
    RESEND = "resend"


@dataclass
class Resolved:
    """What became of the deliveries that were asked about: settled, or left as they are, each with the reason."""

    settled: list[Doubt] = field(default_factory=list)
    left: list[tuple[Doubt, str]] = field(default_factory=list)


def named(workspace: Workspace, names: Sequence[str]) -> list[Doubt]:
    """The deliveries with these Message-IDs or ids. Raises UsageError for one that we never sent."""
    wanted = {name: _public_id(name) for name in names}
    ids = [int(name) for name, public_id in wanted.items() if not public_id and _is_id(name)]
    with workspace.database.read() as session:
        found = asked_about(session, ids=ids, public_ids=[one for one in wanted.values() if one])
    known = {str(one.delivery_id) for one in found} | {one.public_id for one in found}
    for name, public_id in wanted.items():
        if (public_id or str(int(name) if _is_id(name) else name)) not in known:
            raise UsageError(
                f"{name} is no delivery of ours",
                remedy="Give a Message-ID or a number, as `outreach deliveries list CAMPAIGN` shows them.",
            )
    return list({one.delivery_id: one for one in found}.values())


def in_doubt(workspace: Workspace, campaign: str = "", edition: int | None = None) -> list[Doubt]:
    """All deliveries in doubt, of one campaign if named. Raises UsageError for a campaign that does not exist."""
    with workspace.database.read() as session:
        campaign_id = None
        if campaign:
            found = find_campaign(session, campaign)
            if found is None:
                raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
            campaign_id = found.id
        return list(doubts(session, campaign_id, edition))


def resolve(
    workspace: Workspace,
    asked: Sequence[Doubt],
    word: Word,
    *,
    because: str,
    by: str,
    progress: Callable[[int], None] | None = None,
) -> Resolved:
    """Settle these deliveries as a person says, a few hundred in each transaction."""
    now = workspace.clock()
    done = Resolved()
    told = f"{by} says {_WORDS[word]}: {because}"
    for part in rows_in_chunks(list(asked), TOGETHER):
        with workspace.database.write() as session:
            for one in part:
                why = _hindrance(workspace, one, word)
                if why:
                    done.left.append((one, why))
                elif word is Word.RESEND and resend(session, one.delivery_id, at=now, why=told, by=by):
                    done.settled.append(one)
                elif word is not Word.RESEND and settle_doubt(
                    session,
                    one.delivery_id,
                    event=_EVENTS[word],
                    at=now,
                    evidence=told,
                    by=by,
                    failure=FailureClass.OTHER if word is Word.FAILED else None,
                ):
                    done.settled.append(one)
                else:
                    done.left.append((one, "somebody or something else settled it meanwhile"))
        if progress is not None:
            progress(len(part))
    return done


_EVENTS = {Word.SENT: DeliveryEvent.EVIDENCE_SENT, Word.FAILED: DeliveryEvent.EVIDENCE_FAILED}
_WORDS = {Word.SENT: "it was sent", Word.FAILED: "it was not sent", Word.RESEND: "to send it again"}


def _hindrance(workspace: Workspace, one: Doubt, word: Word) -> str:
    if one.state is not DeliveryState.IN_DOUBT:
        return f"it is {one.state.value}, not in doubt"
    if word is not Word.RESEND:
        return ""
    if one.campaign_state is CampaignState.CANCELLED or one.edition_state is EditionState.CANCELLED:
        return "its campaign or edition was cancelled: say --sent or --failed"
    if one.expires_at is not None and one.expires_at <= workspace.clock():
        return f"it had to arrive by {one.expires_at:%Y-%m-%d %H:%M} UTC: say --sent or --failed"
    return ""


def _public_id(name: str) -> str:
    plain = name.strip().strip("<>").lower()
    return read_message_id(plain) or (plain if len(plain) == ID_LENGTH and plain.isalnum() else "")


def _is_id(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 19
