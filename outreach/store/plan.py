"""Kept: holds, boosts and steps, and what a person has had lately.

Law: a change of a hold bumps its customer's version, and those of their household and company, in the same transaction
(RELIABILITY I8), so that a mail already claimed is judged again before its intent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import Session, col

from ..plan.effects import (
    Effect,
    ErrorNoted,
    LiftHold,
    NewBoost,
    NewHold,
    NewTrend,
    StopEdition,
    effect_value,
)
from ..plan.holds import AWAY_SCOPE
from ..plan.steps import StepDraft
from ..records import (
    BULK,
    Boost,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Hold,
    HoldState,
    Step,
    StepState,
)
from .customers import bump_versions
from .database import rows_in_chunks
from .groups import mates_of
from .prepared import Among, NewRow, Prepared, instant

CHUNK = 500
MAY_HAVE_BEEN_SENT = (DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT)
SHOWN = (*MAY_HAVE_BEEN_SENT, DeliveryState.CLAIMED, DeliveryState.DEFERRED)


def apply_step(session: Session, draft: StepDraft, at: datetime, *, state: StepState = StepState.APPLIED) -> bool:
    """Apply a step's effect and record it; False (and nothing recorded) where it changes nothing.

    A step that is only PROPOSED or REFUSED is recorded without its effect; the same is proposed once.
    """
    if state is StepState.APPLIED and draft.effect is not None and not apply_effect(session, draft.effect, at):
        return False
    if state is StepState.PROPOSED and _is_proposed(session, draft):
        return False
    record_step(session, draft, at, state=state)
    return True


def apply_effect(session: Session, effect: Effect, at: datetime) -> bool:
    """Make the effect so; False where nothing changes by it."""
    match effect:
        case NewHold():
            return add_hold(session, effect, at)
        case LiftHold():
            _withdraw(session, effect, at)
            return bool(lift_holds(session, effect.case_id, effect.scope, at))
        case NewBoost():
            return add_boost(session, effect, at)
        case StopEdition():
            return stop_edition(session, effect)
        case NewTrend() | ErrorNoted():
            return True  # the step itself is what `store.steps` reads


def _is_proposed(session: Session, draft: StepDraft) -> bool:
    same = select(Step).where(
        col(Step.state) == StepState.PROPOSED,
        col(Step.rule) == draft.rule,
        col(Step.case_id) == draft.case_id,
        col(Step.campaign_id) == draft.campaign_id,
    )
    return any(step.what == draft.what for step in session.scalars(same))


def _withdraw(session: Session, effect: LiftHold, at: datetime) -> None:
    """What was proposed for a case needs nobody's yes once the case has ended it."""
    waiting = select(Step).where(col(Step.case_id) == effect.case_id, col(Step.state) == StepState.PROPOSED)
    for step in session.scalars(waiting).all():
        if step.effect.get("kind") == "hold" and effect.scope in (None, step.effect.get("scope")):
            step.state, step.decided_at, step.decision = StepState.REFUSED, at, "its case needs it no more"
            session.add(step)
    session.flush()


def add_hold(session: Session, hold: NewHold, at: datetime) -> bool:
    """Open a hold, or confirm or lengthen the case's open one; a confirmed hold is never weakened."""
    rows = _OPEN_HOLD.rows(session, customer=hold.customer_id, case=hold.case_id, scope=hold.scope, topic=hold.topic)
    found = session.get_one(Hold, rows[0][0]) if rows else None
    if found is None:
        _HOLD.add(
            session,
            customer_id=hold.customer_id,
            case_id=hold.case_id,
            scope=hold.scope,
            topic=hold.topic,
            state=hold.state,
            reason=hold.reason,
            since=at,
            until=hold.until,
        )
    elif found.state is HoldState.CONFIRMED or (found.state, found.until) == (hold.state, hold.until):
        return False
    else:
        found.state, found.until, found.reason = hold.state, hold.until, hold.reason
        session.add(found)
        session.flush()
    bump_versions(session, [hold.customer_id, *mates_of(session, [hold.customer_id])], at)
    return True


_OPEN_HOLD = Prepared(
    select(col(Hold.id))
    .where(
        col(Hold.customer_id) == bindparam("customer"),
        col(Hold.case_id).is_not_distinct_from(bindparam("case")),
        col(Hold.scope) == bindparam("scope"),
        col(Hold.topic) == bindparam("topic"),
        col(Hold.state) != HoldState.LIFTED,
    )
    .order_by(col(Hold.id))
    .limit(1)
)
_HOLD, _STEP = NewRow(Hold), NewRow(Step)


def lift_holds(session: Session, case_id: int, scope: str | None, at: datetime) -> list[int]:
    """End the open holds of a case, of one scope or all. The customers concerned."""
    wanted = [col(Hold.case_id) == case_id, col(Hold.state) != HoldState.LIFTED]
    if scope is not None:
        wanted.append(col(Hold.scope) == scope)
    return _lift(session, list(session.execute(select(Hold).where(*wanted)).scalars()), at)


