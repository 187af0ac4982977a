"""Files become campaigns and tips; a campaign's content becomes an edition's frozen value.

Law: applying is idempotent by digest: what has not changed is not touched. Everything that can be wrong is said before
anything is kept, with file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session

from ..delivery.waves import read_waves
from ..errors import InputError
from ..newsletter.campaign_file import CampaignFile, parse_campaign
from ..newsletter.compile import NewsletterSource, TipSource, compile_newsletter, content_digest
from ..newsletter.tip_file import parse_tip
from ..newsletter.tracked import track
from ..newsletter.whom import WhomKind, parse_whom
from ..records import BULK, Campaign, MailingList, Tip
from ..store.campaigns import campaign_named, keep_asset, keep_campaign
from ..store.causes import known_whom
from ..store.customers import list_id_of, list_names
from ..store.tips import all_tips, keep_tip, next_position, tip_named
from ..timing.occurrence import parse_schedule
from .choose import tips_wanted
from .files import ImageFile, embedded_images, markdown_files, read_layouts, read_text, shown_path
from .schedules import CUSTOMERS_OWN
from .segments import check_rule
from .seminar_event import invitation_of
from .versions import compiled_versions, version_options
from .workspace import Workspace


@dataclass(frozen=True)
class Applied:
    """What applying a file did: created, updated or unchanged."""

    name: str
    change: str
    file: str


_KNOWN_BY = ("digest", "source_path", "valid_from", "valid_until")  # a tip's days change with the workspace's zone
_FROM_FILE = (
    "kind",
    "subject",
    "preheader",
    "sender",
    "template",
    "list_id",
    "segment",
    "topics",
    "schedule",
    "zone",
    "body",
    "options",
    "source",
    "source_path",
    "digest",
)


@dataclass(frozen=True)
class FrozenContent:
    """What an edition keeps. `subject` is as written, with its variables; `sender` the full From; `links` are the
    addresses whose following is counted, in the order of their numbers; `opens`: opened mails are counted.
    """

    frozen: dict[str, Any]
    content_digest: str
    subject: str
    sender: str
    links: tuple[str, ...] = ()
    opens: bool = False


@dataclass(frozen=True)
class Draft:
    """A campaign, kept or not, and the images of its file by their name there ({} where they are kept)."""

    campaign: Campaign
    images: Mapping[str, ImageFile]


def apply_campaign(workspace: Workspace, path: Path) -> Applied:
    """Keep the campaign that stands in `path`. Raises InputError or TemplateError with file, line and remedy."""
    draft = read_draft(workspace, path)
    made, now = draft.campaign, workspace.clock()
    with workspace.database.read() as session:
        known = campaign_named(session, made.name)
        freeze(session, workspace, made, now=now)
    if known is not None and (known.digest, known.source_path) == (made.digest, made.source_path):
        return Applied(made.name, "unchanged", made.source_path)
    values = {name: getattr(made, name) for name in _FROM_FILE}
    with workspace.database.write() as session:
        _keep_images(session, draft.images.values())
        keep_campaign(session, made.name, values, now)
    return Applied(made.name, "created" if known is None else "updated", made.source_path)


def read_draft(workspace: Workspace, path: Path) -> Draft:
    """The campaign in `path`, all its settings checked, nothing kept. Raises InputError with file, line, remedy."""
    return draft_of(workspace, parse_campaign(read_text(path), shown_path(workspace, path)), path)


def draft_of(workspace: Workspace, found: CampaignFile, path: Path) -> Draft:
    """The same of a campaign that was read from `path`."""
    images = embedded_images(path, found.body, found.body_line, found.file)
    for version in found.versions:
        images |= embedded_images(path, version.body, version.body_line, found.file)
    with workspace.database.read() as session:
        list_id = _checked_list(session, found)
        _check_whom(session, found)
        _check_segment(session, workspace, found.segment, found.file, found.lines.get("segment", 1))
    _check_rules(found)
    now = workspace.clock()
    campaign = Campaign(
        name=found.name,
        kind=found.kind,
        subject=found.subject,
        preheader=found.preheader,
        sender=found.sender,
        template=found.template,
        list_id=list_id,
        segment=found.segment,
        topics=list(found.topics),
        schedule=found.schedule,
        zone=found.zone,
        body=found.body,
        options={
            "tips": found.tips,
            "missed": found.missed,
            **{name: getattr(found, name) for name in ("deadline", "waves", "hold_out", "whom", "seminar")},
            **({"one_per": found.one_per} if found.one_per else {}),
            **version_options(found),
            "images": {src: image.digest for src, image in images.items()},
            "lines": {**found.lines, "body": found.body_line},
        },
        source=found.source,
        source_path=found.file,
        digest=_digest([found.source, *(f"{src}={image.digest}" for src, image in images.items())]),
        created_at=now,
        updated_at=now,
    )
    return Draft(campaign, images)


def apply_tips(workspace: Workspace, paths: Sequence[Path]) -> list[Applied]:
    """Keep the tips that stand in these files and folders, in their order. All are read before one is kept."""
    read: dict[str, TipDraft] = {}
    for path in markdown_files(paths):
        draft = read_tip(workspace, path)
        name = draft.tip.name
        if name in read:
            other = read[name].tip.source_path
            raise InputError(f"the tip {name} stands in {other} too", file=draft.tip.source_path, line=1)
        read[name] = draft
    compile_newsletter(_tips_page(workspace), [tip_source(draft.tip) for draft in read.values()])
    return [_keep_tip_draft(workspace, draft) for draft in read.values()]


def apply_tip(workspace: Workspace, path: Path) -> Applied:
    """Keep the tip that stands in `path`."""
    return apply_tips(workspace, [path])[0]


def freeze(session: Session, workspace: Workspace, campaign: Campaign, *, now: datetime) -> FrozenContent:
    """The campaign's content as of now: its text, its layout as the file stands, the pool of tips still valid.

    Raises TemplateError with file and line.
    """
    pool: list[TipSource] = []
    assets: dict[str, str] = dict(_cids(campaign.options.get("images") or {}, keys_are_cids=True))
    if tips_wanted(workspace, campaign):
        for tip in all_tips(session):
            if tip.valid_until is None or tip.valid_until > now:
                pool.append(tip_source(tip))
                assets |= _cids(_tip_images(tip), keys_are_cids=True)
    identity = workspace.settings.identity
    lines: Mapping[str, int] = campaign.options.get("lines") or {}
    body, event = invitation_of(session, workspace, campaign)
    source = NewsletterSource(
        campaign=campaign.name,
        subject=campaign.subject,
        preheader=campaign.preheader,
        body=body,
        file=campaign.source_path,
        body_line=int(lines.get("body", 1)),
        layout=f"{campaign.template}.html.j2",
        layouts=read_layouts(workspace, campaign.template, campaign.source_path, lines.get("template")),
        company=identity.company,
        postal_address=identity.postal_address,
        language=identity.language,
        lines=lines,
        images=_cids(campaign.options.get("images") or {}),
        assets=assets,
    )
    frozen = compile_newsletter(source, pool) | ({"calendar": event} if event else {})
    frozen |= compiled_versions(campaign, source, pool)
    digest, links, opens = content_digest(frozen), tuple[str, ...](), False
    told = (
        session.get(MailingList, campaign.list_id) if campaign.list_id is not None and campaign.kind in BULK else None
    )
    if told is not None and (told.clicks or told.opens) and workspace.settings.public.linkable:
        frozen, found = track(frozen, clicks=told.clicks, opens=told.opens)
        links, opens = tuple(found), told.opens
    return FrozenContent(frozen, digest, campaign.subject, campaign.sender or identity.sender, links, opens)


def _checked_list(session: Session, found: CampaignFile) -> int:
    list_id = list_id_of(session, found.list_name)
    if list_id is None:
        raise InputError(
            f"list: there is no list called {found.list_name!r}",
            file=found.file,
            line=found.lines.get("list", 1),
            remedy=f"There are: {', '.join(list_names(session)) or 'none yet'}. An import makes one: "
            f"outreach customers import people.csv --list {found.list_name}",
        )
    return list_id


def _check_whom(session: Session, found: CampaignFile) -> None:
    whom = parse_whom(found.whom)
    known = known_whom(session, whom) if whom is not None else ()
    if whom is not None and known:
        got = whom.kind is WhomKind.GOT
        words = f"{whom.name} has no issue {whom.number}" if got else f"there is no cause called {whom.name}"
        remedy = "See: outreach verify CAMPAIGN" if got else f"There are: {', '.join(known)}. See: outreach causes list"
        raise InputError(f"whom: {words}", file=found.file, line=found.lines.get("whom", 1), remedy=remedy)


def _check_rules(found: CampaignFile) -> None:
    try:
        parse_schedule(found.schedule)
    except InputError as wrong:
        line = found.lines.get("schedule", 1)
        raise InputError(f"schedule: {wrong.message}", file=found.file, line=line, remedy=wrong.remedy) from None
    try:
        read_waves(found.waves)
    except ValueError as wrong:
        remedy = "Write waves: yes, or sizes that end in rest: waves: 500, 10%, rest"
        line = found.lines.get("waves", 1)
        raise InputError(f"waves: {found.waves!r} {wrong}", file=found.file, line=line, remedy=remedy) from None
    if found.zone and found.zone.lower() not in CUSTOMERS_OWN:
        try:
            ZoneInfo(found.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InputError(
                f"zone: {found.zone!r} is no time zone",
                file=found.file,
                line=found.lines.get("zone", 1),
                remedy="Write a zone such as Europe/Berlin, or `recipient` for each reader's own.",
            ) from None


def _check_segment(session: Session, workspace: Workspace, segment: str, file: str, line: int) -> None:
    try:
        check_rule(session, workspace, segment)
    except InputError as wrong:
        raise InputError(f"segment: {wrong.message}", file=file, line=line, remedy=wrong.remedy) from None


@dataclass(frozen=True)
class TipDraft:
    """A tip as its file says, its images, and whether the file names its place in the editor's order."""

    tip: Tip
    images: Mapping[str, ImageFile]
    placed: bool


