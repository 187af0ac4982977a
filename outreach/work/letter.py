"""From a frozen edition to the bytes and the envelope of one person's mail.

Law: tokens, Message-ID and reverse-path come from the delivery's public id alone, so that every attempt, the web page
and a resend are the same mail. No link to us leaves while we have no public https address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from sqlmodel import Session

from ..address import message_id, sign_token, tagged_address
from ..delivery.envelope import Envelope, make_envelope
from ..errors import TemplateError
from ..newsletter.message import Image, Letter, build_message
from ..newsletter.render import Links, Rendered, Renderer, customer_values
from ..newsletter.tips import ChosenTip
from ..records import BULK, Campaign, Edition, MailingList
from ..store.campaigns import assets_by_digest
from .workspace import Workspace

READY = "ready"
"""The method of a frozen value whose subject, text and HTML are written out: single mails."""


class Reader(Protocol):
    """What a letter reads of a customer; a `Customer` and a `CustomerRow` are both such."""

    @property
    def address(self) -> str | None: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def zone(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Pressed:
    """A mail ready to be handed over, and what its reader sees."""

    envelope: Envelope
    message: bytes
    rendered: Rendered


@dataclass(frozen=True)
class MailingListFacts:
    """What the headers say about the list; `name` "" for mail that belongs to none."""

    name: str = ""
    title: str = ""


class LetterPress:
    """One edition's mails. Safe to share between threads."""

    def __init__(
        self,
        workspace: Workspace,
        edition: Edition,
        campaign: Campaign,
        mailing_list: MailingListFacts,
        images: Mapping[str, Image],
    ) -> None:
        settings = workspace.settings
        self.frozen = edition.frozen
        self.workspace = workspace
        self._sender = edition.sender or settings.identity.sender
        self._domain = workspace.sender_domain
        self._reply, self._bounce = workspace.reply_address, workspace.bounce_address
        self._plus = settings.replies.scheme == "plus"
        self._links = LinkMaker(workspace)
        self._images = images
        self._bulk = edition.kind in BULK or bool(self.frozen.get("bulk"))
        name = mailing_list.name or str(self.frozen.get("list") or "")
        self._list_id = f"{_phrase(mailing_list.title or name)} <{_label(name)}.{self._domain}>".strip() if name else ""
        self._feedback = f"{campaign.name}:{edition.number}:{edition.kind.value}:{_label(self._domain)[:15]}"
        ready = self.frozen.get("method") == READY
        self.renderer = None if ready else Renderer(self.frozen, issue_number=edition.number)

    def press(self, customer: Reader | None, public_id: str, choices: Mapping[str, Any], now: datetime) -> Pressed:
        """The mail of one delivery. Raises TemplateError with the variable that is missing."""
        address = str((customer.address if customer is not None else self.frozen.get("to")) or "")
        if not address:
            raise TemplateError("nobody knows an address of this person any more")
        return self.wrap(self.render(customer, public_id, choices), address, public_id, now)

    def render(self, customer: Reader | None, public_id: str, choices: Mapping[str, Any]) -> Rendered:
        """What the reader will see."""
        if self.renderer is None:
            frozen = self.frozen
            shown = tuple(frozen.get("assets") or ())
            return Rendered(frozen["subject"], "", frozen.get("html", ""), frozen["text"], shown)
        return self.renderer.render(reader_values(customer), chosen_tips(choices), self.links(public_id))

    def wrap(self, rendered: Rendered, address: str, public_id: str, now: datetime) -> Pressed:
        """The message and envelope around what was rendered."""
        keys = self.workspace.keys
        reply = tagged_address(self._reply, sign_token(keys, "reply", public_id)) if self._plus else self._reply
        letter = Letter(
            sender=self._sender,
            recipient=address,
            reply_to=reply,
            subject=rendered.subject,
            date=now,
            message_id=message_id(public_id, self._domain),
            text=rendered.text,
            html=rendered.html,
            images=[self._images[cid] for cid in rendered.images if cid in self._images],
            bulk=self._bulk,
            list_id=self._list_id,
            unsubscribe=self.links(public_id).unsubscribe_url if self._bulk else "",
            feedback_id=self._feedback if self._bulk else "",
            in_reply_to=str(self.frozen.get("in_reply_to") or ""),
            references=str(self.frozen.get("references") or ""),
        )
        token = "b" + sign_token(keys, "bounce", public_id) if self._plus else ""
        return Pressed(make_envelope(self._bounce, address, token), build_message(letter), rendered)

    def links(self, public_id: str) -> Links:
        """The links of one delivery."""
        return self._links.of(public_id)


class LinkMaker:
    """The unsubscribe and view links of deliveries: https where we are reached so, else a mailto: alone."""

    def __init__(self, workspace: Workspace) -> None:
        self._keys = workspace.keys
        self._base = workspace.settings.public.url.rstrip("/") if workspace.settings.public.linkable else ""
        address = workspace.reply_address
        if workspace.settings.replies.scheme == "plus":
            before, after = tagged_address(address, "\0").split("\0")
            self._mailto = f"mailto:{quote(before, safe='@+')}u", f"{quote(after, safe='@+')}?subject=unsubscribe"
        else:
            self._mailto = f"mailto:{quote(address, safe='@+')}?subject=unsubscribe%20u", ""

    def of(self, public_id: str) -> Links:
        """The links of the delivery with this public id."""
        token = sign_token(self._keys, "unsubscribe", public_id)
        if self._base:
            view = sign_token(self._keys, "view", public_id)
            return Links(f"{self._base}/u/{token}", f"{self._base}/v/{view}")
        return Links(token.join(self._mailto))


def mail_links(workspace: Workspace, public_id: str) -> Links:
    """The links of one delivery."""
    return LinkMaker(workspace).of(public_id)


def open_press(session: Session, workspace: Workspace, edition_id: int) -> LetterPress:
    """The press of a stored edition."""
    edition = session.get_one(Edition, edition_id)
    campaign = session.get_one(Campaign, edition.campaign_id)
    found = session.get(MailingList, edition.list_id) if edition.list_id is not None else None
    facts = MailingListFacts(found.name, found.title) if found is not None else MailingListFacts()
    return LetterPress(workspace, edition, campaign, facts, load_images(session, edition.frozen))


def load_images(session: Session, frozen: Mapping[str, Any]) -> dict[str, Image]:
    """The images that a frozen edition may show, by Content-ID."""
    wanted: Mapping[str, str] = frozen.get("assets") or {}
    known = assets_by_digest(session, wanted.values())
    return {
        cid: Image(cid, known[digest].name, known[digest].media_type, known[digest].data)
        for cid, digest in wanted.items()
        if digest in known
    }


def reader_values(customer: Reader | None) -> dict[str, Any]:
    """What a template may know of a customer."""
    if customer is None:
        return {}
    row = {name: getattr(customer, name) for name in ("first_name", "last_name", "language", "country", "zone")}
    return customer_values({**row, "attributes": customer.attributes})


def chosen_tips(choices: Mapping[str, Any]) -> list[ChosenTip]:
    """A delivery's choices as the renderer takes them."""
    reasons = choices.get("reasons") or {}
    return [ChosenTip(name, str(reasons.get(name) or "")) for name in choices.get("tips") or ()]


def _label(text: str) -> str:
    """`text` as a label of a domain name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "list"


def _phrase(text: str) -> str:
    """`text` without what would end a phrase in a header (RFC 5322 3.2.3)."""
    return " ".join(re.sub(r'[()<>@,;:\\".\[\]\x00-\x1f\x7f]', " ", text).split())
