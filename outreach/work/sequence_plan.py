"""A sequence's file becomes a plan: read, checked, kept as a draft, and put in force by a person's yes.

Law: applying changes nothing that anybody gets; what is in force goes on until a person has approved the draft. A
step's mail is a campaign of its own, SEQUENCE/STEP, so that it is judged, sent and accounted for like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import InputError, UsageError
from ..newsletter.sequence_file import SequenceFile, StepFile, parse_sequence
from ..records import Campaign, CampaignState, EnrolmentState, GroupKind, Kind, SequenceState
from ..records import Sequence as SequenceRow
from ..store.campaigns import campaign_named, change_campaign_state, keep_asset, keep_campaign
from ..store.sequence_events import RECORDED
from ..store.sequences import all_sequences, find_sequence, keep_sequence, wake_all
from ..store.sooner import hasten_campaign
from ..timing.sequence import LATE, Plan, Step
from ..timing.sequence_words import (
    BEGINS_EXAMPLE,
    EVENT_EXAMPLE,
    OF_A_STEP,
    WHEN_EXAMPLE,
    Begins,
    Event,
    parse_begins,
    parse_condition,
    parse_event,
    parse_span,
    parse_when,
)
from ..workdays import zone_or
from .compose import Applied, draft_of, freeze
from .files import read_text, shown_path
from .schedules import CUSTOMERS_OWN
from .segments import check_rule
from .workspace import Workspace

_CAMPAIGN = (
    "kind", "subject", "preheader", "sender", "template", "list_id", "segment", "topics", "schedule", "zone", "body",
    "options", "source", "source_path", "digest",
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """A sequence as it is followed: who begins, in which zone its hours are (None: each customer's own), its steps."""

    begins: Begins
    segment: str
    zone: ZoneInfo | None
    plan: Plan
    segments: Mapping[str, str]
    service: bool = False
    one_per: GroupKind | None = None

    @property
    def ahead(self) -> int:
        """How many days before its beginning the first step may go."""
        return max([-(step.when.days or 0) for step in self.plan.steps] + [0])


def step_campaign(sequence: str, step: str) -> str:
    """The name of the campaign that carries a step's mail."""
    return f"{sequence}/{step}"


def rules_of(workspace: Workspace, plan: Mapping[str, Any]) -> Rules:
    """The rules that `plan` (of a sequence, or of its draft) holds."""
    own = str(plan["zone"]).lower() in CUSTOMERS_OWN
    steps = tuple(
        Step(step["name"], parse_when(step["when"]), tuple(parse_condition(one) for one in step["if"]))
        for step in plan["steps"]
    )
    return Rules(
        parse_begins(plan["begins"]),
        plan["segment"],
        None if own else zone_or(plan["zone"], workspace.settings.identity.zone),
        Plan(
            steps,
            tuple(parse_event(one) for one in plan["exits"]),
            time.fromisoformat(plan["at"]),
            parse_span(plan["late"]) if plan["late"] else LATE,
        ),
        {step["name"]: step["segment"] for step in plan["steps"] if step["segment"]},
        plan["kind"] == Kind.SERVICE,
        GroupKind(plan["one_per"]) if plan.get("one_per") else None,
    )


def apply_sequence(workspace: Workspace, path: Path) -> Applied:
    """Keep what stands in `path` as the sequence's draft. Raises InputError or TemplateError with file and line."""
    found = parse_sequence(read_text(path), shown_path(workspace, path))
    plan, now = _checked(workspace, found), workspace.clock()
    drafts = [draft_of(workspace, step.mail, path) for step in found.steps]
    with workspace.database.read() as session:
        known = find_sequence(session, found.name)
        for draft in drafts:
            freeze(session, workspace, draft.campaign, now=now)
    mails = [{name: getattr(draft.campaign, name) for name in ("name", *_CAMPAIGN)} for draft in drafts]
    kept = {"plan": plan, "mails": mails, "list_id": drafts[0].campaign.list_id, "starting": found.starting}
    kept["digest"] = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:40]
    kept |= {"source": found.source, "source_path": found.file}
    if known is not None and kept["digest"] in (known.draft.get("digest"), known.plan.get("digest")):
        if known.draft and known.plan.get("digest") == kept["digest"]:
            with workspace.database.write() as session:
                keep_sequence(session, found.name, {"draft": {}}, now)
            return Applied(found.name, "reverted", found.file)
        return Applied(found.name, "unchanged", found.file)
    with workspace.database.write() as session:
        for draft in drafts:
            for image in draft.images.values():
                keep_asset(session, image.digest, image.name, image.media_type, image.data)
        keep_sequence(
            session, found.name, {"draft": kept, "list_id": kept["list_id"]} if known is None else {"draft": kept}, now
        )
    return Applied(found.name, "created" if known is None else "changed", found.file)


