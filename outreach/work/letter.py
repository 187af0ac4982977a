"""What an edition's press is made of, read from the database, the settings and the keys.

Law: nothing is read again while mails are made; what one press needs is one plain value (see `press`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from ..newsletter.message import Image
from ..newsletter.render import Links
from ..records import Campaign, Edition, MailingList
from ..store.campaigns import assets_by_digest
from ..store.seminars import session_of_uid
from .press import LetterPress, LinkFacts, LinkMaker, PressFacts, Sign
from .seminar_event import event_of
from .workspace import Workspace


def open_press(session: Session, workspace: Workspace, edition_id: int, *, sign: Sign | None = None) -> LetterPress:
    """The press of a stored edition; `sign` is `signing.open_signer`'s, where its mails are to leave the house."""
    return LetterPress(press_facts(session, workspace, edition_id), sign=sign)


def press_facts(session: Session, workspace: Workspace, edition_id: int) -> PressFacts:
    """All that the mails of a stored edition are made of, as a value that another process can take."""
    edition = session.get_one(Edition, edition_id)
    campaign = session.get_one(Campaign, edition.campaign_id)
    return edition_facts(session, workspace, edition, campaign, load_images(session, edition.frozen))


def edition_facts(
    session: Session, workspace: Workspace, edition: Edition, campaign: Campaign, images: Mapping[str, Image]
) -> PressFacts:
    """The same for an edition that is perhaps not kept; `images` are by Content-ID."""
    found = session.get(MailingList, edition.list_id) if edition.list_id is not None else None
    return PressFacts(
        frozen=_as_it_is_now(session, workspace, campaign, edition.frozen),
        kind=edition.kind,
        number=edition.number,
        campaign=campaign.name,
        sender=edition.sender or workspace.settings.identity.sender,
        domain=workspace.sender_domain,
        links=link_facts(workspace),
        list_name=found.name if found is not None else "",
        list_title=found.title if found is not None else "",
        images=dict(images),
    )


def _as_it_is_now(
    session: Session, workspace: Workspace, campaign: Campaign, frozen: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The same, but that an invitation which has waited names its session as it is now: whoever gets it is told of no
    change that was made before."""
    event = frozen.get("calendar")
    if not event or not campaign.options.get("seminar"):
        return frozen
    found = session_of_uid(session, str(event["uid"]).partition("@")[0])
    if found is None or found[1].cancelled_at is not None or found[1].revision <= event["sequence"]:
        return frozen
    return {**frozen, "calendar": event_of(workspace, *found).kept()}


def link_facts(workspace: Workspace) -> LinkFacts:
    """What the workspace's links and tokens are made of."""
    settings, keys = workspace.settings, workspace.keys
    return LinkFacts(
        key_number=keys.current,
        key=keys.signing[keys.current],
        reply_address=workspace.reply_address,
        bounce_address=workspace.bounce_address,
        plus=settings.replies.scheme == "plus",
        base_url=settings.public.url.rstrip("/") if settings.public.linkable else "",
    )


def mail_links(workspace: Workspace, public_id: str) -> Links:
    """The links of one delivery."""
    return LinkMaker(link_facts(workspace)).of(public_id)


def load_images(session: Session, frozen: Mapping[str, Any]) -> dict[str, Image]:
    """The images that a frozen edition may show, by Content-ID."""
    wanted: Mapping[str, str] = frozen.get("assets") or {}
    known = assets_by_digest(session, wanted.values())
    return {
        cid: Image(cid, known[digest].name, known[digest].media_type, known[digest].data)
        for cid, digest in wanted.items()
        if digest in known
    }