def read_tip(workspace: Workspace, path: Path) -> TipDraft:
    """The tip in `path`, nothing kept. Raises InputError with file, line and remedy."""
    usual, zone = workspace.settings.identity.language, workspace.working_hours.zone
    found = parse_tip(read_text(path), shown_path(workspace, path), language=usual, zone=zone)
    with workspace.database.read() as session:
        _check_segment(session, workspace, found.segment, found.file, found.lines.get("segment", 1))
    images: dict[str, ImageFile] = {}
    for text in found.texts.values():
        images |= embedded_images(path, text.body, text.line, found.file)
    pairs = {"images": "\n".join(f"{src} {image.digest}" for src, image in images.items())} if images else {}
    now = workspace.clock()
    tip = Tip(
        name=found.name,
        topics=list(found.topics),
        segment=found.segment,
        position=found.position or 0,
        valid_from=found.valid_from,
        valid_until=found.valid_until,
        texts={
            language: {"title": text.title, "body": text.body, "line": str(text.line), **pairs}
            for language, text in found.texts.items()
        },
        digest=_digest([found.source, *(f"{src}={image.digest}" for src, image in images.items())]),
        source=found.source,
        source_path=found.file,
        created_at=now,
        updated_at=now,
    )
    return TipDraft(tip, images, found.position is not None)


