"""A proof: the exact mail that one person would get, before anything is sent; and what is wrong with it.

Law: rendered in the child process, wrapped by the very press that sends. A file is proved as it stands, applied or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import canonical_address, new_public_id
from ..errors import UsageError
from ..newsletter.message import Image
from ..newsletter.plates import person_values
from ..newsletter.render import Links, Rendered
from ..newsletter.sandbox import near_names
from ..newsletter.tips import ChosenTip
from ..records import (
    Campaign,
    Customer,
    Delivery,
    Edition,
    EditionState,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
)
from ..store.campaigns import campaign_named, composed_campaigns, keep_asset
from ..store.customers import CustomerRow, find_customer, load_customers
from ..store.editions import next_number
from ..store.tips import all_tips, tip_named
from .choose import choose_for
from .compose import Draft, FrozenContent, TipDraft, content_id, freeze, freeze_tip, read_draft, read_tip
from .files import ImageFile
from .letter import edition_facts, load_images, mail_links
from .press import LetterPress, Pressed, chosen_tips
from .schedules import deadline_words
from .single import queue_single
from .trial import Trial, TrialPerson
from .workspace import Workspace

TRIED_PEOPLE = 500


@dataclass(frozen=True)
class Proof:
    """One mail: for whom ("" for nobody in particular), its parts and its bytes."""

    campaign: str
    customer: str
    rendered: Rendered
    pressed: Pressed
    links: Links
    public_id: str
    assets: Mapping[str, str]
    images: Mapping[str, Image]
    deadline: str = ""


def find_draft(workspace: Workspace, what: str) -> Draft:
    """The campaign of that name, or in that Markdown file. Raises UsageError or InputError."""
    path = Path(what)
    if path.suffix == ".md" or path.exists():
        return read_draft(workspace, path)
    with workspace.database.read() as session:
        campaign = campaign_named(session, what)
        if campaign is None or what.startswith("_"):
            known = ", ".join(each.name for each in composed_campaigns(session))
            remedy = f"There are: {known}." if known else "Apply one: outreach campaigns apply FILE.md"
            raise UsageError(f"there is no campaign called {what}", remedy=remedy)
        session.expunge(campaign)
    return Draft(campaign, {})


def prove(workspace: Workspace, draft: Draft, address: str = "", version: str = "") -> Proof:
    """The mail for the customer at `address`; "" takes the first on the list, or nobody where it is empty.

    `version`: another version of it, where it has several. Raises UsageError where there is no such one.
    """
    now = workspace.clock()
    with workspace.database.read() as session:
        content = freeze(session, workspace, draft.campaign, now=now)
        customer = _customer(session, workspace, draft.campaign, address)
        edition = proof_edition(session, workspace, draft.campaign, content)
        choices: Mapping[str, object] = {}
        if customer is not None:
            found = choose_for(
                session, workspace, edition=edition, campaign=draft.campaign, customers=[customer], now=now
            )
            choices = found.get(customer.id) or {}
        images = _images(session, content, draft)
        press = LetterPress(edition_facts(session, workspace, edition, draft.campaign, images))
    frozen = _version(content.frozen, version)
    public_id = new_public_id()
    person = TrialPerson(person_values(customer), chosen_tips(choices), press.links(public_id))
    with Trial(frozen, issue_number=edition.number) as trial:
        rendered = trial.render(person)
    to = (customer.address if customer is not None else None) or canonical_address(workspace.settings.identity.sender)
    pressed = press.wrap(rendered, to, public_id, now)
    return Proof(
        campaign=draft.campaign.name,
        customer=(customer.address or "") if customer is not None else "",
        rendered=rendered,
        pressed=pressed,
        links=person.links,
        public_id=public_id,
        assets={cid: digest for cid, digest in content.frozen["assets"].items() if cid in rendered.images},
        images=images,
        deadline=deadline_words(workspace, draft.campaign),
    )


def _version(frozen: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    versions: Mapping[str, Any] = frozen.get("versions") or {}
    if name in ("", "a"):
        return frozen
    if name not in versions:
        raise UsageError(f"there is no version {name}", remedy=f"There are: {', '.join(['a', *versions])}.")
    found: Mapping[str, Any] = versions[name]
    return found


def prove_tip(workspace: Workspace, draft: TipDraft, address: str = "") -> tuple[Rendered, dict[str, Image]]:
    """A page with this tip alone, as the customer at `address` would read it, and its images.

    Raises TemplateError where a variable is missing, UsageError where there is no such customer.
    """
    frozen = freeze_tip(workspace, draft.tip)
    with workspace.database.read() as session:
        customer = _known(session, workspace, address) if address else None
        images = load_images(session, frozen) | _fresh_images(draft.images)
    person = TrialPerson(person_values(customer), [ChosenTip(draft.tip.name)], mail_links(workspace, new_public_id()))
    with Trial(frozen) as trial:
        return trial.render(person), images


def find_tip(workspace: Workspace, name: str) -> TipDraft:
    """The tip of that name, or in that Markdown file. Raises UsageError with the names that there are."""
    path = Path(name)
    if path.suffix == ".md" or path.exists():
        return read_tip(workspace, path)
    with workspace.database.read() as session:
        tip = tip_named(session, name)
        if tip is None:
            near = near_names(name, [each.name for each in all_tips(session)])
            remedy = f"Did you mean {near[0]}?" if near else "See: outreach tips list"
            raise UsageError(f"there is no tip called {name}", remedy=remedy)
        session.expunge(tip)
    return TipDraft(tip, {}, placed=True)


def queue_test(workspace: Workspace, draft: Draft, *, to: str, address: str = "") -> int:
    """Queue the proof for the customer at `address` to a colleague at `to`; the delivery's id."""
    proof = prove(workspace, draft, address)
    with workspace.database.write() as session:
        list_id = draft.campaign.list_id
        mailing_list = session.get(MailingList, list_id) if list_id is not None else None
        for image in draft.images.values():
            keep_asset(session, image.digest, image.name, image.media_type, image.data)
        return queue_single(
            session,
            workspace,
            kind=Kind.TEST,
            customer_id=None,
            address=to,
            occasion=f"{draft.campaign.name}/{proof.public_id}",
            subject=proof.rendered.subject,
            text=proof.rendered.text,
            now=workspace.clock(),
            sender=draft.campaign.sender,
            public_id=proof.public_id,
            content={
                "html": proof.rendered.html,
                "assets": proof.assets,
                "list": mailing_list.name if mailing_list is not None else "",
                "bulk": True,
            },
        )


