"""What follows from what came back: a case is opened or added to, and the plan changes.

Law: runs in the caller's transaction, so that a reply, its case, its holds and their reasons are kept together or
not at all. Machine mail never makes a case; the cues may suggest a hold, only a person confirms it or ends it early.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..cases.case import UNSOLVED
from ..cases.clock import Desk, first_word, next_due, sooner_due
from ..contacts import shown_handle
from ..plan.steps import Facts, PlanEvent, next_steps, waits_for_a_yes
from ..records import (
    Case,
    CaseEvent,
    CaseState,
    Category,
    Channel,
    EntryKind,
    HoldState,
    Inbound,
    Machine,
    NoticeKind,
    StepState,
    Urgency,
)
from ..replies.nod import says_no_more_than_ok
from ..store import cases as kept
from ..store import plan as plans
from ..store.groups import manager_of
from ..store.matters import (
    Wrote,
    address_of,
    answers_in,
    cases_about,
    cases_below,
    cases_of_author,
    last_word,
    messages_of,
    words_in_force,
)
from ..store.replies import keep_case
from ..workdays import add_business_days, zone_or
from .acknowledge import acknowledge
from .casework import case_desk, move_case
from .correction import draft_corrections, note_error
from .notices import note_case
from .thanks import ask_all, take_thanks
from .thread import references_of
from .workspace import Workspace

MATTERS = (Category.COMPLAINT, Category.QUESTION)
"""What a person writes that needs an answer: it makes a case. So does changed data of some urgency, as a question: who
asks what is kept of them, or that it be erased (see `_matters`)."""
CUES = "cues"
SUMMARY = 140
MERE_WISH = 12
"""Words that a wish to leave may have; in more of them there is something else too."""
_HARM = {Urgency.NORMAL: 0, Urgency.RAISED: 1, Urgency.HIGH: 2}


def after_inbound(
    session: Session, workspace: Workspace, inbound: Inbound, now: datetime, again: int | None = None
) -> int | None:
    """Open a case for a person's complaint or question, or add to theirs; apply what follows. The case's id.

    What is known of the inbound is written down already. `again`: the case in which the author said the same before.

    Thanks, wishes to leave and the rest make no case: they are added to one only where they belong to it. Called again
    for the same inbound it changes nothing.
    """
    if inbound.machine is Machine.HUMAN:
        note_error(session, workspace, inbound, now)
        take_thanks(session, workspace, inbound, now)
    if inbound.machine is not Machine.HUMAN or inbound.category is None:
        return None
    if inbound.case_id is not None:
        return inbound.case_id
    number = again if again is not None else _case_of_same_matter(session, inbound)
    case = session.get(Case, number) if number is not None else None
    if case is None:
        if not _matters(inbound):
            return None
        case = _open(session, workspace, inbound, now)
    else:
        _add(session, workspace, case, inbound, now)
    if inbound.category is Category.COMPLAINT:
        _plan(session, workspace, case, PlanEvent.COMPLAINT_SUGGESTED, now, inbound=inbound)
    return case.id


def after_review(session: Session, workspace: Workspace, inbound_id: int, now: datetime) -> int | None:
    """A person confirmed or corrected what the message is, or undid that: the case and its holds follow.

    A complaint or question that was missed gets its case; a case about nothing that needs an answer is dismissed;
    holds are confirmed or lifted. The case's id, where there is one.
    """
    session.flush()
    inbound = session.get_one(Inbound, inbound_id)
    take_thanks(session, workspace, inbound, now)
    if inbound.case_id is None:
        if not _matters(inbound):
            return None
        number = _case_of_same_matter(session, inbound)
        if number is None:
            case = _open(session, workspace, inbound, now)
        else:
            case = session.get_one(Case, number)
            _add(session, workspace, case, inbound, now)
    else:
        case = session.get_one(Case, inbound.case_id)
    _rejudge(session, workspace, case, inbound, now)
    return case.id


def after_answer(session: Session, workspace: Workspace, case: Case, now: datetime, *, by: str) -> None:
    """A person answered: tips on the case's topics need wait no longer, and come first next time."""
    _plan(session, workspace, case, PlanEvent.ANSWERED, now, by=by)


def after_close(session: Session, workspace: Workspace, case: Case, now: datetime, *, by: str) -> None:
    """The case is solved, confirmed or dismissed: what it held is lifted."""
    _plan(session, workspace, case, PlanEvent.CLOSED, now, by=by)


