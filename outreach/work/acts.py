"""What a message does by itself, before anybody reads it: leaving a list, a bounce's evidence, an abuse report.

Law: only a clue that names one mail of ours and cannot be guessed acts (a token, our Message-ID); a token in somebody
else's hands acts for nobody. Two exceptions: who just writes "unsubscribe" is heard by the sender's address alone, and
the verdict says so; and where our mail carries no token (`scheme = "plain"`) a bounce that names an address of ours is
a point, and never blocks it. Every act is undone by `work.review`, and says on the verdict what it did.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..address import address_key
from ..records import (
    ClueKind,
    ConsentAct,
    DeliveryEvent,
    FailureClass,
    Inbound,
    Machine,
    SuppressionReason,
)
from ..replies.dsn import BounceReport
from ..replies.machine import MachineMail, sort_machine
from ..replies.match import PROOFS, Match
from ..replies.parse import parse_inbound
from ..store.bounces import Heard, free_address, take_back
from ..store.consents import MESSAGE_EVIDENCE, consent_history, resubscribe, suppress, unsubscribe
from ..store.doubts import settle_doubt
from ..store.replies import SentMail, note_on_delivery, sent_mail
from .absence import heed_absence
from .bounces import bounce_rules, take_bounces
from .workspace import Workspace

BY = "replies"


def evidence_of(inbound: Inbound) -> str:
    """What a Consent or Suppression row says of the message that caused it."""
    return f"{MESSAGE_EVIDENCE}{inbound.public_id}"


def leave_list(session: Session, workspace: Workspace, inbound: Inbound, match: Match, now: datetime) -> list[str]:
    """Unsubscribe whoever wrote, at once; what was done, in words. Whose mail it is not, is only flagged."""
    if match.foreign:
        _flag(inbound, "asks to be unsubscribed from another address than ours went to: please check whom")
        return ["nobody was unsubscribed: it came from another address than the mail went to"]
    mail = sent_mail(session, match.delivery_id) if match.delivery_id is not None else None
    if match.customer_id is None:
        if mail is not None and match.clue in PROOFS:
            reason = SuppressionReason.UNSUBSCRIBED_ALL
            suppress(session, address_key=mail.address_key, reason=reason, at=now, evidence=evidence_of(inbound))
            return ["the address gets no more newsletters"]
        _flag(inbound, "asks to be unsubscribed, but is no customer that we know")
        return ["nobody was unsubscribed: no customer was found"]
    list_id = mail.list_id if mail is not None and mail.customer_id == match.customer_id else None
    done = unsubscribe(
        session,
        customer_id=match.customer_id,
        list_id=list_id,
        at=now,
        how="mail",
        evidence=evidence_of(inbound),
        words=(inbound.text or inbound.subject)[:500],
    )
    where = "from the list" if list_id is not None else "from all lists"
    if not done:
        return ["was unsubscribed already"]
    guessed = [] if match.clue in PROOFS else ["only the sender's address says who wrote: it can be forged"]
    return [f"unsubscribed {where} at once", *guessed]


def leave_by_person(session: Session, inbound: Inbound, now: datetime, by: str) -> None:
    """Unsubscribe because a person read the message so."""
    if inbound.customer_id is None:
        return
    mail = sent_mail(session, inbound.delivery_id) if inbound.delivery_id is not None else None
    list_id = mail.list_id if mail is not None and mail.customer_id == inbound.customer_id else None
    unsubscribe(
        session,
        customer_id=inbound.customer_id,
        list_id=list_id,
        at=now,
        how="person",
        evidence=evidence_of(inbound),
        by=by,
    )


def left_by_itself(session: Session, inbound: Inbound) -> bool:
    """Whether this message unsubscribed its writer before anybody read it."""
    if inbound.customer_id is None:
        return False
    evidence = evidence_of(inbound)
    acts = consent_history(session, inbound.customer_id)
    return any(act.act is ConsentAct.WITHDRAWN and act.evidence == evidence and act.how == "mail" for act in acts)


def stay_after_all(session: Session, inbound: Inbound, now: datetime, by: str) -> bool:
    """Give back what this message's withdrawal took: a person reads it otherwise. Whether anything was."""
    if inbound.customer_id is None:
        return False
    evidence = evidence_of(inbound)
    acts = [act for act in consent_history(session, inbound.customer_id) if act.evidence == evidence]
    if not acts or acts[-1].act is not ConsentAct.WITHDRAWN:
        return False
    everywhere = any(act.list_id is None for act in acts)
    return resubscribe(
        session,
        customer_id=inbound.customer_id,
        list_id=None if everywhere else acts[-1].list_id,
        at=now,
        how="person",
        evidence=evidence,
        by=by,
    )


def tell_evidence(session: Session, inbound: Inbound, match: Match, now: datetime) -> None:
    """An answer to a mail proves that it arrived: a delivery in doubt is sent."""
    if match.delivery_id is not None and match.clue in PROOFS:
        _settle(session, match.delivery_id, DeliveryEvent.EVIDENCE_SENT, now, f"answered: {evidence_of(inbound)}")


