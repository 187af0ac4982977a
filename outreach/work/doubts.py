"""What a rule names that nobody has heard of, and values that people have otherwise: said when a segment, campaign,
tip or sequence is kept or checked.

Law: it is said, not refused, since it may come yet; by its column in the rule, with the nearest one that is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from ..audience.headings import attribute_name
from ..audience.segment_doubts import odd_values
from ..audience.segment_tree import COLUMNS, Segment
from ..audience.segment_words import FACTS, nearest
from ..errors import InputError
from ..records import Campaign
from ..store.campaigns import campaign_named
from ..store.customers import takes_nobody
from ..store.editions import campaigns_and_schedules
from ..store.goals import goal_names
from ..store.samples import newest_values
from ..store.saved_segments import load_segment, rules_in
from ..store.segments import known_attributes, unknown_fields
from ..store.sequences import find_sequence
from ..store.tips import tip_named
from .workspace import Workspace


def doubts(session: Session, segment: Segment) -> list[str]:
    """What the rule names that nobody has heard of, in words for a person; most likely a slip of the pen."""
    said = []
    unknown = unknown_fields(session, segment)
    fields = [*COLUMNS, *FACTS, *sorted(segment.kinds), *known_attributes(session)] if unknown else []
    for name in unknown:
        words = f"no customer has {name!r}{_where(segment, 'field', name)}"
        plain = attribute_name(name)  # as a file's heading would be called
        meant = f"; did you mean {plain}?" if plain in fields else nearest(name, fields)
        said.append(words + (meant or "; is it spelt right?"))
    samples = newest_values(session, segment.fields - set(COLUMNS) - FACTS - set(unknown))
    said += [f"{words}{_where(segment, 'field', name)}" for name, words in odd_values(segment.nodes, samples)]
    asked = {kind: sorted({one.text for one in segment.mentions if one.kind == kind}) for kind in ("campaign", "goal")}
    if asked["campaign"]:
        known = {campaign.name for campaign, _ in campaigns_and_schedules(session)}
        for name in asked["campaign"]:
            if name not in known and name.rpartition("-")[0] not in known:
                where = _where(segment, "campaign", name)
                said.append(f"there is no campaign {name!r}{where}{nearest(name, sorted(known))}")
    if asked["goal"]:
        reached = goal_names(session)
        said += [
            f"nobody has reached a goal {name!r}{_where(segment, 'goal', name)}{nearest(name, reached)}"
            for name in asked["goal"]
            if name not in reached
        ]
    return said


def _where(segment: Segment, kind: str, name: str) -> str:
    """The column at which the rule itself names it; "" where only a saved rule inside it does."""
    column = next((one.column for one in segment.mentions if (one.kind, one.text) == (kind, name)), None)
    return f" (column {column})" if column is not None else " (in a saved segment)"


def doubts_kept(workspace: Workspace, noun: str, names: Iterable[str]) -> dict[str, list[str]]:
    """The doubts about the rules of kept campaigns, tips or sequences, by name; those without doubts are left out."""
    told = {}
    with workspace.database.read() as session:
        for name in names:
            rules = list(dict.fromkeys(rule for rule in _rules_of(session, noun, name) if rule))
            said = [words for rule in rules for words in _of(session, workspace, rule)]
            if said:
                told[name] = list(dict.fromkeys(said))
    return told


def _rules_of(session: Session, noun: str, name: str) -> list[str]:
    if noun == "sequence":
        sequence = find_sequence(session, name)
        return [] if sequence is None else [*rules_in(sequence.draft or sequence.plan)]
    found = campaign_named(session, name) if noun == "campaign" else tip_named(session, name)
    return [found.segment] if found is not None else []


def _of(session: Session, workspace: Workspace, rule: str) -> list[str]:
    try:
        return doubts(session, load_segment(session, rule, workspace.clock()))
    except InputError as wrong:
        return [wrong.message]  # a saved segment that it names was changed since


def campaign_doubts(workspace: Workspace, campaign: Campaign) -> list[str]:
    """The doubts about a campaign's segment, kept or not; also that it takes nobody of its list just now."""
    if not campaign.segment:
        return []
    with workspace.database.read() as session:
        said = _of(session, workspace, campaign.segment)
        if campaign.list_id is not None and not said:
            segment = load_segment(session, campaign.segment, workspace.clock())
            if takes_nobody(session, campaign.list_id, segment):
                said.append("it takes nobody who is subscribed to the list now: outreach segments explain says why")
    return said
