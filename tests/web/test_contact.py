"""The contact form: open to everybody, and no way in for programs, other sites or floods; nobody's words are lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from outreach.records import Channel, ClueKind, Inbound
from outreach.web.contact import Gate, is_loopback, new_token, place_of, token_age
from outreach.web.contact_words import WORDS
from outreach.work.collect import read_stored
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import HandClock, MakeCustomer
from ..work.replying import inbounds
from .conftest import NO_TLS, serving

SAID = {"name": "Ann <b>", "email": "ann@example.com", "subject": "Pump", "message": "It leaks again,\nI am angry."}


@pytest.fixture
def open_to_all(workspace: Workspace) -> Workspace:
    path = workspace.root / "outreach.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("form = false", "form = true"), encoding="utf-8")
    return open_workspace(workspace.root, workspace.clock)


@pytest.fixture
def site(open_to_all: Workspace) -> Iterator[httpx.Client]:
    with serving(open_to_all) as address, httpx.Client(base_url=address, timeout=10, verify=NO_TLS) as client:
        yield client


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found
    return found[1]


def send(site: httpx.Client, clock: HandClock, headers: dict[str, str] | None = None, **more: str) -> httpx.Response:
    token = token_of(site.get("/contact"))
    clock.advance(seconds=30)
    return site.post("/contact", data={**SAID, "token": token, "website": ""} | more, headers=headers)


def kept(workspace: Workspace) -> list[Inbound]:
    with workspace.database.read() as session:
        return inbounds(session)


def test_what_is_written_comes_in_is_matched_and_makes_a_case(
    site: httpx.Client, open_to_all: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    sent = send(site, clock)
    assert (sent.status_code, "has reached" in sent.text) == (200, True)
    read_stored(open_to_all)
    (got,) = kept(open_to_all)
    assert (got.channel, got.customer_id, got.clue, got.subject) == (Channel.FORM, ann, ClueKind.SENDER, "Pump")
    assert (got.text, got.sender_name) == ("It leaks again,\nI am angry.", "Ann <b>")
    assert got.case_id is not None


def test_looking_changes_nothing_and_a_second_press_is_the_same_message(
    site: httpx.Client, open_to_all: Workspace, clock: HandClock
) -> None:
    shown = site.get("/contact", params=SAID)
    token = token_of(shown)
    assert site.head("/contact").status_code == 200
    assert shown.headers["referrer-policy"] == "same-origin", "else the form's origin is null"
    assert kept(open_to_all) == []
    clock.advance(seconds=30)
    for _ in range(2):
        assert site.post("/contact", data={**SAID, "token": token}).status_code == 200
    assert len(kept(open_to_all)) == 1


def test_who_goes_back_and_writes_more_is_heard_with_that_too(
    site: httpx.Client, open_to_all: Workspace, clock: HandClock
) -> None:
    token = token_of(site.get("/contact"))
    clock.advance(seconds=30)
    for more in ({"email": "ann@exmaple.com"}, {}, {"message": "It leaks again, and it smells burnt."}):
        assert site.post("/contact", data={**SAID, "token": token} | more).status_code == 200
    read_stored(open_to_all)
    got = [(one.sender, one.text) for one in kept(open_to_all)]
    assert len(got) == 3, "each was thanked for"
    assert got[1] == ("ann@example.com", "It leaks again,\nI am angry.") and "burnt" in got[2][1]


@pytest.mark.parametrize(
    ("more", "headers", "words"),
    [
        ({"token": ""}, {}, "again"),
        ({"token": "1.x.y"}, {}, "again"),
        ({}, {"sec-fetch-site": "cross-site"}, "again"),
        ({}, {"origin": "https://evil.example"}, "again"),
        ({}, {"origin": "null"}, "again"),
        ({"website": "http://spam.example"}, {}, "trap"),
        ({"email": "ann"}, {}, "email_fault"),
        ({"message": "  "}, {}, "message_fault"),
        ({"message": "x" * 5_001}, {}, "long_fault"),
    ],
)
def test_what_is_wrong_is_told_with_the_words_still_there(
    site: httpx.Client,
    open_to_all: Workspace,
    clock: HandClock,
    more: dict[str, str],
    headers: dict[str, str],
    words: str,
) -> None:
    told = send(site, clock, headers, **more)
    assert told.status_code == 422
    assert WORDS["en"][words] in told.text
    assert "Ann &lt;b&gt;" in told.text, "what was written is there again, and is no markup"
    assert kept(open_to_all) == []


def test_a_page_answered_at_once_or_the_day_after_is_asked_again(
    site: httpx.Client, open_to_all: Workspace, clock: HandClock
) -> None:
    token = token_of(site.get("/contact"))
    assert site.post("/contact", data={**SAID, "token": token}).status_code == 422
    clock.advance(hours=13)
    late = site.post("/contact", data={**SAID, "token": token})
    assert late.status_code == 422
    clock.advance(seconds=5)
    assert site.post("/contact", data={**SAID, "token": token_of(late)}).status_code == 200
    assert len(kept(open_to_all)) == 1


def test_a_flood_from_one_place_waits_and_keeps_its_words(
    site: httpx.Client, open_to_all: Workspace, clock: HandClock
) -> None:
    codes = [send(site, clock, message=f"number {number}").status_code for number in range(11)]
    assert codes == [200] * 10 + [429]
    assert len(kept(open_to_all)) == 10


def test_it_is_closed_unless_the_settings_open_it(workspace: Workspace) -> None:
    with serving(workspace) as address:
        assert httpx.get(f"{address}/contact").status_code == 404
        assert httpx.post(f"{address}/contact", data=SAID).status_code == 404


def test_the_gate_counts_places_households_and_all() -> None:
    gate = Gate(per_place=2, in_all=4, span=60)
    assert [gate.lets("192.0.2.1", 0) for _ in range(3)] == [True, True, False]
    assert [gate.lets(f"2001:db8::{n}", 1) for n in range(3)] == [True, True, False]
    assert not gate.lets("192.0.2.9", 2), "as many as may come in all"
    assert gate.lets("192.0.2.9", 60)


def test_one_of_ipv4_that_came_to_a_listener_at_ipv6_is_a_place_of_its_own() -> None:
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1") != place_of("::ffff:192.0.2.2")
    assert is_loopback("::ffff:127.0.0.1") and not is_loopback("::ffff:192.0.2.1") and not is_loopback("a proxy")


def test_a_token_is_ours_only_unchanged(workspace: Workspace, clock: HandClock) -> None:
    token = new_token(workspace.keys, clock())
    assert token_age(workspace.keys, token, clock.advance(seconds=9)) == 9
    assert token_age(workspace.keys, "1" + token, clock()) is None
    assert token_age(workspace.keys, token[:-1] + "é", clock()) is None


def test_every_language_says_everything(site: httpx.Client) -> None:
    assert len({frozenset(words) for words in WORDS.values()}) == 1
    assert "Schreiben Sie uns" in site.get("/contact", headers={"accept-language": "de-AT"}).text