def lift_hold(session: Session, hold: NewHold, at: datetime) -> list[int]:
    """End this one hold of a case. The customer concerned, where it was open."""
    mine = (col(Hold.case_id) == hold.case_id, col(Hold.scope) == hold.scope, col(Hold.topic) == hold.topic)
    wanted = select(Hold).where(*mine, col(Hold.customer_id) == hold.customer_id, col(Hold.state) != HoldState.LIFTED)
    return _lift(session, list(session.scalars(wanted)), at)


def lapse_holds(session: Session, now: datetime) -> list[int]:
    """End the suggested holds whose day has come, and record that as a step. The customers concerned."""
    due = list(
        session.execute(
            select(Hold).where(
                col(Hold.state) == HoldState.SUGGESTED, col(Hold.until).is_not(None), col(Hold.until) <= now
            )
        ).scalars()
    )
    steps = [
        {
            "at": now,
            "rule": "hold_lapsed",
            "state": StepState.APPLIED,
            "customer_id": hold.customer_id,
            "case_id": hold.case_id,
            "what": _lapsed_words(hold),
            "reason": hold.reason if hold.scope == AWAY_SCOPE else f"{hold.reason}: nobody confirmed it in time",
            "evidence": {"hold": hold.id, "case": hold.case_id},
            "effect": {},
        }
        for hold in due
    ]
    if steps:
        session.connection().execute(insert(Step), steps)
    return _lift(session, due, now)


def _lapsed_words(hold: Hold) -> str:
    if hold.scope == AWAY_SCOPE:
        return "newsletters go again: the absence is over"
    return f"the hold on {'tips on ' + hold.topic if hold.topic else 'news, offers and invitations'} lapsed"


def _lift(session: Session, holds: Sequence[Hold], at: datetime) -> list[int]:
    for hold in holds:
        hold.state, hold.lifted_at = HoldState.LIFTED, at
        session.add(hold)
    session.flush()
    people = sorted({hold.customer_id for hold in holds})
    bump_versions(session, [*people, *mates_of(session, people)], at)
    return people


def stop_edition(session: Session, stop: StopEdition) -> bool:
    """open → paused: nothing of the edition is claimed, and no intent granted, any more; False where it is not open."""
    running = (col(Edition.id) == stop.edition_id, col(Edition.state) == EditionState.OPEN)
    stopped = update(Edition).where(*running).values(state=EditionState.PAUSED, reason=stop.reason)
    return session.connection().execute(stopped).rowcount == 1


def resume_edition(session: Session, stop: StopEdition) -> bool:
    """paused → open, where it was this that stopped it; False where it was not, or somebody was quicker."""
    mine = (col(Edition.id) == stop.edition_id, col(Edition.state) == EditionState.PAUSED)
    opened = update(Edition).where(*mine, col(Edition.reason) == stop.reason)
    return session.connection().execute(opened.values(state=EditionState.OPEN, reason="")).rowcount == 1


def add_boost(session: Session, boost: NewBoost, at: datetime) -> bool:
    """Remember a topic for the person's next tips issue, once per topic until it is used."""
    found = session.execute(
        select(col(Boost.id)).where(
            col(Boost.customer_id) == boost.customer_id,
            col(Boost.topic) == boost.topic,
            col(Boost.used_at).is_(None),
        )
    ).first()
    if found is not None:
        return False
    session.add(
        Boost(customer_id=boost.customer_id, case_id=boost.case_id, topic=boost.topic, reason=boost.reason, since=at)
    )
    session.flush()
    return True


def drop_boost(session: Session, boost: NewBoost, at: datetime) -> None:
    """Forget a topic that was to come first, where it has not been used yet."""
    mine = (col(Boost.customer_id) == boost.customer_id, col(Boost.topic) == boost.topic)
    session.connection().execute(update(Boost).where(*mine, col(Boost.used_at).is_(None)).values(used_at=at))


def use_boosts(session: Session, boost_ids: Collection[int], at: datetime) -> None:
    """Mark boosts as used: their tips issue was sent."""
    for ids in rows_in_chunks(sorted(boost_ids), CHUNK):
        session.connection().execute(
            update(Boost).where(col(Boost.id).in_(ids), col(Boost.used_at).is_(None)).values(used_at=at)
        )


def record_step(session: Session, draft: StepDraft, at: datetime, *, state: StepState = StepState.APPLIED) -> int:
    """Keep a step for people to read; its id."""
    return _STEP.add(
        session,
        at=at,
        rule=draft.rule,
        state=state,
        customer_id=draft.customer_id,
        case_id=draft.case_id,
        campaign_id=draft.campaign_id,
        edition_id=draft.edition_id,
        what=draft.what,
        reason=draft.reason,
        evidence=draft.evidence,
        effect=effect_value(draft.effect) if draft.effect is not None else {},
    )