def _checked(workspace: Workspace, found: SequenceFile) -> dict[str, Any]:
    """The plan that the file holds, each line of it tried."""
    names = [step.name for step in found.steps]
    _try(found, None, "begins", lambda: parse_begins(found.begins), BEGINS_EXAMPLE)
    if found.starting:
        _try(found, None, "starting", lambda: date.fromisoformat(found.starting), "Write starting: 2026-12-01")
    if found.late:
        _try(found, None, "late", lambda: parse_span(found.late), "Write late: 3 days")
    if found.zone and found.zone.lower() not in CUSTOMERS_OWN:
        _try(found, None, "zone", lambda: ZoneInfo(found.zone), "Write a zone such as Europe/Berlin, or customer.")
    try:
        with workspace.database.read() as session:
            check_rule(session, workspace, found.segment)
    except InputError as wrong:
        raise found.refuse(None, "segment", wrong.message, wrong.remedy) from None
    for one in found.exits:
        _try(found, None, "exits", lambda one=one: _event(parse_event(one), names), EVENT_EXAMPLE)
    for number, step in enumerate(found.steps):
        _try(found, step, "when", lambda step=step, number=number: _when(step, names[:number]), WHEN_EXAMPLE)
        for one in step.conditions:
            earlier = names[:number]
            _try(
                found,
                step,
                "if",
                lambda one=one, earlier=earlier: _event(parse_condition(one).event, earlier),
                EVENT_EXAMPLE,
            )
    return {
        "kind": found.kind.value,
        "begins": found.begins,
        "segment": found.segment,
        "at": f"{found.at:%H:%M}",
        "zone": found.zone,
        "exits": list(found.exits),
        "late": found.late,
        "steps": [
            {"name": step.name, "when": step.when, "if": list(step.conditions), "segment": step.segment}
            for step in found.steps
        ],
    } | ({"one_per": found.one_per} if found.one_per in set(GroupKind) else {})


def _try(found: SequenceFile, step: StepFile | None, key: str, read: Any, remedy: str) -> None:
    try:
        read()
    except (ValueError, OSError, KeyError) as wrong:
        words = wrong.args[0] if isinstance(wrong, KeyError) and wrong.args else wrong  # its own text is a quoted one
        raise found.refuse(step, key, str(words), remedy) from None


def _when(step: StepFile, earlier: list[str]) -> None:
    when = parse_when(step.when)
    if when.step and when.step not in earlier:
        raise ValueError(f"no step before this one is called {when.step}")
    if when.event is not None:
        _event(when.event, earlier)


def _event(event: Event, names: list[str]) -> None:
    if event.kind not in RECORDED:
        raise ValueError(f"nothing records that a mail was {event.kind.value}")
    if event.kind in OF_A_STEP and event.name and event.name not in names:
        raise ValueError(f"no step before this one is called {event.name}")


