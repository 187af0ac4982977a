"""How relays and recipients' domains are doing, for a person to read; and what a person may change about it.

Law: nothing is sent or dialled here. What is told comes from the settings and from what all processes share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..address import canonical_address, domain_key
from ..delivery.breaker import try_soon
from ..errors import InputError, UsageError
from ..records import BreakerState
from ..settings import DomainLimits, Relay, Settings
from ..store.pace import DOMAIN, RELAY, paces, resume_domain, troubled_domains
from ..store.relays import Relayed, change_health, relay_states
from ..timing.pace import WARMUP, WINDOWS, Limits, used, warm_up
from .bounces import wake_domains
from .workspace import Workspace

KEY_OF_OTHERS = "*"
DOMAIN_LIMIT = "domain limit"
"""The reason of mail that waits for its recipient's domain."""


@dataclass(frozen=True)
class RelayView:
    """One relay: what the settings say, what has been used, and how it is doing. A limit of 0 is none."""

    name: str
    where: str
    backup: bool
    weight: int
    state: BreakerState
    reason: str
    remedy: str
    retry_at: datetime | None
    last_good_at: datetime | None
    last_bad_at: datetime | None
    limits: dict[str, int]
    used: dict[str, int]
    warmup_day: int | None
    warmup_allows: int | None


@dataclass(frozen=True)
class DomainView:
    """A domain that rests or is slowed down: `share` of its usual pace, `per_minute` that allows, 0 where none."""

    name: str
    state: str
    share: float
    per_minute: int
    until: datetime | None
    since: datetime
    reason: str


def relay_views(workspace: Workspace) -> list[RelayView]:
    """Every relay of the settings, in their order."""
    relays = workspace.settings.all_relays
    with workspace.database.read() as session:
        states = relay_states(session)
        rows = paces(session, [RELAY + relay.name for relay in relays])
    now = workspace.clock()
    views = []
    for relay in relays:
        known = states.get(relay.name, Relayed())
        row = rows.get(RELAY + relay.name)
        limits = relay_limits(relay, known.since, now)
        counted = used(row.windows, now) if row else {}
        if row and row.windows.get(WARMUP, {}).get("day") != limits.warmup_day:
            counted.pop(WARMUP, None)
        health = known.health
        warming = limits.today is not None
        views.append(
            RelayView(
                name=relay.name,
                where=f"{relay.host}:{relay.port}",
                backup=relay.backup,
                weight=relay.weight,
                state=health.breaker,
                reason=health.reason,
                remedy=health.remedy,
                retry_at=health.retry_at,
                last_good_at=health.last_good_at,
                last_bad_at=health.last_bad_at,
                limits={"second": limits.second, **{name: getattr(limits, name) for name in WINDOWS}},
                used=counted,
                warmup_day=limits.warmup_day + 1 if warming else None,
                warmup_allows=limits.today,
            )
        )
    return views


def relay_limits(relay: Relay, since: datetime | None, now: datetime) -> Limits:
    """What the settings allow this relay at `now`; `since`: when it carried its first mail."""
    day, today = warm_up(relay.warmup, since, now)
    return Limits(relay.per_second, relay.per_minute, relay.per_hour, relay.per_day, today, day)


def domain_limits(given: DomainLimits | None, factor: float, base: int) -> Limits:
    """What a recipient's domain may get: its own limits, or what it bore before, slowed down by `factor`."""
    limits = Limits(minute=given.per_minute, hour=given.per_hour) if given is not None else Limits()
    if factor < 1 and not limits.minute:
        limits = Limits(minute=base, hour=limits.hour)
    return limits.scaled(factor)


def pace_keys(workspace: Workspace, domain: str) -> tuple[str, str]:
    """A domain's own key, and the key under which its pace is kept: that of its group in the settings, or its own."""
    own = domain_key(workspace.keys, f"x@{domain}")
    group = next((one for one in workspace.settings.domains if domain in one.names), None)
    return own, own if group is None else domain_key(workspace.keys, f"x@{group.names[0]}")


def limits_by_key(workspace: Workspace) -> dict[str, tuple[str, DomainLimits]]:
    """For the key of each domain that the settings name: the key of its group, and the limits. "*" is its own key."""
    found: dict[str, tuple[str, DomainLimits]] = {}
    for limits in workspace.settings.domains:
        if limits.names == (KEY_OF_OTHERS,):
            found[KEY_OF_OTHERS] = KEY_OF_OTHERS, limits
            continue
        keys = [domain_key(workspace.keys, f"x@{name}") for name in limits.names]
        found |= dict.fromkeys(keys, (keys[0], limits))
    return found


def try_relay(workspace: Workspace, name: str) -> bool:
    """Let the next mail try a relay that rests; False where it does not rest. Raises UsageError for an unknown name."""
    if name not in [relay.name for relay in workspace.settings.all_relays]:
        raise UsageError(f"there is no relay called {name}", remedy="See: outreach relays list")
    with workspace.database.write() as session:
        now = workspace.clock()
        before = relay_states(session).get(name, Relayed()).health
        after = change_health(session, name, lambda health: try_soon(health, now))
    return after is not None and before.breaker is not BreakerState.CLOSED


def domain_views(workspace: Workspace) -> list[DomainView]:
    """The domains that rest or are slowed down now, those that rest first."""
    now = workspace.clock()
    limits = limits_by_key(workspace)
    with workspace.database.read() as session:
        rows = troubled_domains(session, now)
    views = []
    for key, row in rows.items():
        paused = row.paused_until is not None and row.paused_until > now
        group = limits.get(key) or limits.get(KEY_OF_OTHERS)
        views.append(
            DomainView(
                name=row.label or f"a domain whose name is not known any more ({key})",
                state="paused" if paused else "slowed",
                share=row.factor,
                per_minute=domain_limits(group[1] if group else None, row.factor, row.base).minute,
                until=row.paused_until if paused else None,
                since=row.changed_at,
                reason=row.reason,
            )
        )
    return sorted(views, key=lambda view: (view.state, view.name))


def resume_domain_named(workspace: Workspace, domain: str) -> None:
    """A person says that this domain may get mail at its usual pace; a group as it is listed is any domain of it.

    Raises UsageError for what is no domain, InputError where it gets that already.
    """
    first = domain.partition(",")[0].strip().removeprefix("@")
    try:
        plain = canonical_address(f"x@{first}").rpartition("@")[2]
    except InputError:
        raise UsageError(f"{domain!r} is no domain", remedy="Name one as `outreach domains list` shows it.") from None
    with workspace.database.write() as session:
        now = workspace.clock()
        keys = list(dict.fromkeys(pace_keys(workspace, plain)))
        done = [resume_domain(session, DOMAIN + key, now) for key in keys]
    if not any(done):
        raise InputError(f"{plain} is neither paused nor slowed down", remedy="See: outreach domains list")
    wake_domains(workspace, keys, plain)


def group_label(settings: Settings, domain: str) -> str:
    """How a domain is called to a person: with all others of its group."""
    group = next((one for one in settings.domains if domain in one.names), None)
    return domain if group is None else ", ".join(group.names)