def outcome_of(session: Session, delivery_id: int) -> Delivery:
    """A test mail's row, to read what became of it."""
    return session.get_one(Delivery, delivery_id)


def subscribers(session: Session, campaign: Campaign) -> list[CustomerRow]:
    """The first people on the campaign's list."""
    ids = session.execute(
        select(col(Subscription.customer_id))
        .where(
            col(Subscription.list_id) == campaign.list_id,
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
        )
        .order_by(col(Subscription.customer_id))
        .limit(TRIED_PEOPLE)
    ).scalars()
    return list(load_customers(session, list(ids)).values())


def _customer(session: Session, workspace: Workspace, campaign: Campaign, address: str) -> CustomerRow | None:
    if address:
        return _known(session, workspace, address)
    return next(iter(subscribers(session, campaign)), None)


def _known(session: Session, workspace: Workspace, address: str) -> CustomerRow:
    found: Customer | None = find_customer(session, workspace.keys, address)
    if found is None or found.id is None:
        raise UsageError(
            f"no customer has the address {address}", remedy="Look: outreach customers list. Or leave --as away."
        )
    return load_customers(session, [found.id])[found.id]


def proof_edition(session: Session, workspace: Workspace, campaign: Campaign, content: FrozenContent) -> Edition:
    """An edition that is never kept, for what reads editions."""
    now = workspace.clock()
    return Edition(
        public_id=new_public_id(),
        campaign_id=campaign.id or 0,
        kind=campaign.kind,
        number=next_number(session, campaign.id) if campaign.id is not None else 1,
        occasion="proof",
        state=EditionState.PLANNING,
        list_id=campaign.list_id,
        subject=content.subject,
        sender=content.sender,
        frozen=content.frozen,
        due_at=now,
        frozen_at=now,
    )


def _images(session: Session, content: FrozenContent, draft: Draft) -> dict[str, Image]:
    return load_images(session, content.frozen) | _fresh_images(draft.images)


def _fresh_images(images: Mapping[str, ImageFile]) -> dict[str, Image]:
    """Images that are not kept yet, by Content-ID."""
    return {
        content_id(image.digest): Image(content_id(image.digest), image.name, image.media_type, image.data)
        for image in images.values()
    }