def after_reopen(session: Session, workspace: Workspace, case: Case, now: datetime, *, by: str) -> None:
    """The case is open again: what it held is held again."""
    _plan(session, workspace, case, PlanEvent.REOPENED, now, by=by)


def lift_case(session: Session, workspace: Workspace, case: Case, inbound: Inbound, now: datetime, by: str) -> None:
    """The case turns out to be another person's: what it held for the one it was taken for is lifted."""
    _plan(session, workspace, case, PlanEvent.NOT_THEIRS, now, inbound=inbound, by=by)


def lapse_holds(session: Session, now: datetime) -> list[int]:
    """End the suggested holds that nobody confirmed in time. The customers concerned."""
    return plans.lapse_holds(session, now)


def after_lost_answers(session: Session, workspace: Workspace, now: datetime) -> list[int]:
    """Note answers that never arrived; their cases are open again, as unanswered as they are in truth.

    The cases concerned. A first answer counts from the moment when it is queued, so it is taken back here.
    """
    concerned = []
    for entry, delivery in kept.failed_answers(session):
        case = session.get_one(Case, entry.case_id)
        words = (
            f"this answer did not arrive: {delivery.evidence or delivery.response or delivery.reason or 'it bounced'}"
        )
        kept.add_entry(session, entry.case_id, now, EntryKind.NOTE, by="relay", text=words, delivery_id=delivery.id)
        stand = kept.standing_answers(session, entry.case_id)
        first, last = (stand[0], stand[-1]) if stand else (None, None)
        kept.change_case(session, case, {"first_answer_at": first, "answered_at": last})
        if case.state in (CaseState.WAITING, CaseState.SOLVED):
            move_case(session, workspace, case, CaseEvent.REOPEN, at=now, by="relay", text="the answer did not arrive")
            after_reopen(session, workspace, case, now, by="relay")
        concerned.append(entry.case_id)
    return concerned


def follow_up(workspace: Workspace) -> dict[str, list[int]]:
    """What time alone brings: holds that lapse, answers that were lost, drafts of corrections, thanks that are asked
    about. The numbers of the customers, cases, editions and thanks concerned."""
    with workspace.database.write() as session:
        now = workspace.clock()
        lapsed, lost = lapse_holds(session, now), after_lost_answers(session, workspace, now)
    told = {"corrections": draft_corrections(workspace), "thanks_asked": ask_all(workspace)}
    return {"lapsed": lapsed, "lost_answers": lost, **told}


def author_of(inbound: Inbound) -> str:
    """Who wrote, in words that are the same next time: the way to tell people apart who are no customers."""
    if inbound.repost_of:
        return shown_handle(inbound.network, inbound.repost_of).lower()
    return inbound.sender.lower() or shown_handle(inbound.network, inbound.handle).lower() or inbound.phone


def _case_of_same_matter(session: Session, inbound: Inbound) -> int | None:
    """The author's case that this belongs to: a reply in its thread, else the same topic or the same mail of ours."""
    cases = cases_of_author(session, inbound.customer_id, author_of(inbound))
    if not cases:
        return None
    thread = answers_in(session, inbound.delivery_id) if inbound.delivery_id is not None else set()
    if inbound.channel is Channel.EMAIL:
        thread |= cases_below(session, inbound.id or 0, references_of(inbound))
    about = cases_about(session, inbound.delivery_id) if inbound.delivery_id is not None else set()
    for case in cases:
        if case.id in thread and case.state is not CaseState.DISMISSED:
            return case.id
    living = [case for case in cases if case.state in UNSOLVED or case.state is CaseState.SOLVED]
    if inbound.category is Category.THANKS:
        return living[0].id if len(living) == 1 else next((case.id for case in living if case.id in about), None)
    if inbound.category not in MATTERS:
        return None
    for case in living:
        same_topic = bool(case.topic) and case.topic in inbound.topics
        other_topic = bool(case.topic and inbound.topics) and not same_topic
        if same_topic or (case.id in about and not other_topic):
            return case.id
    return None


def _open(session: Session, workspace: Workspace, inbound: Inbound, now: datetime) -> Case:
    assert inbound.category is not None
    owner = manager_of(session, inbound.customer_id) or workspace.settings.cases.owner
    desk = case_desk(session, workspace, owner)
    words = " ".join((inbound.text or inbound.subject or "(nothing to read: see the message)").split())
    case = kept.open_case(
        session,
        customer_id=inbound.customer_id,
        author=author_of(inbound),
        category=inbound.category if inbound.category in MATTERS else Category.QUESTION,
        topic=inbound.topics[0] if inbound.topics else "",
        urgency=inbound.urgency,
        state=CaseState.NEW,
        summary=words if len(words) <= SUMMARY else words[: SUMMARY - 1].rsplit(" ", 1)[0] + "…",
        owner=owner,
        opened_at=inbound.received_at,
        due_at=next_due(inbound.received_at, inbound.urgency, desk),
    )
    _attach(session, workspace, case, inbound, inbound.received_at)
    note_case(session, case, NoticeKind.NEW, now)
    acknowledge(session, workspace, case, inbound, now)
    return case


