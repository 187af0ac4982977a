"""Looking for those who give no sign any more: ask once, rest after that, wake at the next sign.

Law: one question a silence, as a service mail with a link to a button and to other ways of being reached; nobody is
taken off a list by silence, only rested, with the reason. At most so many are asked in one look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from ..plan.reach import REST_SCOPE, SILENT_SCOPE, Move, ReachRules, Silence, next_move
from ..records import Customer, Hold, HoldState, MailingList
from ..store.customers import bump_versions
from ..store.reach import Candidate, Sign, long_written_to, signs_of, silence_holds
from .opt_in import ask_if_still
from .workspace import Workspace

PAGE = 500
MOST = 200
"""People asked in one look: what comes of it can be read, and answered."""


@dataclass(frozen=True)
class ReachLook:
    """How many were asked, rested, and woken by a sign."""

    asked: int = 0
    rested: int = 0
    woken: int = 0


def reach_rules(workspace: Workspace) -> ReachRules:
    """The settings as the rule takes them."""
    own = workspace.settings.reach
    return ReachRules(own.silent_issues, own.silent_days, own.answer_days)


def look_for_silent(workspace: Workspace, most: int = MOST) -> ReachLook:
    """Do what is due now."""
    rules = reach_rules(workspace)
    with workspace.database.read() as session:
        holds = silence_holds(session)
        signs = signs_of(session, {hold.customer_id for hold in holds})
    rested = woken = 0
    for hold in holds:
        move = _move(workspace, hold, signs.get(hold.customer_id), rules)
        if move is Move.NONE:
            continue
        with workspace.database.write() as session:
            _follow(session, workspace, hold, move)
        woken += move is Move.WAKE
        rested += move is Move.REST
    return ReachLook(_ask(workspace, rules, most) if rules.issues else 0, rested, woken)


def _move(workspace: Workspace, hold: Hold, sign: Sign | None, rules: ReachRules) -> Move:
    at = sign.at if sign is not None else None
    known = Silence(0, None, hold.since, hold.scope == REST_SCOPE, at)
    return next_move(known, rules, workspace.clock())


def _follow(session: Session, workspace: Workspace, hold: Hold, move: Move) -> None:
    now = workspace.clock()
    row = session.get_one(Hold, hold.id)
    row.state, row.lifted_at = HoldState.LIFTED, now
    session.add(row)
    if move is Move.REST:
        words = f"no sign of life for long, and none since we asked on {hold.since:%Y-%m-%d}; any sign ends it"
        state = HoldState.CONFIRMED
        session.add(Hold(customer_id=hold.customer_id, scope=REST_SCOPE, state=state, reason=words, since=now))
    session.flush()
    bump_versions(session, [hold.customer_id], now)


def _ask(workspace: Workspace, rules: ReachRules, most: int) -> int:
    asked = after = 0
    while asked < most:
        found, signs = _page(workspace, rules, after)
        for one in found:
            if asked < most:
                asked += _ask_one(workspace, rules, one, signs.get(one.customer_id))
        if len(found) < PAGE:
            return asked
        after = found[-1].customer_id
    return asked


def _page(workspace: Workspace, rules: ReachRules, after: int) -> tuple[list[Candidate], dict[int, Sign]]:
    before = workspace.clock() - timedelta(days=rules.days)
    with workspace.database.read() as session:
        found = long_written_to(session, rules.issues, before, after, PAGE, workspace.clock())
        return found, signs_of(session, [one.customer_id for one in found])


def _ask_one(workspace: Workspace, rules: ReachRules, one: Candidate, sign: Sign | None) -> bool:
    now, silence = workspace.clock(), _silence(one, sign)
    if next_move(silence, rules, now) is not Move.ASK:
        return False
    with workspace.database.write() as session:
        customer = session.get_one(Customer, one.customer_id)
        words = f"no sign of life in {silence.issues} issues since {silence.first_at:%Y-%m-%d}: asked"
        state = HoldState.SUGGESTED
        session.add(Hold(customer_id=one.customer_id, scope=SILENT_SCOPE, state=state, reason=words, since=now))
        ask_if_still(session, workspace, customer, session.get_one(MailingList, one.list_id), now)
    return True


def _silence(one: Candidate, sign: Sign | None) -> Silence:
    since = [at for at in one.sent if sign is None or at > sign.at]
    return Silence(len(since), min(since, default=None), sign_at=sign.at if sign is not None else None)