def act_on_machine(
    session: Session, workspace: Workspace, inbound: Inbound, machine: MachineMail, match: Match, now: datetime
) -> list[str]:
    """What a machine's mail does; in words."""
    proved = match.clue in PROOFS and match.delivery_id is not None
    mail = sent_mail(session, match.delivery_id) if proved and match.delivery_id is not None else None
    if mail is None and match.clue is ClueKind.RECIPIENT and machine.machine is Machine.BOUNCE:
        mail = sent_mail(session, match.delivery_id) if match.delivery_id is not None else None
    if mail is None:
        if machine.machine in (Machine.BOUNCE, Machine.ABUSE_REPORT):
            _flag(inbound, "names no mail of ours: nothing was done")
        return []
    if machine.machine is Machine.BOUNCE:
        return _bounce(session, workspace, inbound, machine.bounce, mail, now, proved=proved)
    if machine.machine is Machine.DELAY:
        report = machine.bounce
        words = f"{report.status} {report.diagnostic}".strip() if report is not None else ""
        tell_evidence(session, inbound, match, now)
        _note(session, mail, "delay", now, "still trying", words or evidence_of(inbound))
        return ["the receiving side is still trying"]
    if machine.machine is Machine.ABUSE_REPORT:
        tell_evidence(session, inbound, match, now)
        return _abuse(session, inbound, mail, now)
    if machine.machine in (Machine.AUTO_REPLY, Machine.RECEIPT, Machine.CALENDAR):
        tell_evidence(session, inbound, match, now)
    if machine.machine is Machine.AUTO_REPLY and not match.foreign:
        return heed_absence(session, workspace, inbound, now)
    return []


def _bounce(
    session: Session,
    workspace: Workspace,
    inbound: Inbound,
    report: BounceReport | None,
    mail: SentMail,
    now: datetime,
    *,
    proved: bool,
) -> list[str]:
    failure = report.failure if report is not None and report.failure is not None else FailureClass.OTHER
    words = f"{report.status} {report.diagnostic}".strip() if report is not None else ""
    words = words or inbound.subject
    told = f"{words[:400]} ({evidence_of(inbound)})"
    if not (proved and _settle(session, mail.delivery_id, DeliveryEvent.EVIDENCE_FAILED, now, told, failure)):
        _note(session, mail, "bounce", now, failure.value, told, failure)
    other = ""
    if report is not None and report.recipient and failure is FailureClass.BAD_ADDRESS:
        named = address_key(workspace.keys, report.recipient) in mail.address_keys
        other = "" if named else "it names another address than ours: ours is kept"
    if not proved:
        other = "nothing in it proves that it is about our mail: the address is kept"
    heard = Heard(mail.delivery_id, failure, told, sure=not other)
    rules = bounce_rules(workspace.settings.bounces)
    what = take_bounces(session, rules, [heard], "dsn", now).get(mail.delivery_id, "it is known already")
    return [f"bounced ({failure.value}): {words}", other or what]


def bounce_after_all(session: Session, workspace: Workspace, inbound: Inbound, now: datetime) -> list[str]:
    """A person took back that this was no bounce: what it did is done again."""
    if inbound.delivery_id is None:
        return []
    machine = sort_machine(parse_inbound(inbound.raw), inbound.raw, to_bounces=inbound.clue is ClueKind.RETURN_PATH)
    match = Match(inbound.customer_id, inbound.delivery_id, inbound.clue)
    return act_on_machine(session, workspace, inbound, machine, match, now)


def no_bounce_after_all(session: Session, inbound: Inbound, now: datetime) -> bool:
    """A person says that a message is no bounce or abuse report: what it did to the address is taken back."""
    if inbound.delivery_id is None:
        return False
    mail = sent_mail(session, inbound.delivery_id)
    if mail is None:
        return False
    mark = f"({evidence_of(inbound)})"
    counted = take_back(session, mail.delivery_id, mark, now) is not None
    freed = free_address(session, mail.address_key, evidence_of(inbound), now)
    if counted:
        _note(session, mail, "bounce_undone", now, "a person read it", evidence_of(inbound))
    return counted or freed


def _abuse(session: Session, inbound: Inbound, mail: SentMail, now: datetime) -> list[str]:
    evidence = evidence_of(inbound)
    if mail.customer_id is not None:
        unsubscribe(session, customer_id=mail.customer_id, list_id=None, at=now, how="abuse_report", evidence=evidence)
    suppress(session, address_key=mail.address_key, reason=SuppressionReason.ABUSE_REPORT, at=now, evidence=evidence)
    _note(session, mail, "abuse_report", now, "abuse_report", evidence)
    return ["unsubscribed from all lists, and never written to again"]


def _settle(
    session: Session,
    delivery_id: int,
    event: DeliveryEvent,
    now: datetime,
    evidence: str,
    failure: FailureClass | None = None,
) -> bool:
    return settle_doubt(session, delivery_id, event=event, at=now, evidence=evidence, by=BY, failure=failure)


def _note(
    session: Session,
    mail: SentMail,
    event: str,
    now: datetime,
    reason: str,
    detail: str,
    failure: FailureClass | None = None,
) -> None:
    note_on_delivery(
        session, mail.delivery_id, event=event, at=now, reason=reason, detail=detail, by=BY, failure=failure
    )


def _flag(inbound: Inbound, words: str) -> None:
    inbound.flagged = "; ".join(part for part in (inbound.flagged, words) if part)
