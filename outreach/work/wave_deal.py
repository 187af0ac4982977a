"""Dealing an edition's people to its waves, when it is planned and before anybody can be claimed.

Law: the same edition is dealt the same again, whatever broke off: by a hash of edition and address key, in two passes
of constant memory. Only who is still queued is dealt: nobody who is withheld takes a place in the first wave.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from ..delivery.waves import SLOTS, USUAL, cuts, place, read_waves, wave_of, wave_sizes
from ..records import Campaign
from ..store.waves import edition_salt, keep_waves, put_in_wave, queued_places
from .workspace import Workspace

CHUNK = 500


@dataclass(frozen=True, slots=True)
class WavePlan:
    """The sizes that were asked for ("" for one go), and how many people an edition must have more than."""

    waves: str = ""
    above: int = 0

    @property
    def last(self) -> int:
        """The last wave, from 0: where everybody stands until they are dealt."""
        return self.waves.count(",")


def waves_of(workspace: Workspace, campaign: Campaign) -> WavePlan:
    """Whether an edition of this campaign goes in waves: as its front matter says, else as the settings do."""
    own = str(campaign.options.get("waves") or "")
    if own:
        return WavePlan(read_waves(own))
    above = workspace.settings.sending.waves_above
    return WavePlan(USUAL, above) if above else WavePlan()


def sizes_for(plan: WavePlan, people: int) -> tuple[int, ...]:
    """The waves of so many people, as they would be dealt."""
    return tuple(wave_sizes(plan.waves, people)) if people > plan.above else ()


def deal_waves(workspace: Workspace, edition_id: int, plan: WavePlan) -> list[int]:
    """Give everybody who is queued their wave; the sizes, empty where the edition goes in one."""
    if not plan.waves:
        return []
    counts = array("I", bytes(4 * SLOTS))
    people = 0
    with workspace.database.read() as session:
        salt = edition_salt(session, edition_id)
        for _, key, _ in queued_places(session, edition_id):
            counts[place(salt, key)] += 1
            people += 1
    sizes = sizes_for(plan, people)
    if not sizes:
        with workspace.database.write() as session:
            keep_waves(session, edition_id, [], released=plan.last)
        return []
    ends = cuts(counts, sizes)
    dealt = [0] * len(sizes)
    moving: dict[int, list[int]] = {wave: [] for wave in range(len(sizes))}
    with workspace.database.read() as session:
        for delivery_id, key, stands in queued_places(session, edition_id):
            wave = wave_of(place(salt, key), ends)
            dealt[wave] += 1
            if wave != stands:
                moving[wave].append(delivery_id)
    for wave, ids in moving.items():
        for start in range(0, len(ids), CHUNK):
            with workspace.database.write() as session:
                put_in_wave(session, ids[start : start + CHUNK], wave)
    with workspace.database.write() as session:
        keep_waves(session, edition_id, dealt, released=0)
    return dealt
