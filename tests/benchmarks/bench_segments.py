"""Measures how long segments take to count people on SQLite, beside yardsticks taken in the same minute.

    python -m tests.benchmarks.bench_segments [PEOPLE]

Yardsticks: the same question as SQL written by hand over the same columns, and over the JSON of the same people. Rounds
alternate; the shortest of five counts, in seconds of a core: what else the machine does counts less so.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from outreach.records import AttributeKind
from outreach.store.saved_segments import load_segment
from outreach.store.segment_counts import count_clauses, count_people
from outreach.work.attributes import declare
from outreach.work.create import create_workspace
from outreach.work.workspace import Workspace, open_workspace

ROUNDS = 5
ALIVE = "SELECT count(*) FROM customer WHERE address_key IS NOT NULL AND erased_at IS NULL AND "
PEOPLE = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people})
INSERT INTO customer (public_id, address, address_key, first_name, last_name, language, country, zone, attributes,
                      version, created_at, updated_at)
SELECT printf('p%025d', i), 'person' || i || '@example' || (i % 50) || '.com', printf('%064x', i), 'Ann', 'Baker' || i,
       CASE i % 3 WHEN 0 THEN 'de' ELSE 'en' END, CASE i % 4 WHEN 0 THEN 'DE' WHEN 1 THEN 'AT' ELSE 'US' END,
       'Europe/Berlin', json_object('plan', CASE i % 5 WHEN 0 THEN 'pro' WHEN 1 THEN 'plus' ELSE 'free' END,
       'seats', i % 40, 'since', date('2020-01-01', '+' || (i % 2400) || ' days'), 'vip', json(CASE i % 10 WHEN 0 THEN
       'true' ELSE 'false' END), 'tags', json_array('t' || (i % 7), CASE i % 9 WHEN 0 THEN 'vip' ELSE 'beta' END),
       'labels', json_array('t' || (i % 7), CASE i % 9 WHEN 0 THEN 'vip' ELSE 'beta' END),
       'city', 'Town ' || (i % 1000), 'model', 'X' || (i % 12)),
       1, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000' FROM n
"""
CASES = """
INSERT INTO case_file (customer_id, author, category, topic, urgency, state, summary, owner, opened_at, due_at,
                       answering_by, reopened, version)
SELECT id, '', 'complaint', 'milk', 'normal', CASE id % 3 WHEN 0 THEN 'open' ELSE 'confirmed' END, '', '',
       '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', '', 0, 1 FROM customer WHERE id % 50 = 0
"""
MAILS = """
INSERT INTO delivery (public_id, edition_id, campaign_id, occasion, customer_id, address_key, domain_key, kind, state,
                      reason, evidence, due_at, wave, variant, choices, attempts, crashes, resent, fence,
                      customer_version, campaign_version, workspace_version, relay, response, sent_at, onward_words)
SELECT 'd' || id, 1, 1, 'once-1', id, address_key, '', 'tips', 'sent', '', '', '2026-11-01 00:00:00.000000', 0, '',
       '{}', 1, 0, 0, 0, 1, 1, 1, '', '', '2026-11-01 00:00:00.000000', '' FROM customer WHERE id % 2 = 0
"""
OPENS = """
INSERT INTO touch (delivery_id, edition_id, number, first_at, last_at, times, person_at, why)
SELECT id, edition_id, 0, '2026-11-10 00:00:00.000000', '2026-11-10 00:00:00.000000', 1,
       CASE WHEN id % 10 < 7 THEN '2026-11-10 00:00:00.000000' END, '' FROM delivery WHERE id % 3 = 0
"""
NOW = datetime(2026, 11, 28, tzinfo=UTC)
DECLARED = {"plan": "text", "seats": "number", "since": "day", "vip": "truth", "tags": "list"}
QUESTIONS = {
    "three declared": (
        'plan == "pro" and since < 2025-01-01 and seats >= 5',
        "a_plan = 'pro' AND a_since < '2025-01-01' AND a_seats >= 5",
        "json_extract(attributes, '$.plan') = 'pro' AND json_extract(attributes, '$.since') < '2025-01-01'"
        " AND json_extract(attributes, '$.seats') >= 5",
    ),
    "not, or, in": (
        '(plan in ("pro", "plus") or vip == true) and not seats < 10 and since is not empty',
        "(a_plan IN ('pro', 'plus') OR a_vip = 1) AND NOT a_seats < 10 AND a_since IS NOT NULL",
        "(json_extract(attributes, '$.plan') IN ('pro', 'plus') OR json_extract(attributes, '$.vip') = 1)"
        " AND NOT json_extract(attributes, '$.seats') < 10 AND json_extract(attributes, '$.since') IS NOT NULL",
    ),
    "the one of the documentation": (
        'plan == "pro" and since < 2025-01-01 and not opened("tips-3", within="30d") and open_cases == 0'
        ' and "vip" in tags',
        "a_plan = 'pro' AND a_since < '2025-01-01' AND NOT EXISTS (SELECT 1 FROM delivery JOIN touch ON"
        " touch.delivery_id = delivery.id WHERE customer_id = customer.id AND +delivery.edition_id = 1 AND number = 0"
        " AND person_at >= '2026-10-29')"
        " AND NOT EXISTS (SELECT 1 FROM case_file WHERE customer_id = customer.id"
        " AND state IN ('new', 'open', 'waiting'))"
        " AND EXISTS (SELECT 1 FROM json_each(attributes, '$.tags') WHERE value = 'vip')",
        "",
    ),
    "the same, by labels that are not declared": (
        'plan == "pro" and since < 2025-01-01 and not opened("tips-3", within="30d") and open_cases == 0'
        ' and "vip" in labels',
        "a_plan = 'pro' AND a_since < '2025-01-01' AND NOT EXISTS (SELECT 1 FROM delivery JOIN touch ON"
        " touch.delivery_id = delivery.id WHERE customer_id = customer.id AND +delivery.edition_id = 1 AND number = 0"
        " AND person_at >= '2026-10-29')"
        " AND NOT EXISTS (SELECT 1 FROM case_file WHERE customer_id = customer.id"
        " AND state IN ('new', 'open', 'waiting'))"
        " AND EXISTS (SELECT 1 FROM json_each(attributes, '$.labels') WHERE value = 'vip')",
        "",
    ),
}