def _add(session: Session, workspace: Workspace, case: Case, inbound: Inbound, now: datetime) -> None:
    """One more message in a case: its age stays; a greater harm makes it due sooner; a solved one opens again, also by
    what nobody understood."""
    _attach(session, workspace, case, inbound, now)
    assert case.id is not None
    if case.state not in UNSOLVED and _needs_a_look(inbound):
        text = f"the customer wrote again (message {inbound.id})"
        move_case(session, workspace, case, CaseEvent.REOPEN, at=now, by="customer", text=text)
        after_reopen(session, workspace, case, now, by="customer")
    if _matters(inbound):
        changes: dict[str, object] = {}
        desk = case_desk(session, workspace, case.owner)
        if inbound.category is Category.COMPLAINT:
            changes["category"] = Category.COMPLAINT
        if not case.topic and inbound.topics:
            changes["topic"] = inbound.topics[0]
        if _HARM[inbound.urgency] > _HARM[case.urgency]:
            changes.update(urgency=inbound.urgency, due_at=sooner_due(case, inbound.urgency, now, desk))
        kept.change_case(session, case, changes)
    elif inbound.category is Category.THANKS and case.answered_at is not None and case.state in UNSOLVED:
        text = f"the customer says thanks: if it is solved, `outreach cases resolve {case.id}`"
        kept.add_entry(session, case.id, now, EntryKind.NOTE, by=CUES, text=text, inbound_id=inbound.id)
    elif inbound.category is Category.THANKS and case.state is CaseState.SOLVED:
        text = f"the customer says thanks: if that is a yes, `outreach cases confirm {case.id}`"
        kept.add_entry(session, case.id, now, EntryKind.NOTE, by=CUES, text=text, inbound_id=inbound.id)


def _matters(inbound: Inbound) -> bool:
    """Whether a message needs an answer: a complaint, a question, or changed data that is more than that."""
    urgent = inbound.urgency is not Urgency.NORMAL
    return inbound.category in MATTERS or (inbound.category is Category.CHANGE_OF_DATA and urgent)


def _needs_a_look(inbound: Inbound) -> bool:
    """Whether what came into a case that was solved is more than thanks, "ok", or the wish to get no more mail."""
    if inbound.category in (*MATTERS, Category.CHANGE_OF_DATA):
        return True
    if inbound.category is Category.OTHER:
        return bool(inbound.attachments) or not says_no_more_than_ok(inbound.text)
    return inbound.category is Category.UNSUBSCRIBE and len(inbound.text.split()) > MERE_WISH


def _attach(session: Session, workspace: Workspace, case: Case, inbound: Inbound, at: datetime) -> None:
    assert case.id is not None
    keep_case(session, inbound, case.id)
    quick = workspace.settings.cases.reach_quick
    sooner = first_word(case, inbound.reach, quick, case_desk(session, workspace, case.owner))
    if sooner is not None:
        kept.change_case(session, case, {"first_word_by": sooner})
    by = inbound.sender_name or author_of(inbound) or "customer"
    move_case(session, workspace, case, CaseEvent.MESSAGE, at=at, by=by, text=inbound.text, inbound_id=inbound.id)