@dataclass(frozen=True)
class Approval:
    """What a person's yes put in force."""

    name: str
    state: SequenceState
    steps: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def approve_sequence(workspace: Workspace, name: str, by: str) -> Approval:
    """Put a sequence's draft in force. Raises UsageError where there is no such sequence, or nothing to approve."""
    now = workspace.clock()
    added: list[str] = []
    changed: list[str] = []
    with workspace.database.write() as session:
        row = sequence_named(session, name)
        draft = dict(row.draft)
        if not draft:
            raise UsageError(
                f"{name}: nothing waits for a yes",
                remedy=f"Change its file, then: outreach sequences apply {row.source_path or 'FILE.md'}",
            )
        before = [step["name"] for step in row.plan.get("steps", ())]
        after = [step["name"] for step in draft["plan"]["steps"]]
        for step, mail in zip(after, draft["mails"], strict=True):
            known = campaign_named(session, mail["name"])
            if known is None:
                added.append(step)
            elif known.digest != mail["digest"]:
                changed.append(step)
            if known is None or known.digest != mail["digest"]:
                keep_campaign(session, mail["name"], {key: mail[key] for key in _CAMPAIGN}, now)
            if known is not None and known.state is CampaignState.CANCELLED:
                change_campaign_state(session, mail["name"], CampaignState.ACTIVE, now)
        removed = [step for step in before if step not in after]
        for step in removed:
            change_campaign_state(session, step_campaign(name, step), CampaignState.CANCELLED, now)
        row = sequence_named(session, name)
        state = SequenceState.RUNNING if row.state in (SequenceState.DRAFT, SequenceState.ENDED) else row.state
        zone = zone_or(draft["plan"]["zone"], workspace.settings.identity.zone)
        given = date.fromisoformat(draft["starting"]) if draft["starting"] else None
        values = {
            "state": state,
            "list_id": draft["list_id"],
            "plan": draft["plan"] | {"digest": draft["digest"]},
            "draft": {},
            "source": draft["source"],
            "source_path": draft["source_path"],
            "starting": given or row.starting or now.astimezone(zone).date(),
            "scanned_at": None,
            "approved_at": now,
            "approved_by": by,
        }
        sequence_id = keep_sequence(session, name, values, now)
    for waiting in (EnrolmentState.GOING, EnrolmentState.FINISHED):
        while _wake(workspace, sequence_id, waiting):
            continue
    return Approval(name, state, tuple(after), tuple(added), tuple(changed), tuple(removed))


def _wake(workspace: Workspace, sequence_id: int, state: EnrolmentState) -> int:
    with workspace.database.write() as session:
        return wake_all(session, sequence_id, state, workspace.clock())


def change_sequence(workspace: Workspace, name: str, state: SequenceState) -> bool:
    """Pause, resume or end a sequence, the mails on their way too; False where it is so already."""
    mails = {
        SequenceState.PAUSED: CampaignState.PAUSED,
        SequenceState.RUNNING: CampaignState.ACTIVE,
        SequenceState.ENDED: CampaignState.CANCELLED,
    }[state]
    now = workspace.clock()
    with workspace.database.write() as session:
        row = sequence_named(session, name)
        if row.state is SequenceState.DRAFT:
            raise UsageError(f"{name} does not run yet", remedy=f"Look at it, then: outreach sequences approve {name}")
        if row.state is state:
            return False
        for step in row.plan["steps"]:
            change_campaign_state(session, step_campaign(name, step["name"]), mails, now)
        keep_sequence(session, name, {"state": state, "scanned_at": None}, now)
        ids = [campaign_named(session, step_campaign(name, step["name"])) for step in row.plan["steps"]]
    for campaign in ids if state is not SequenceState.PAUSED else ():
        if campaign is not None:
            hasten_campaign(workspace.database, campaign.id or 0, "paused")
    return True


def sequence_named(session: Any, name: str) -> SequenceRow:
    """The sequence called `name`. Raises UsageError with those that there are."""
    found = find_sequence(session, name)
    if found is None:
        known = ", ".join(row.name for row in all_sequences(session))
        remedy = f"There are: {known}." if known else "Apply one: outreach sequences apply FILE.md"
        raise UsageError(f"there is no sequence called {name}", remedy=remedy)
    return found


def draft_campaign(draft: Mapping[str, Any], step: str, now: Any) -> Campaign | None:
    """A step's campaign as the draft has it, not kept; None where it has no such step."""
    for mail in draft.get("mails", ()):
        if mail["name"].partition("/")[2] == step:
            return Campaign(**mail, created_at=now, updated_at=now)
    return None
