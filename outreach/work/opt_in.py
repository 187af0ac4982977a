"""Joining a list as the list asks it: at once with the proof, or waiting until the address's owner confirms by a link.

Law: only a button pressed on our page, or a person with words to keep, confirms; the words that were shown are kept
with it. A confirmation is asked for once per joining, as a service mail like any other (RELIABILITY I1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..address import Purpose, domain_key, new_public_id, read_token, sign_token
from ..audience.consent import FOR_BULK_ONLY, words_for
from ..audience.stops import SAID
from ..errors import InputError
from ..records import (
    Campaign,
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    HoldState,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from ..store.consents import blocked_domains, find_suppression, resubscribe, subscribe
from ..store.edition_figures import LINK_EVIDENCE
from ..store.reach import silence_holds
from ..store.sign_ups import answered
from .epoch import advance
from .evidence import link_acted_on
from .opt_in_words import ANSWER, BACK_SUBJECTS, BACK_TEXTS, STILL_SUBJECTS, STILL_TEXTS, SUBJECTS, TEXTS
from .single import CAMPAIGNS, queue_single
from .workspace import Workspace

OCCASION, STILL, BACK = "confirm", "still", "back"


@dataclass(frozen=True)
class Asked:
    """What a confirmation link is about, and how its reader stands to it now.

    `still`: they were asked whether they want what they get, `back`: what they had left; `state` is then PENDING until
    they say so.
    """

    delivery: str
    customer_id: int | None
    list_id: int
    title: str
    words: str
    words_language: str
    language: str | None
    state: SubscriptionState | None
    still: bool = False
    back: bool = False


def join_list(
    session: Session,
    workspace: Workspace,
    customer: Customer,
    list_id: int,
    *,
    how: str,
    evidence: str,
    words: str = "",
    language: str = "",
    by: str = "",
    now: datetime,
) -> SubscriptionState | None:
    """Put a person on a list, or ask them to confirm; their state there now, None where they had left it."""
    assert customer.id is not None
    mailing_list = session.get_one(MailingList, list_id)
    waits = mailing_list.double_opt_in
    if not words:
        words, language = list_words(workspace, mailing_list, language or customer.language)
    state = SubscriptionState.PENDING if waits else SubscriptionState.SUBSCRIBED
    changed = subscribe(
        session,
        customer_id=customer.id,
        list_id=list_id,
        at=now,
        how=how,
        evidence=evidence,
        words=words,
        language=language,
        by=by,
        state=state,
    )
    tie = session.execute(
        select(Subscription).where(col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer.id)
    ).scalar_one()
    if tie.state is SubscriptionState.UNSUBSCRIBED:
        return None
    if changed and tie.state is SubscriptionState.PENDING:
        ask_to_confirm(session, workspace, customer, mailing_list, now)
    return tie.state


def list_words(workspace: Workspace, mailing_list: MailingList, *wishes: str | None) -> tuple[str, str]:
    """The words by which somebody with these wishes for a language agrees to a list, and their language."""
    default = workspace.settings.identity.language
    return words_for(mailing_list.words, mailing_list.words_in or {}, default, *wishes)


def ask_to_confirm(
    session: Session, workspace: Workspace, customer: Customer, mailing_list: MailingList, now: datetime
) -> int:
    """Queue the mail with the link that confirms; the delivery's id."""
    return _ask(session, workspace, customer, mailing_list, OCCASION, (SUBJECTS, TEXTS), now)


def ask_to_come_back(
    session: Session, workspace: Workspace, customer: Customer, mailing_list: MailingList, now: datetime
) -> int:
    """Queue the question whether somebody wants again what they had left; the delivery's id."""
    return _ask(session, workspace, customer, mailing_list, BACK, (BACK_SUBJECTS, BACK_TEXTS), now)


def ask_if_still(
    session: Session, workspace: Workspace, customer: Customer, mailing_list: MailingList, now: datetime
) -> int:
    """Queue the question whether somebody still wants what they get; the delivery's id."""
    return _ask(session, workspace, customer, mailing_list, STILL, (STILL_SUBJECTS, STILL_TEXTS), now)


def _ask(
    session: Session,
    workspace: Workspace,
    customer: Customer,
    mailing_list: MailingList,
    what: str,
    words: tuple[Mapping[str, str], Mapping[str, str]],
    now: datetime,
) -> int:
    if not customer.address:
        raise InputError("a customer without an address cannot confirm a subscription")
    language, public_id = _language(customer, workspace), new_public_id()
    identity, public = workspace.settings.identity, workspace.settings.public

    def link(purpose: Purpose, place: str) -> str:
        token = sign_token(workspace.keys, purpose, public_id)
        return f"{public.url.rstrip('/')}/{place}/{token}" if public.linkable else ANSWER[language]

    words_shown, _ = list_words(workspace, mailing_list, customer.language)
    said = {
        "title": mailing_list.title or mailing_list.name,
        "company": identity.company,
        "words": f"{words_shown}\n\n" if words_shown else "",
        "link": link("confirm", "s"),
        "wishes": link("unsubscribe", "p"),
        "postal": identity.postal_address,
    }
    occasion = f"{what}/{mailing_list.id}/{customer.id}"
    mine = col(Delivery.customer_id) == customer.id, col(Delivery.occasion).startswith(f"{occasion}/")
    earlier = session.execute(select(func.count()).select_from(Delivery).where(*mine)).scalar() or 0
    return queue_single(
        session,
        workspace,
        kind=Kind.SERVICE,
        customer_id=customer.id,
        address=customer.address,
        occasion=f"{occasion}/{1 + earlier}",
        subject=words[0][language].format(**said),
        text=words[1][language].format(**said),
        public_id=public_id,
        now=now,
        content={"auto_submitted": "auto-generated"},
    )