def _rejudge(session: Session, workspace: Workspace, case: Case, inbound: Inbound, now: datetime) -> None:
    """Bring a case in line with what its messages are held to be now."""
    assert case.id is not None
    verdict = kept.verdict_in_force(session, inbound.id or 0)
    by = verdict.by if verdict is not None else CUES
    messages = [each for each in kept.inbounds_of(session, case.id) if each.copy_of is None]
    matters = [each for each in messages if _matters(each)]
    was_complaint = case.category is Category.COMPLAINT
    if not matters:
        _lift(session, workspace, case, now, inbound, by)
        if case.state in UNSOLVED or case.state is CaseState.SOLVED:
            text = f"{by} read it: {str(inbound.category or 'nothing').replace('_', ' ')}, nothing to answer"
            move_case(session, workspace, case, CaseEvent.DISMISS, at=now, by=by, text=text)
        return
    if case.state is CaseState.DISMISSED:
        text = f"{by} read it: {inbound.category}"
        move_case(session, workspace, case, CaseEvent.REOPEN, at=now, by=by, text=text)
    complaints = [each for each in matters if each.category is Category.COMPLAINT]
    desk = case_desk(session, workspace, case.owner)
    kept.change_case(session, case, _judged_columns(desk, case, matters, bool(complaints), now))
    if not complaints:
        if was_complaint:
            _lift(session, workspace, case, now, inbound, by)
        return
    if case.state not in UNSOLVED:
        return
    if any(each.reviewed_at is not None for each in complaints):
        _plan(session, workspace, case, PlanEvent.COMPLAINT_CONFIRMED, now, inbound=inbound, by=by)
    else:
        if _has_confirmed_hold(session, case):
            _lift(session, workspace, case, now, inbound, by)
        _plan(session, workspace, case, PlanEvent.COMPLAINT_SUGGESTED, now, inbound=inbound, by=by)


def _judged_columns(
    desk: Desk, case: Case, matters: list[Inbound], complaint: bool, now: datetime
) -> dict[str, object]:
    """Category, topic, urgency and due time as the messages that need an answer give them together."""
    urgency = max((each.urgency for each in matters), key=_HARM.__getitem__)
    topics = [topic for each in matters for topic in each.topics]
    changes: dict[str, object] = {
        "category": Category.COMPLAINT if complaint else Category.QUESTION,
        "topic": case.topic if case.topic in topics else next(iter(topics), ""),
        "urgency": urgency,
    }
    if case.first_answer_at is None and case.state is CaseState.NEW:
        changes["due_at"] = next_due(case.opened_at, urgency, desk)
    elif _HARM[urgency] > _HARM[case.urgency]:
        changes["due_at"] = sooner_due(case, urgency, now, desk)
    return changes


def _lift(session: Session, workspace: Workspace, case: Case, now: datetime, inbound: Inbound, by: str) -> None:
    _plan(session, workspace, case, PlanEvent.NO_COMPLAINT, now, inbound=inbound, by=by)


def _plan(
    session: Session,
    workspace: Workspace,
    case: Case,
    event: PlanEvent,
    now: datetime,
    *,
    inbound: Inbound | None = None,
    by: str = "",
) -> None:
    """Ask the rules what this event changes, and apply it with its reasons."""
    assert case.id is not None
    session.flush()
    messages = messages_of(session, case.id)
    address = address_of(session, case.customer_id) if case.customer_id is not None else None
    verdict = words_in_force(session, inbound.id or 0) if inbound is not None else None
    if inbound is not None and inbound.topics:
        topics = tuple(inbound.topics)
    else:
        found = [topic for each in messages if each.category in MATTERS for topic in each.topics]
        topics = tuple(dict.fromkeys(found or ([case.topic] if case.topic else [])))
    facts = Facts(
        event=event,
        case_id=case.id,
        customer_id=case.customer_id,
        at=now,
        category=case.category,
        topics=topics,
        lapses_at=add_business_days(now, workspace.settings.cases.hold_lapses_days, workspace.working_hours),
        answered=last_word(session, case.id) is CaseEvent.ANSWER,
        confirmed=any(each.reviewed and each.category is Category.COMPLAINT for each in messages),
        own=any(_is_own(each, address) for each in messages),
        by=by or (verdict.by if verdict is not None else CUES),
        confidence=verdict.confidence if verdict is not None else None,
        words=tuple(verdict.reasons) if verdict is not None else (),
        inbound_id=inbound.id if inbound is not None else None,
        ending=case.state.value,
        zone=zone_or(workspace.settings.identity.zone, "UTC"),
    )
    policies = workspace.settings.steps.policies
    for draft in next_steps(facts):
        waits = waits_for_a_yes(draft, policies)
        plans.apply_step(session, draft, now, state=StepState.PROPOSED if waits else StepState.APPLIED)


def _is_own(message: Wrote, address: str | None) -> bool:
    """Whether nothing says that another than the customer of this address wrote it: no tip may tell them that they
    did. None: it is no customer's."""
    return address is None or message.channel is not Channel.EMAIL or message.sender.lower() == address.lower()


def _has_confirmed_hold(session: Session, case: Case) -> bool:
    if case.customer_id is None:
        return False
    holds = plans.holds_of(session, [case.customer_id]).get(case.customer_id, [])
    return any(hold.case_id == case.id and hold.state is HoldState.CONFIRMED for hold in holds)
