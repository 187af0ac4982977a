"""Did this fix it? Looking changes nothing; a yes confirms, a no reopens, and silence is no yes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from outreach.address import sign_token
from outreach.records import Case, CaseEvent, CaseState, Category, Delivery, Edition, Urgency
from outreach.store.cases import entries_of
from outreach.work.answer import answer, answer_case, change_state
from outreach.work.fixed import LONGEST
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock, MakeCustomer
from .test_app import everything

BUTTON = {"from": "page"}


@pytest.fixture
def token(workspace: Workspace, make_customer: MakeCustomer) -> str:
    """The link of an answer that solved Ann's case."""
    ann = make_customer("ann@example.com", first_name="Ann")
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("grinder",)) or 0
    return solve(workspace, case_id)


def solve(workspace: Workspace, case_id: int) -> str:
    done = answer(workspace, case_id, "A new sensor is on its way.", "maria", then=CaseEvent.RESOLVE)
    with workspace.database.read() as session:
        return sign_token(workspace.keys, "fixed", session.get_one(Delivery, done.delivery_id).public_id)


def the_case(workspace: Workspace) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, 1)


@pytest.mark.parametrize("end", ["", "/yes", "/no"])
def test_get_and_head_change_nothing_and_do_not_say_whose_case_it_is(
    site: httpx.Client, workspace: Workspace, token: str, end: str
) -> None:
    before = everything(workspace)
    page = site.get(f"/f/{token}{end}")
    assert page.status_code == 200
    assert site.head(f"/f/{token}{end}").status_code == 200
    assert everything(workspace) == before
    assert "case 1" in page.text
    assert "Ann" not in page.text
    assert page.text.index("Yes, it is fixed") < page.text.index("No, it is not") or end == "/no"


def test_a_yes_confirms_once(site: httpx.Client, workspace: Workspace, token: str) -> None:
    for _ in range(2):
        assert "Thank you" in site.post(f"/f/{token}/yes", data=BUTTON).text
    case = the_case(workspace)
    assert (case.state, case.closed_at is not None) == (CaseState.CONFIRMED, True)
    with workspace.database.read() as session:
        assert [entry.event for entry in entries_of(session, 1)].count(CaseEvent.CONFIRM) == 1
    assert "This case is closed" in site.get(f"/f/{token}").text


def test_a_no_reopens_with_the_customers_words_and_the_clock_goes_on(
    site: httpx.Client, workspace: Workspace, token: str, clock: HandClock
) -> None:
    due = the_case(workspace).due_at
    clock.advance(hours=3)
    page = site.post(f"/f/{token}/no", data={**BUTTON, "words": "Still blinking.\x1b[31m\r\nEvery morning."})
    assert "We are on it again" in page.text
    case = the_case(workspace)
    assert (case.state, case.reopened, case.opened_at < clock()) == (CaseState.OPEN, 1, True)
    assert case.due_at > due
    with workspace.database.read() as session:
        last = entries_of(session, 1)[-1]
    assert last.by == "customer"
    assert last.text.endswith("it is not fixed\nStill blinking. [31m\nEvery morning.")
    site.post(f"/f/{token}/no", data=BUTTON)
    assert the_case(workspace).reopened == 1


@pytest.mark.parametrize("letter", ["ж", "水", "😡", "&"])
def test_a_no_keeps_as_many_letters_of_any_script_as_its_field_takes(
    site: httpx.Client, workspace: Workspace, token: str, letter: str
) -> None:
    words = letter * (LONGEST // (len(letter.encode("utf-16-le")) // 2))  # a browser counts UTF-16's halves
    site.post(f"/f/{token}/no", data={**BUTTON, "words": words})
    with workspace.database.read() as session:
        assert words in entries_of(session, 1)[-1].text


def test_words_that_tell_of_harm_make_the_case_urgent(
    site: httpx.Client, workspace: Workspace, token: str, clock: HandClock
) -> None:
    site.post(f"/f/{token}/no", data={**BUTTON, "words": "It burnt my hand!"})
    case = the_case(workspace)
    assert (case.urgency, case.due_at) == (Urgency.HIGH, clock() + timedelta(hours=4))


def test_a_no_after_a_yes_reopens_and_a_yes_after_a_no_closes(
    site: httpx.Client, workspace: Workspace, token: str
) -> None:
    for says, state in (("yes", CaseState.CONFIRMED), ("no", CaseState.OPEN), ("yes", CaseState.CONFIRMED)):
        site.post(f"/f/{token}/{says}", data=BUTTON)
        assert the_case(workspace).state is state


def test_silence_is_no_yes(workspace: Workspace, token: str, clock: HandClock) -> None:
    clock.advance(days=365)
    assert token
    assert the_case(workspace).state is CaseState.SOLVED


@pytest.mark.parametrize("data", [{}, {"from": "mail"}])
def test_a_post_that_is_not_the_buttons_changes_nothing(
    site: httpx.Client, workspace: Workspace, token: str, data: dict[str, str]
) -> None:
    before = everything(workspace)
    assert "please press a button" in site.post(f"/f/{token}/yes", data=data).text
    assert everything(workspace) == before


def test_a_token_that_is_none_or_of_another_kind_reaches_no_case(
    site: httpx.Client, workspace: Workspace, token: str
) -> None:
    with workspace.database.read() as session:
        public_id = session.exec(Delivery.__table__.select()).first().public_id  # type: ignore[attr-defined]
    other = sign_token(workspace.keys, "view", public_id)
    for wrong in (other, token[:-1] + ("a" if token[-1] != "a" else "b"), "x"):
        assert site.post(f"/f/{wrong}/yes", data=BUTTON).status_code == 404
    assert the_case(workspace).state is CaseState.SOLVED


def test_the_mail_asks_with_links_where_we_are_reached_and_in_the_customers_language(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    public = workspace.settings.public.model_copy(update={"url": "https://news.acme.example"})
    reached = replace(workspace, settings=workspace.settings.model_copy(update={"public": public}))
    case_id = receive(workspace, Category.QUESTION, customer_id=make_customer("b@example.com", language="de")) or 0
    texts, tokens = [], []
    for place in (reached, workspace):
        done = answer(place, case_id, "Das Kabel ist unterwegs.", "maria", then=CaseEvent.RESOLVE)
        change_state(workspace, case_id, CaseEvent.REOPEN, "maria")
        with workspace.database.read() as session:
            delivery = session.get_one(Delivery, done.delivery_id)
            texts.append(session.get_one(Edition, delivery.edition_id).frozen["text"])
            tokens.append(sign_token(workspace.keys, "fixed", delivery.public_id))
    assert texts[0].startswith("Das Kabel ist unterwegs.\n\n----\nIst es damit gelöst?")
    assert f"https://news.acme.example/f/{tokens[0]}/yes" in texts[0]
    assert f"https://news.acme.example/f/{tokens[0]}/no" in texts[0]
    assert "http" not in texts[1]
    plain = answer_case(workspace, case_id, "Noch etwas.", "maria")
    with workspace.database.read() as session:
        edition = session.get_one(Edition, session.get_one(Delivery, plain).edition_id)
    assert edition.frozen["text"] == "Noch etwas.", "only what solves a case asks"