def holds_of(session: Session, customer_ids: Collection[int]) -> dict[int, list[Hold]]:
    """The holds not lifted of these people (a suggested one may have run out: `plan.holds.is_open` says)."""
    found: dict[int, list[Hold]] = defaultdict(list)
    held = [row[0] for ids in rows_in_chunks(list(customer_ids), CHUNK) for row in _HELD.rows(session, ids=ids)]
    for ids in rows_in_chunks(held, CHUNK):
        rows = session.execute(
            select(Hold)
            .where(col(Hold.customer_id).in_(ids), col(Hold.state) != HoldState.LIFTED)
            .order_by(col(Hold.id))
        ).scalars()
        for hold in rows:
            found[hold.customer_id].append(hold)
    return dict(found)


_HELD = Prepared(
    select(col(Hold.customer_id))
    .where(Among(col(Hold.customer_id), "ids"), col(Hold.state) != HoldState.LIFTED)
    .distinct()
)


def boosts_of(session: Session, customer_ids: Collection[int]) -> dict[int, list[Boost]]:
    """The boosts of these people not yet used, oldest first."""
    found: dict[int, list[Boost]] = defaultdict(list)
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        rows = session.execute(
            select(Boost).where(col(Boost.customer_id).in_(ids), col(Boost.used_at).is_(None)).order_by(col(Boost.id))
        ).scalars()
        for boost in rows:
            found[boost.customer_id].append(boost)
    return dict(found)


def recent_bulk(session: Session, customer_ids: Collection[int], since: datetime) -> dict[int, list[datetime]]:
    """When each person was sent bulk mail after `since`, oldest first; mail in flight or in doubt counts as sent.

    State and kind are compared here, not in SQL: else SQLite would walk all that was ever sent, for every slice.
    """
    found: dict[int, list[datetime]] = defaultdict(list)
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer_id, kind, state, at in _RECENT.rows(session, ids=ids, since=since):
            if kind in BULK and state in MAY_HAVE_BEEN_SENT:
                found[customer_id].append(instant(at))
    return {customer_id: sorted(times) for customer_id, times in found.items()}


_SENT_OR_INTENDED = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at))
_RECENT = Prepared(
    select(col(Delivery.customer_id), col(Delivery.kind), col(Delivery.state), _SENT_OR_INTENDED).where(
        Among(col(Delivery.customer_id), "ids"), bindparam("since") < _SENT_OR_INTENDED
    )
)


def claimed_beside(
    session: Session, edition_id: int, customer_ids: Collection[int], but: Collection[int]
) -> dict[int, int]:
    """How many bulk mails of other editions than this one are claimed for each of these people, not counting those of
    these ids. Looked up only where another such edition is open.
    """
    others = select(col(Edition.id)).where(
        col(Edition.state) == EditionState.OPEN, col(Edition.kind).in_(BULK), col(Edition.id) != edition_id
    )
    found: dict[int, int] = defaultdict(int)
    if session.execute(others.limit(1)).first() is None:
        return found
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer_id, number, edition, kind, state in _UNSENT.rows(session, ids=ids):
            if state == DeliveryState.CLAIMED and kind in BULK and edition != edition_id and number not in but:
                found[customer_id] += 1
    return found


_UNSENT = Prepared(
    select(
        col(Delivery.customer_id),
        col(Delivery.id),
        col(Delivery.edition_id),
        col(Delivery.kind),
        col(Delivery.state),
    ).where(Among(col(Delivery.customer_id), "ids"), col(Delivery.sent_at).is_(None))
)


def shown_tips(
    session: Session, customer_ids: Collection[int], *, but_edition: int | None = None
) -> dict[int, set[str]]:
    """The tips that each person has had, or is just getting, in other editions than `but_edition`."""
    found: dict[int, set[str]] = defaultdict(set)
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(
            col(Delivery.customer_id), col(Delivery.edition_id), col(Delivery.state), col(Delivery.choices)
        ).where(col(Delivery.customer_id).in_(ids))
        for customer_id, edition_id, state, choices in session.connection().execute(query):
            if customer_id is not None and edition_id != but_edition and state in SHOWN:
                found[customer_id].update((choices or {}).get("tips", ()))
    return {customer_id: tips for customer_id, tips in found.items() if tips}


def recent_steps(
    session: Session, since: datetime, *, customer_id: int | None = None, limit: int = 20
) -> list[tuple[Step, str]]:
    """The newest steps after `since`, each with the customer's address ("" for none), newest first."""
    query = (
        select(Step, func.coalesce(col(Customer.address), ""))
        .outerjoin(Customer, col(Customer.id) == col(Step.customer_id))
        .where(col(Step.at) > since)
        .order_by(col(Step.at).desc(), col(Step.id).desc())
        .limit(limit)
    )
    if customer_id is not None:
        query = query.where(col(Step.customer_id) == customer_id)
    return [(step, address) for step, address in session.execute(query)]


def step_counts(session: Session, since: datetime) -> list[tuple[str, int]]:
    """How often each rule changed the plan after `since`, the most often first."""
    query = (
        select(col(Step.rule), func.count())
        .where(col(Step.at) > since)
        .group_by(col(Step.rule))
        .order_by(func.count().desc(), col(Step.rule))
    )
    return [(rule, count) for rule, count in session.execute(query)]
