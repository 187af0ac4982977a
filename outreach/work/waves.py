"""The look between waves: release the next one, warn, or stop and keep the rest for a person.

Law: what is released or stopped is a look with its figures, by whom it was; a stopped edition sends nothing more, its
retries neither, until a person lets it go on; nobody of its rest is lost. Rules: `delivery.waves`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from ..delivery.waves import Sign, WaveRules, judge_wave
from ..errors import InputError, UsageError
from ..records import AlertKind, CampaignState, EditionState, WaveLook, WaveVerdict
from ..store.alerts import end_alert, end_all_but, open_alerts, raise_alert
from ..store.editions import find_campaign
from ..store.waves import (
    Wavy,
    is_under_way,
    keep_look,
    last_settled,
    looks_of,
    read_signs,
    wave_counts,
    wavy_editions,
)
from .schedules import life_of, live_until
from .workspace import Workspace

US = "outreach"
RULES = WaveRules()
ALIVE = (EditionState.OPEN, EditionState.PAUSED)
SHOWN = (*ALIVE, EditionState.PLANNING, EditionState.WAITING, EditionState.DONE, EditionState.CANCELLED)


@dataclass(frozen=True)
class Looked:
    """What a look brought: the wave (from 1) that it was about, and what followed."""

    campaign: str
    occasion: str
    wave: int
    waves: int
    verdict: WaveVerdict
    reason: str
    next_people: int


def look_at_waves(workspace: Workspace, edition_id: int | None = None) -> list[Looked]:
    """Look at every wave that is out and has had its time; release the next, or stop. What was done.

    Ends the alerts of what is stopped no more.
    """
    with workspace.database.read() as session:
        now = workspace.clock()
        found = wavy_editions(session, ALIVE, edition_id=edition_id)
        ripe = [one for one in found if _is_ripe(session, workspace, one, now)]
        signs = {one.edition_id: read_signs(session, one) for one in ripe}
    looked = [done for one in ripe if (done := _look(workspace, one, signs[one.edition_id])) is not None]
    for one in found:
        if one.campaign_state is CampaignState.CANCELLED and not one.all_out:
            _decide(workspace, one, WaveVerdict.GO, [], "the campaign is cancelled", US, to=len(one.sizes) - 1)
    if edition_id is None:
        _end_alerts(workspace)
    return looked


def next_look(workspace: Workspace, edition_id: int) -> tuple[Wavy, datetime | None] | None:
    """An edition's waves, and the instant of the next look at it, or None while its wave is still going out.

    None alone where the edition has no waves, or none is left to be released.
    """
    with workspace.database.read() as session:
        now = workspace.clock()
        found = wavy_editions(session, ALIVE, edition_id=edition_id)
        if not found or found[0].all_out:
            return None
        at = None if is_under_way(session, found[0], now) else _look_at(session, workspace, found[0])
        return found[0], at


def _is_ripe(session: Session, workspace: Workspace, wavy: Wavy, now: datetime) -> bool:
    if wavy.state is not EditionState.OPEN or wavy.all_out or wavy.campaign_state is not CampaignState.ACTIVE:
        return False
    return not is_under_way(session, wavy, now) and _look_at(session, workspace, wavy) <= now


def _look_at(session: Session, workspace: Workspace, wavy: Wavy) -> datetime:
    ended = max(filter(None, (last_settled(session, wavy), wavy.released_at)), default=workspace.clock())
    return ended + timedelta(minutes=workspace.settings.sending.wave_minutes)


def _look(workspace: Workspace, wavy: Wavy, signs: list[Sign]) -> Looked | None:
    verdict, reason = judge_wave(signs, RULES)
    if not _decide(workspace, wavy, verdict, signs, reason, US):
        return None
    following = wavy.sizes[wavy.released + 1]
    return Looked(wavy.campaign, wavy.occasion, wavy.released + 1, len(wavy.sizes), verdict, reason, following)


def _decide(
    workspace: Workspace,
    wavy: Wavy,
    verdict: WaveVerdict,
    signs: list[Sign],
    reason: str,
    by: str,
    *,
    to: int | None = None,
) -> bool:
    """Make a verdict so, with its look and what a person is told; False where somebody else was quicker."""
    now = workspace.clock()
    look = WaveLook(
        edition_id=wavy.edition_id,
        wave=wavy.released,
        at=now,
        verdict=verdict,
        figures={sign.name: asdict(sign) for sign in signs},
        reason=reason,
        by=by,
    )
    stopped = verdict is WaveVerdict.STOP
    release_to = None if stopped else min(wavy.released + 1, len(wavy.sizes) - 1) if to is None else to
    said = f"wave {wavy.released + 1} of {len(wavy.sizes)} was stopped: {reason}"
    with workspace.database.write() as session:
        if not keep_look(session, wavy, look, release_to=release_to, reason=said):
            return False
        _tell(session, wavy, verdict, reason, by, now)
    return True


def _tell(session: Session, wavy: Wavy, verdict: WaveVerdict, reason: str, by: str, now: datetime) -> None:
    rest = sum(wavy.sizes[wavy.released + 1 :])
    if verdict is WaveVerdict.STOP and by == US:
        words = f"{reason}. {rest} people have not got it and wait for you."
        remedy = f"Look: outreach waves list {wavy.campaign}. Go on: outreach waves release {wavy.campaign}"
        raise_alert(session, AlertKind.WAVE_STOPPED, _subject(wavy), words, remedy, now)
    elif verdict is WaveVerdict.WARN:
        words = f"{reason}. The next wave went out all the same."
        remedy = f"Stop it: outreach waves stop {wavy.campaign}"
        raise_alert(session, AlertKind.WAVE_WARNED, _subject(wavy), words, remedy, now)
    else:
        end_alert(session, AlertKind.WAVE_STOPPED, _subject(wavy), now)
        end_alert(session, AlertKind.WAVE_WARNED, _subject(wavy), now)


def _subject(wavy: Wavy) -> str:
    return f"{wavy.campaign} {wavy.occasion}"


def _end_alerts(workspace: Workspace) -> None:
    """What is done, cancelled or let go needs nobody any more."""
    with workspace.database.read() as session:
        alive = wavy_editions(session, ALIVE)
    still = {
        AlertKind.WAVE_STOPPED: [_subject(one) for one in alive if one.state is EditionState.PAUSED],
        AlertKind.WAVE_WARNED: [_subject(one) for one in alive if not one.all_out],
    }
    with workspace.database.read() as session:
        over = [kind for kind in still for one in open_alerts(session, kind) if one.subject not in still[kind]]
    for kind in dict.fromkeys(over):
        with workspace.database.write() as session:
            end_all_but(session, kind, still[kind], workspace.clock())


def release_wave(workspace: Workspace, campaign: str, by: str) -> Wavy:
    """A person lets the next wave go: now, whatever a look would say, or said. The edition as it is afterwards.

    Raises UsageError where there is no such campaign, InputError where nothing of it waits.
    """
    wavy = _waiting(workspace, campaign)
    go_on(workspace, wavy.edition_id, by)
    return replace(wavy, released=wavy.released + 1, state=EditionState.OPEN)


def go_on(workspace: Workspace, edition_id: int, by: str) -> bool:
    """A person lets an edition's next wave go, stopped or not; its rest may wait anew. False where none waits."""
    with workspace.database.read() as session:
        found = [one for one in wavy_editions(session, ALIVE, edition_id=edition_id) if not one.all_out]
        campaign = find_campaign(session, found[0].campaign) if found else None
    if not found or campaign is None:
        return False
    live_until(workspace, edition_id, workspace.clock() + life_of(workspace, campaign))
    return _decide(workspace, found[0], WaveVerdict.GO, [], f"{by} let it go on", by)