def _keep_tip_draft(workspace: Workspace, draft: TipDraft) -> Applied:
    made = draft.tip
    with workspace.database.read() as session:
        known = tip_named(session, made.name)
    if known is not None and all(getattr(known, key) == getattr(made, key) for key in _KNOWN_BY):
        return Applied(made.name, "unchanged", made.source_path)
    names = ("topics", "segment", "valid_from", "valid_until", "texts", "digest", "source", "source_path")
    values = {name: getattr(made, name) for name in names}
    with workspace.database.write() as session:
        if draft.placed:
            values["position"] = made.position
        elif known is None:
            values["position"] = next_position(session)
        _keep_images(session, draft.images.values())
        keep_tip(session, made.name, values, workspace.clock())
    return Applied(made.name, "created" if known is None else "updated", made.source_path)


def freeze_tip(workspace: Workspace, tip: Tip) -> dict[str, Any]:
    """A page that shows this tip alone, frozen."""
    page = replace(_tips_page(workspace), assets=_cids(_tip_images(tip), keys_are_cids=True))
    return compile_newsletter(page, [tip_source(tip)])


def _tips_page(workspace: Workspace) -> NewsletterSource:
    """A newsletter that holds nothing but tips."""
    identity = workspace.settings.identity
    return NewsletterSource(
        campaign="tips",
        subject="Tips",
        preheader="",
        body="",
        file="tips",
        body_line=1,
        layout="tips.html.j2",
        layouts=read_layouts(workspace, "tips", "", None),
        company=identity.company,
        postal_address=identity.postal_address,
        language=identity.language,
    )


def tip_source(tip: Tip) -> TipSource:
    """A stored tip as the compiler takes it."""
    return TipSource(
        name=tip.name,
        topics=tip.topics,
        segment=tip.segment,
        position=tip.position,
        valid_from=tip.valid_from,
        valid_until=tip.valid_until,
        texts={
            language: (text["title"], text["body"], int(text.get("line") or 1)) for language, text in tip.texts.items()
        },
        file=tip.source_path,
        digest=tip.digest,
        images=_cids(_tip_images(tip)),
    )


def _tip_images(tip: Tip) -> dict[str, str]:
    """The images of a tip by their name in its text; kept beside each text, since a tip has no options."""
    found: dict[str, str] = {}
    for text in tip.texts.values():
        for pair in (text.get("images") or "").split("\n"):
            src, _, digest = pair.rpartition(" ")
            if src:
                found[src] = digest
    return found


def _cids(images: Mapping[str, str], *, keys_are_cids: bool = False) -> dict[str, str]:
    """Image names (or digests) to Content-IDs; or Content-IDs to digests."""
    if keys_are_cids:
        return {content_id(digest): digest for digest in images.values()}
    return {src: content_id(digest) for src, digest in images.items()}


def content_id(digest: str) -> str:
    """The Content-ID of an image: the same image has one, in every mail."""
    return f"{digest[:32]}@images"


def _keep_images(session: Session, images: Iterable[ImageFile]) -> None:
    for image in images:
        keep_asset(session, image.digest, image.name, image.media_type, image.data)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:40]
