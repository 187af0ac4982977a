"""How customers and imports are shown: as JSON for a program, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from ..audience.headings import unread_stops, whole_names
from ..audience.profiles import PROFILES
from ..contacts import shown_handle
from .common import counted, print_table, printable

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..records import Customer, SubscriptionState
    from ..store.customers import CustomerRow
    from ..work.intake_wishes import ImportResult
    from ..work.workspace import Workspace


def import_json(result: ImportResult) -> dict[str, Any]:
    """What an import did, for a program."""
    return {
        "file": result.file,
        "list": result.list_name,
        "new_list": result.new_list,
        "dry_run": result.dry_run,
        "encoding": result.encoding,
        "delimiter": result.delimiter,
        "id": result.import_id or None,
        "source": result.source,
        "columns": result.columns,
        **result.counts,
        "rejects": result.rejects,
        "reasons": dict(result.reasons),
        "warnings": dict(result.warnings),
        "faults": [{"file": result.file, "row": row, "reason": why} for row, why in result.faults],
        "preview": result.preview,
    }


def tell_import(result: ImportResult) -> None:
    """What an import did, for a person."""
    typer.echo(f"{result.file}: {result.delimiter}, {result.encoding}; {result.rows:,} rows")
    if result.source:
        typer.echo(f"read as a file from {result.source}")
    typer.echo("columns: " + ", ".join(f"{head} → {field}" for head, field in result.columns.items()))
    counts = result.counts
    beside = ("rows", "unsubscribed", "blocked", "by_hand")
    print_table(
        ["", "would be" if result.dry_run else "people"],
        [[name, f"{counts[name]:,}"] for name in counts if name not in beside],
    )
    if result.unsubscribed:
        typer.echo(f"unsubscribed among them: {result.unsubscribed:,}, who are kept so and get no newsletters.")
    if result.blocked:
        would = "to be blocked" if result.dry_run else "blocked"
        typer.echo(f"{counted(result.blocked, 'address', 'addresses')} {would}, as the file says.")
    if result.by_hand:
        people = counted(result.by_hand, "person", "people")
        typer.echo(f"{people} without an e-mail address: outreach plan names them, to be called or written to.")
    for heading in unread_stops(result.columns) if result.source not in PROFILES else ():
        typer.echo(
            f"! “{printable(heading)}” sounds like people who left, and nobody is stopped by it: "
            f'--map "{printable(heading)}=opted_out" (or =bounced) keeps mail from whoever it names.'
        )
    if heading := whole_names(result.columns):
        typer.echo(f'Names stand in one column: --map "{heading}=full_name" makes first and last names of them.')
    for row, reason in result.faults[:10]:
        typer.echo(printable(f"  {result.file}:{row}: {reason}"))
    if result.invalid > 10:
        for reason, number in result.reasons.most_common(10):
            typer.echo(printable(f"refused {number:,} ×: {reason}"))
    for words, number in result.warnings.most_common(10):
        typer.echo(printable(f"left empty {number:,} ×: {words}"))
    _tell_preview(result)
    if result.rejects:
        typer.echo(f"The refused rows are in {result.rejects}; mend and import them.")
    if result.dry_run:
        if result.new_list:
            typer.echo(f"The list {result.list_name} would be new.")
        typer.echo("Nothing was written.")
    else:
        typer.echo(f"Taken back as a whole by: outreach customers import --undo {result.import_id}")
        if result.new_list:
            typer.echo(f"The list {result.list_name} is new.")


def _tell_preview(result: ImportResult) -> None:
    for one in result.preview:
        had = one.get("before", {})
        values = ", ".join(
            f"{name} {had[name]!r} → {value!r}" if name in had else f"{name}={value!r}"
            for name, value in one["values"].items()
        )
        state = f" [{one['state']}]" if one.get("state") else " [on no list]" if one["what"] == "created" else ""
        typer.echo(printable(f"row {one['row']} {one['what']}: {one.get('email') or '(no e-mail)'}{state} {values}"))


def row_json(row: CustomerRow, state: SubscriptionState | None) -> dict[str, Any]:
    """One customer of a listing, for a program."""
    return {"id": row.id, **_fields_json(row), "state": state}


def _fields_json(row: Any) -> dict[str, Any]:
    names = ("first_name", "last_name", "phone", "handle", "language", "country", "zone", "attributes", "created_at")
    return {"email": row.address, **{name: getattr(row, name) for name in names}}


def customer_json(session: Session, workspace: Workspace, customer: Customer) -> dict[str, Any]:
    """All that is kept of one customer, for a program."""
    from ..records import MailingList
    from ..store.consents import consent_history, subscriptions_of
    from ..store.contacts import contacts_of
    from ..store.customers import recent_deliveries

    number = customer.id or 0
    ties, acts = subscriptions_of(session, number), consent_history(session, number)
    names = {one: lst.name for one in {*(t.list_id for t in ties), *(a.list_id for a in acts)} if one
             and (lst := session.get(MailingList, one))}  # fmt: skip
    return {
        "id": number,
        **_fields_json(customer),
        "contacts": [
            {"kind": one.kind, "network": one.network, "value": one.value}
            | {"since": one.added_at, "how": one.how, "by": one.by, "evidence": one.evidence}
            for one in contacts_of(session, number)
        ],
        "groups": _groups(session, number),
        "subscriptions": [{"list": names[t.list_id], "state": t.state, "since": t.changed_at} for t in ties],
        "consents": [
            {"at": a.at, "act": a.act, "list": names.get(a.list_id or 0), "how": a.how, "words": a.words}
            | {"language": a.language}
            | {"evidence": a.evidence, "by": a.by}
            for a in acts
        ],
        "reach": _reach(session, number),
        "wish": _wish(session, number),
        "suppression": _block(session, workspace, customer),
        "deliveries": [
            {"campaign": name, "occasion": mail.occasion, "kind": mail.kind, "state": mail.state}
            | {"reason": mail.reason, "evidence": mail.evidence, "due_at": mail.due_at, "sent_at": mail.sent_at}
            for mail, name in recent_deliveries(session, number)
        ],
    }


def _groups(session: Session, number: int) -> list[dict[str, Any]]:
    """Their household and company, who else is of it, and what of theirs is still to be solved."""
    from ..store.groups import groups_of, members_of, open_cases_among

    told = []
    for kind, own in sorted(groups_of(session, [number]).get(number, {}).items()):
        others = [one for one in members_of(session, own.group_id, limit=21) if one.customer_id != number][:20]
        called = {one.customer_id: one.address or f"#{one.customer_id}" for one in others}
        cases = open_cases_among(session, called)
        told.append(
            {"kind": kind, "name": own.name, "since": own.since, "how": own.how, "manager": own.manager}
            | {"others": [{"id": one.customer_id, "email": one.address, "name": one.name} for one in others]}
            | {
                "open_cases": [
                    {"case": case, "who": called[who], "category": category, "topic": topic, "owner": owner}
                    for who, case, category, topic, owner in cases
                ]
            }
        )
    return told


def _tell_groups(told: dict[str, Any]) -> None:
    for one in told["groups"]:
        others = ", ".join(printable(each["name"] or each["email"] or f"#{each['id']}") for each in one["others"])
        after = f", looked after by {one['manager']}" if one["manager"] else ""
        typer.echo(f"Of the {one['kind']} {printable(one['name'])}{after}; others: {others or 'nobody'}")
        for case in one["open_cases"]:
            about = f" about {case['topic']}" if case["topic"] else ""
            typer.echo(f"  open there: case {case['case']}, {case['category']}{about} of {case['who']}")


def _reach(session: Session, number: int) -> dict[str, Any]:
    """When we last knew that something arrived at a person."""
    from ..store.reach import accepted_of, signs_of

    sign = signs_of(session, [number]).get(number)
    accepted = accepted_of(session, [number]).get(number)
    return {"at": sign and sign.at, "how": sign and sign.how, "accepted_at": accepted}


def _block(session: Session, workspace: Workspace, customer: Customer) -> dict[str, Any] | None:
    """What blocks their address, or its whole domain; one that is over only where nothing else does."""
    from ..address import domain_key
    from ..audience.consent import SUPPRESSION_WORDS
    from ..store.consents import find_suppression

    if not customer.address or not customer.address_key:
        return None
    domain, now = customer.address.rpartition("@")[2], workspace.clock()
    own = find_suppression(session, customer.address_key)
    whole = find_suppression(session, f"@{domain_key(workspace.keys, customer.address)}")
    found = [(own, ""), (whole, f"all of {domain}: ")]
    there = [(one, about) for one, about in found if one is not None]
    there.sort(key=lambda one: one[0].expires_at is not None and one[0].expires_at <= now)
    for block, about in there[:1]:
        words = {"reason": block.reason, "words": SUPPRESSION_WORDS[block.reason], "at": block.at}
        return words | {"until": block.expires_at, "evidence": f"{about}{block.evidence}"}
    return None


def _wish(session: Session, number: int) -> dict[str, Any] | None:
    from ..store.wishes import wish_of

    wish = wish_of(session, number)
    names = ("paused_until", "every_days", "no_topics", "channel", "changed_at")
    return None if wish is None else {name: getattr(wish, name) for name in names}


def _tell_reach(told: dict[str, Any]) -> None:
    reach, wish = told["reach"], told["wish"]
    if reach["at"] is not None:
        typer.echo(f"Last sign of life: {reach['at']:%Y-%m-%d}, {reach['how']}")
    elif reach["accepted_at"] is not None:
        typer.echo(f"No sign of life yet; their mail server last took a mail on {reach['accepted_at']:%Y-%m-%d}")
    if wish is None:
        return
    said = [f"a pause until {wish['paused_until']:%Y-%m-%d}"] if wish["paused_until"] else []
    said += [f"at most one newsletter in {wish['every_days']} days"] if wish["every_days"] else []
    said += [f"nothing about {', '.join(wish['no_topics'])}"] if wish["no_topics"] else []
    said += [f"rather by {wish['channel']}"] if wish["channel"] else []
    typer.echo(f"Wishes: {'; '.join(said) or 'as it comes'}")


def tell_customer(told: dict[str, Any]) -> None:
    """All that is kept of one customer, for a person."""
    fields = {name: value for name, value in told.items() if not isinstance(value, dict | list) and value is not None}
    fields |= told["attributes"]
    print_table(["field", "value"], fields.items())
    for one in told["contacts"]:
        known = shown_handle(one["network"], one["value"]) if one["kind"] == "handle" else one["value"]
        known = "another address of theirs" if one["kind"] == "address" else known
        who = f" by {one['by']}" if one["by"] else ""
        typer.echo(f"known too as {known} ({one['how']}{who}, {one['since']:%Y-%m-%d})")
    print_table(
        ["list", "state", "since"],
        [[tie["list"], tie["state"], f"{tie['since']:%Y-%m-%d}"] for tie in told["subscriptions"]],
    )
    _tell_groups(told)
    _tell_reach(told)
    if block := told["suppression"]:
        until = f" until {block['until']:%Y-%m-%d}" if block["until"] else ""
        typer.echo(f"Blocked since {block['at']:%Y-%m-%d}{until}: {block['words']} ({block['evidence']})")
    for act in told["consents"]:
        where = act["list"] or "all lists"
        shown = f" ({act['language']})" if act["language"] else ""
        words = f" “{act['words']}”{shown}" if act["words"] else ""
        typer.echo(f"{act['at']:%Y-%m-%d} {act['act']}: {where}, by {act['how']}{words} ({act['evidence']})")
    if told["deliveries"]:
        print_table(
            ["campaign", "occasion", "state", "due", "reason"],
            [
                [
                    mail["campaign"],
                    mail["occasion"],
                    mail["state"],
                    f"{mail['due_at']:%Y-%m-%d %H:%M}",
                    mail["evidence"] or mail["reason"],
                ]
                for mail in told["deliveries"]
            ],
        )