def _least(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _make(root: Path, people: int) -> Workspace:
    create_workspace(root, "acme")
    workspace = open_workspace(root)
    file = sqlite3.connect(root / "outreach.db")
    file.execute(PEOPLE.format(people=people))
    now = "'2026-01-01 00:00:00.000000'"
    file.execute(f"INSERT INTO campaign (id, name, kind, state, subject, preheader, sender, template, segment, topics,"
                 f" schedule, zone, body, options, source, source_path, digest, version, created_at, updated_at) VALUES"
                 f" (1, 'tips', 'tips', 'active', '', '', '', '', '', '[]', '', '', '', '{{}}', '', '', '', 1, {now},"
                 f" {now})")  # fmt: skip
    file.execute(f"INSERT INTO edition (id, public_id, campaign_id, kind, number, occasion, state, reason, segment,"
                 f" subject, sender, frozen, content_digest, due_at, frozen_at, waves, released_wave, hold_out) VALUES"
                 f" (1, 'e', 1, 'tips', 3, 'once-1', 'done', '', '', '', '', '{{}}', '', {now}, {now}, '[]', 0,"
                 f" '{{}}')")  # fmt: skip
    file.execute(CASES)
    file.execute(MAILS)
    file.execute(OPENS)
    file.commit()
    file.close()
    return workspace


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "acme"
        workspace = _make(root, people)
        size = (root / "outreach.db").stat().st_size / 1e6
        print(f"{people:,} people, {size:.0f} MB")
        for name, kind in DECLARED.items():
            took = _least(lambda name=name, kind=kind: declare(workspace, name, AttributeKind(kind), by="bench"))
            print(f"declaring {name} ({kind}) afterwards: {took:.1f} s")
        file = sqlite3.connect(root / "outreach.db")
        for name, (rule, by_hand, by_json) in QUESTIONS.items():
            with workspace.database.read() as session:
                segment = load_segment(session, rule, NOW)
                answers = {
                    "segment": lambda segment=segment, session=session: count_people(session, segment),
                    "by hand": lambda by_hand=by_hand: file.execute(ALIVE + by_hand).fetchone()[0],
                }
                if by_json:
                    answers["in JSON"] = lambda by_json=by_json: file.execute(ALIVE + by_json).fetchone()[0]
                found = {what: ask() for what, ask in answers.items()}
                times = dict.fromkeys(answers, 1000000000.0)
                for _ in range(ROUNDS):
                    for what, ask in answers.items():
                        times[what] = min(times[what], _least(ask))
                assert len(set(found.values())) == 1, found
                clauses = _least(lambda session=session, segment=segment: count_clauses(session, segment))
            told = ", ".join(f"{what} {1000 * took:.0f} ms" for what, took in times.items())
            ratio = times["segment"] / times["by hand"]
            print(f"{name}: {found['segment']:,} people; {told}; {ratio:.2f} × by hand; explained in {clauses:.1f} s")
        file.close()
        workspace.database.close()


if __name__ == "__main__":
    main()