def stop_waves(workspace: Workspace, campaign: str, by: str) -> Wavy:
    """A person stops an edition: what has not left waits. Raises UsageError and InputError as `release_wave` does."""
    wavy = _waiting(workspace, campaign)
    if wavy.state is EditionState.PAUSED:
        raise InputError(f"{campaign}: it is stopped already: {wavy.reason}")
    _decide(workspace, wavy, WaveVerdict.STOP, [], f"{by} stopped it", by)
    return replace(wavy, state=EditionState.PAUSED)


def _waiting(workspace: Workspace, campaign: str) -> Wavy:
    with workspace.database.read() as session:
        known = find_campaign(session, campaign)
        found = [one for one in wavy_editions(session, ALIVE, campaign) if not one.all_out]
    if known is None:
        raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
    if not found:
        raise InputError(f"{campaign}: no wave of it waits", remedy=f"See: outreach waves list {campaign}")
    return found[0]


def wave_views(workspace: Workspace, campaign: str = "") -> list[dict[str, Any]]:
    """Every edition that goes, or went, in waves, newest first: each wave, what came of it, and the look at it."""
    with workspace.database.read() as session:
        now = workspace.clock()
        if campaign and find_campaign(session, campaign) is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
        return [_view(session, workspace, one, now) for one in wavy_editions(session, SHOWN, campaign)]


def _view(session: Session, workspace: Workspace, wavy: Wavy, now: datetime) -> dict[str, Any]:
    counts = wave_counts(session, wavy.edition_id)
    looks = {look.wave: look for look in looks_of(session, wavy.edition_id)}
    waiting = wavy.state is EditionState.OPEN and not wavy.all_out and not is_under_way(session, wavy, now)
    return {
        "campaign": wavy.campaign,
        "edition": wavy.number,
        "occasion": wavy.occasion,
        "state": wavy.state.value,
        "reason": wavy.reason,
        "released": wavy.released + 1,
        "next_look_at": _look_at(session, workspace, wavy) if waiting else None,
        "waves": [
            {
                "wave": number + 1,
                "people": size,
                "state": _state(wavy, number, looks.get(number)),
                "counts": {state.value: count for state, count in sorted(counts.get(number, {}).items())},
                "verdict": looks[number].verdict.value if number in looks else None,
                "reason": looks[number].reason if number in looks else "",
                "by": looks[number].by if number in looks else "",
                "looked_at": looks[number].at if number in looks else None,
                "figures": looks[number].figures if number in looks else {},
            }
            for number, size in enumerate(wavy.sizes)
        ],
    }


def _state(wavy: Wavy, number: int, look: WaveLook | None) -> str:
    if number > wavy.released:
        return "not yet"
    if number == wavy.released and wavy.state is EditionState.PAUSED:
        return "stopped"
    return "out" if look is not None or wavy.state is EditionState.DONE else "going"


def wave_words(sizes: tuple[int, ...] | list[int], released: int) -> str:
    """Sizes of waves for a person, and how many of them may go: "500, 1000, 8500; the first is released"."""
    return f"{', '.join(map(str, sizes))} people; {released + 1} of {len(sizes)} released"