def find_asked(session: Session, workspace: Workspace, token: str) -> Asked | None:
    """What a confirmation's token is about; None where we did not make it."""
    public_id = read_token(workspace.keys, "confirm", token)
    row = None
    if public_id is not None:
        query = select(Delivery).join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        ours = col(Delivery.public_id) == public_id, col(Campaign.name) == CAMPAIGNS[Kind.SERVICE]
        row = session.execute(query.where(*ours)).scalar()
    if row is None or public_id is None or not row.occasion.startswith((f"{OCCASION}/", f"{STILL}/", f"{BACK}/")):
        return None
    still = row.occasion.startswith(STILL)
    list_id = int(row.occasion.split("/")[1])
    mailing_list = session.get_one(MailingList, list_id)
    customer = session.get(Customer, row.customer_id) if row.customer_id is not None else None
    alive = customer is not None and customer.erased_at is None
    state = session.execute(
        select(col(Subscription.state)).where(
            col(Subscription.list_id) == list_id, col(Subscription.customer_id) == row.customer_id
        )
    ).scalar()
    back = row.occasion.startswith(BACK)
    if back and alive and customer is not None and _had_left(session, customer, list_id, row.due_at):
        state = SubscriptionState.PENDING
    if alive and customer is not None and state is not None and _is_blocked(session, workspace, customer):
        state = SubscriptionState.UNSUBSCRIBED  # a yes would be a false one: nothing would come
    if still and state is SubscriptionState.SUBSCRIBED and _is_silent(session, row.customer_id or 0):
        state = SubscriptionState.PENDING
    return Asked(
        public_id,
        row.customer_id if alive else None,
        list_id,
        mailing_list.title or mailing_list.name,
        *list_words(workspace, mailing_list, customer.language if customer is not None else None),
        customer.language if customer is not None else None,
        state if alive else None,
        still,
        back,
    )


def _had_left(session: Session, customer: Customer, list_id: int, asked_at: datetime) -> bool:
    """Whether they had left this list, or all, before they were asked: who left afterwards meant it."""
    mine = col(Subscription.list_id) == list_id, col(Subscription.customer_id) == customer.id
    tie = session.execute(select(Subscription).where(*mine)).scalar()
    block = find_suppression(session, customer.address_key) if customer.address_key else None
    left = [block.at] if block is not None and block.reason is SuppressionReason.UNSUBSCRIBED_ALL else []
    left += [tie.changed_at] if tie is not None and tie.state is SubscriptionState.UNSUBSCRIBED else []
    return bool(left) and max(left) <= asked_at


def _is_blocked(session: Session, workspace: Workspace, customer: Customer) -> bool:
    """Whether nothing reaches their address, or its whole domain, any more, by somebody's word that no button of theirs
    takes back.
    """
    blocks = [find_suppression(session, customer.address_key)] if customer.address_key else []
    if customer.address:
        domains = blocked_domains(session, workspace.clock())
        blocks.append(domains.get(domain_key(workspace.keys, customer.address)))
    lasting = [one for one in blocks if one is not None and one.expires_at is None]
    return any(one.reason in SAID and one.reason not in FOR_BULK_ONLY for one in lasting)


def _is_silent(session: Session, customer_id: int) -> bool:
    return any(hold.customer_id == customer_id for hold in silence_holds(session, customer_id))


def confirm(workspace: Workspace, token: str, stood: Callable[[str], bool] = lambda _words: True) -> Asked | None:
    """The button was pressed. None where the token is not ours. `stood`: whether these words were those above the
    button; else nothing is confirmed.
    """
    with workspace.database.write() as session:
        asked = find_asked(session, workspace, token)
        if asked is None or asked.customer_id is None or asked.state is not SubscriptionState.PENDING:
            return asked
        if not stood(asked.words):
            return asked
        now, evidence = workspace.clock(), f"{LINK_EVIDENCE}{asked.delivery}"
        act: dict[str, Any] = {"customer_id": asked.customer_id, "list_id": asked.list_id, "at": now, "how": "page"}
        act |= {"words": asked.words, "language": asked.words_language if asked.words else ""}
        if asked.still:
            session.add(Consent(act=ConsentAct.GIVEN, evidence=evidence, **act))
            _wake(session, asked.customer_id, now)
        else:
            if asked.back:
                resubscribe(session, evidence=evidence, **act)
            subscribe(session, evidence=evidence, **act)
        customer = session.get(Customer, asked.customer_id)
        if customer is not None and customer.address_key is not None:
            answered(session, customer.address_key, now)
        link_acted_on(session, workspace, asked.delivery, "page")
        advance(session, workspace.root, needed=False)
        return find_asked(session, workspace, token)


def _wake(session: Session, customer_id: int, now: datetime) -> None:
    """They said yes: whatever their silence brought is over."""
    for hold in silence_holds(session, customer_id):
        hold.state, hold.lifted_at = HoldState.LIFTED, now
        session.add(hold)
    session.flush()


def _language(customer: Customer, workspace: Workspace) -> str:
    for wish in (customer.language, workspace.settings.identity.language):
        code = (wish or "").partition("-")[0].lower()
        if code in TEXTS:
            return code
    return "en"
