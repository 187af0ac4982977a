"""The press as another process holds it: made from one plain value, without a table or a database."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime

from outreach.address import new_public_id
from outreach.store.customers import load_customers
from outreach.work.letter import press_facts
from outreach.work.press import LetterPress
from outreach.work.workspace import Workspace

from .test_letter import edition_of

CHILD = """
import pickle, sys
import outreach.address, outreach.delivery.outcome, outreach.delivery.state, outreach.newsletter.compile
import outreach.newsletter.lint, outreach.wire.smtp
from outreach.work.press import LetterPress
facts, public_id, now = pickle.load(sys.stdin.buffer)
class Ann:
    address, first_name, last_name, language = "ann@example.com", "Ann", None, "en"
    country, zone, attributes = "", "", {}
sys.stdout.buffer.write(LetterPress(facts).press(Ann(), public_id, {}, now).message)
heavy = {"sqlmodel", "sqlalchemy", "alembic"} & {name.partition(".")[0] for name in sys.modules}
assert not heavy, f"a process that only sends has loaded {heavy}"
"""


def test_a_process_without_a_database_makes_the_very_same_mail(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    edition_id, public_id = edition_of(workspace), new_public_id()
    ann = make_customer("ann@example.com", first_name="Ann", language="en")
    now = workspace.clock()
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
        customer = load_customers(session, [ann])[ann]
    ours = LetterPress(facts).press(customer, public_id, {}, now)
    made = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps((facts, public_id, now)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    assert made.stdout == ours.message


def test_a_signer_gets_the_header_block_and_the_body_and_its_fields_come_first(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    seen: list[tuple[bytes, bytes, datetime]] = []

    def sign(head: bytes, body: bytes, now: datetime) -> bytes:
        seen.append((head, body, now))
        return b"DKIM-Signature: v=1\r\n"

    edition_id, public_id, now = edition_of(workspace), new_public_id(), workspace.clock()
    ann = make_customer("ann@example.com", first_name="Ann")
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
        customer = load_customers(session, [ann])[ann]
    unsigned = LetterPress(facts).press(customer, public_id, {}, now).message
    signed = LetterPress(facts, sign=sign).press(customer, public_id, {}, now).message
    assert signed == b"DKIM-Signature: v=1\r\n" + unsigned
    ((head, body, at),) = seen
    assert head + body == unsigned and at == now
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1, "the block ends with its empty line"


def test_what_a_press_is_made_of_shows_no_key_when_it_is_printed(workspace: Workspace) -> None:
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_of(workspace))
    assert repr(facts.links.key) not in repr(facts)
