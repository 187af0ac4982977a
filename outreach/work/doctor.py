"""Is everything in order? Settings, database, relay, mailboxes, the way back of replies, the sender's domain.

Law: every check gives findings with a remedy and never raises; only the probe sends a mail, and only to ourselves.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

from ..address import message_id, new_public_id, sign_token, tagged_address
from ..delivery.domain import (
    COMMON_SELECTORS,
    Finding,
    domains_above,
    is_dmarc,
    is_reserved,
    judge_dkim,
    judge_dmarc,
    judge_spf,
)
from ..delivery.envelope import Envelope
from ..errors import DatabaseError, MailboxError, NeedsPerson, OutreachError
from ..records import BreakerState
from ..settings import MailboxSettings, Relay
from ..store.database import check_integrity
from ..store.marks import marks_of
from ..store.relays import Relayed, relay_states
from ..store.sqlite import has_wal_reset_bug, log_of
from ..wire.dkim import split_message
from ..wire.dns import find_txt
from ..wire.mailbox import Mailbox, Mark, open_mailbox
from ..wire.relay import relay_error, relay_target
from ..wire.smtp import SmtpSession
from .doctor_server import check_server
from .erasures import REGISTER
from .register import unwritable
from .signing import check_keys, open_signer
from .stops import STOPS
from .workspace import KEYS, Workspace, check_may_send

FREE_BYTES_WANTED = 200_000_000
LOG_BYTES_TOLD = 250_000_000
NO_REPLY = ("noreply", "no-reply", "donotreply", "do-not-reply", "nichtantworten")


@dataclass(frozen=True)
class NameServerAddress:
    """Where to ask the DNS; empty: as this machine does."""

    host: str = ""
    port: int = 53


def check_all(
    workspace: Workspace,
    *,
    probe: bool = False,
    probe_seconds: float = 30.0,
    selectors: tuple[str, ...] = COMMON_SELECTORS,
    names: NameServerAddress = NameServerAddress(),
) -> Iterator[Finding]:
    """Every finding in the order in which a person would mend things."""
    yield from check_identity(workspace)
    yield from check_database(workspace)
    yield from check_relays(workspace)
    yield from check_mailboxes(workspace)
    yield check_way_back(workspace, probe=probe, seconds=probe_seconds)
    yield from check_domain(workspace, selectors=selectors, names=names)


def check_identity(workspace: Workspace) -> Iterator[Finding]:
    """Who we say we are, and whether people can answer and unsubscribe."""
    identity, public = workspace.settings.identity, workspace.settings.public
    try:
        local = workspace.reply_address.partition("@")[0].lower()
        answered = not any(local.startswith(word) for word in NO_REPLY)
        yield (
            Finding("sender", "good", identity.sender)
            if answered
            else Finding("sender", "bad", f"nobody can answer {identity.sender}", "Use an address that a person reads.")
        )
    except OutreachError as wrong:
        yield Finding("sender", "bad", wrong.message, "Set `sender` in [identity].")
    if identity.postal_address.strip():
        yield Finding("postal address", "good", identity.postal_address.replace("\n", ", "))
    else:
        yield Finding(
            "postal address", "bad", "none is set", "Bulk mail must carry one: `postal_address` in [identity]."
        )
    if public.linkable:
        yield Finding("public address", "good", public.url)
    elif public.url:
        yield Finding("public address", "bad", f"{public.url} is not https", "Mail carries no link to it. Use https.")
    else:
        remedy = "Set `url` in [public] to an https address that reaches `outreach serve`, for one-click unsubscribe."
        yield Finding("public address", "note", "none: mail carries a mailto: for unsubscribing", remedy)


def check_database(workspace: Workspace) -> Iterator[Finding]:
    """Is the file sound, is there room, is it the one that sent last, are the keys private?"""
    database = workspace.database
    try:
        with database.read() as session:
            faults = check_integrity(session)
        if faults:
            yield Finding("database", "bad", "; ".join(faults[:3]), "Restore a backup.")
        else:
            yield Finding("database", "good", f"{database.place} is sound")
    except DatabaseError as wrong:
        yield Finding("database", "bad", wrong.message, wrong.remedy)
    if not database.is_sqlite:
        yield from check_server(workspace)
    elif has_wal_reset_bug():
        words = f"SQLite {sqlite3.sqlite_version} can lose a commit when two programs write and checkpoint at once"
        yield Finding(
            "SQLite", "note", f"{words}: outreach holds a lock around each write", "3.51.3 or newer is free of it."
        )
    if database.path is not None:
        yield from _log(database.path)
    free = shutil.disk_usage(workspace.root).free
    room = f"{free // 1_000_000:,} MB free"
    yield Finding("disk", "good", room) if free > FREE_BYTES_WANTED else Finding("disk", "bad", room, "Make room.")
    mode = stat.S_IMODE((workspace.root / KEYS).stat().st_mode)
    if mode & 0o077:
        yield Finding("keys", "bad", f"{KEYS} can be read by others", f"chmod 600 {workspace.root / KEYS}")
    else:
        yield Finding("keys", "good", f"{KEYS} is its owner's alone")
    yield from check_registers(workspace)
    try:
        check_may_send(workspace)
        yield Finding("sending", "good", "is not paused")
    except NeedsPerson as wrong:
        yield Finding("sending", "bad", wrong.message, wrong.remedy)


def _log(path: Path) -> Iterator[Finding]:
    """Whether somebody keeps SQLite's log from being cleared: it grows by 4 KB with each mail, and slows the next."""
    log = log_of(path)
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_BYTES_TOLD:
        words = f"{log.name} has grown to {size // 1_000_000:,} MB: somebody has read from the database for long"
        remedy = f"End what reads from it (`fuser -v {path}`): each mail takes longer meanwhile. Then it is cleared."
        yield Finding("log", "note", words, remedy)


def check_registers(workspace: Workspace) -> Iterator[Finding]:
    """Can erasures and stops be written down beside the database? Nothing is made: whoever asks may be another user."""
    wrong = {name: words for name in (REGISTER, STOPS) if (words := unwritable(workspace.root / name))}
    for name, words in wrong.items():
        remedy = f"A restored backup would not know who said stop. Let the user of `outreach run` write {name}."
        yield Finding("registers", "bad", f"{name} {words}", remedy)
    if not wrong:
        yield Finding("registers", "good", f"{REGISTER} and {STOPS} can be written")


def check_relays(workspace: Workspace) -> Iterator[Finding]:
    """Does each relay take us: connection, TLS, password? Nothing is sent. How it did while sending is told too."""
    relays = workspace.settings.all_relays
    with workspace.database.read() as session:
        states = relay_states(session)
    for relay in relays:
        where = f"{relay.host}:{relay.port}" if len(relays) == 1 else f"{relay.name} ({relay.host}:{relay.port})"
        if relay.catcher:
            remedy = "Nothing leaves this machine. Set your relay in [relay], and catcher = false."
            yield Finding("catcher", "note", f"mail goes to the catcher at {where}", remedy)
        try:
            _open_session(workspace, relay).quit()
            yield Finding("relay", "good", f"{where} takes our mail")
        except OutreachError as wrong:
            remedy = "Start `outreach catcher`." if relay.catcher else wrong.remedy
            yield Finding(
                "relay", "bad", wrong.message if len(relays) == 1 else f"{relay.name}: {wrong.message}", remedy
            )
        health = states.get(relay.name, Relayed()).health
        if health.breaker is not BreakerState.CLOSED:
            words = f"{where} rests: {health.reason}"
            yield Finding("relay", "note", words, f"At once: outreach relays try {relay.name}")


def _open_session(workspace: Workspace, relay: Relay) -> SmtpSession:
    target = relay_target(relay, workspace.root)
    session = SmtpSession(target)
    trouble = session.open()
    if trouble is not None:
        raise relay_error(target, trouble)
    return session


def _open_any(workspace: Workspace) -> SmtpSession:
    """A session with the first relay that takes us. Raises as the last one does where none will."""
    *others, last = workspace.settings.all_relays
    for relay in others:
        with suppress(OutreachError):
            return _open_session(workspace, relay)
    return _open_session(workspace, last)


def check_mailboxes(workspace: Workspace) -> Iterator[Finding]:
    """Can every mailbox be read?"""
    boxes = workspace.settings.replies.mailboxes
    if not boxes:
        yield Finding("mailboxes", "bad", "none: replies are not read", "Add [[replies.mailboxes]] to outreach.toml.")
    for box in boxes:
        try:
            with _unread(workspace, box) as mailbox:
                mailbox.check()
            yield Finding("mailbox", "good", f"{box.name} can be read")
        except OutreachError as wrong:
            yield Finding("mailbox", "bad", wrong.message, wrong.remedy)


def _unread(workspace: Workspace, box: MailboxSettings) -> Mailbox:
    """The mailbox from where it was last read, so that only new mail is looked at."""
    with workspace.database.read() as session:
        marks = {folder: Mark(*kept) for folder, kept in marks_of(session, box.name).items()}
    return open_mailbox(box, workspace.root, marks)


def check_way_back(workspace: Workspace, *, probe: bool, seconds: float) -> Finding:
    """Does a reply to a signed address really come back to us? Proved by a mail to ourselves."""
    check = "reply address"
    if workspace.settings.replies.scheme == "plain":
        words = f"{workspace.reply_address}, without tokens: replies are matched by Message-ID and sender"
        return Finding(
            check, "note", words, 'Where your server takes plus-addresses, set scheme = "plus" in [replies].'
        )
    address = tagged_address(workspace.reply_address, sign_token(workspace.keys, "reply", new_public_id()))
    if not probe:
        words = f"not proved that {address} comes back to us"
        return Finding(check, "note", words, "Run `outreach doctor --probe`: it sends one mail to that address.")
    try:
        sent = _send_probe(workspace, address)
        if sent and _arrives(workspace, sent, seconds):
            return Finding(check, "good", f"a mail to {address} came back to us: plus-addresses work")
    except OutreachError as wrong:
        return Finding(check, "bad", wrong.message, wrong.remedy)
    words = f"a mail to {address} did not arrive in any mailbox within {seconds:.0f} s"
    remedy = 'See the lines for Postfix below, or set scheme = "plain" in [replies].'
    return Finding(check, "bad", words if sent else f"the relay refused a mail to {address}", remedy)


def _send_probe(workspace: Workspace, address: str) -> str | None:
    """Send one mail to ourselves; its Message-ID, or None where the relay refused it."""
    identifier = message_id(new_public_id(), workspace.sender_domain)
    text = (
        f"From: <{workspace.reply_address}>\r\nTo: <{address}>\r\nSubject: outreach doctor: does a reply come back?\r\n"
        f"Date: {format_datetime(workspace.clock())}\r\nMessage-ID: {identifier}\r\nAuto-Submitted: auto-generated\r\n"
        "\r\nThis mail proves that replies arrive. It may be deleted.\r\n"
    )
    message, signer = text.encode("ascii"), open_signer(workspace)
    if signer is not None:
        message = signer.sign(*split_message(message), workspace.clock()) + message
    session = _open_any(workspace)
    offered = session.offer(Envelope(workspace.bounce_address, address, False), message)
    if not offered.ok:
        session.drop()
        return None
    answer = session.finish()
    session.quit()
    return identifier if getattr(answer, "code", 0) // 100 == 2 else None


def _arrives(workspace: Workspace, identifier: str, seconds: float) -> bool:
    """Look for our own mail, and for nothing else, until the time is up. Others' mail is left unread."""
    until = time.monotonic() + seconds
    while True:
        for box in workspace.settings.replies.mailboxes:
            try:
                with _unread(workspace, box) as mailbox:
                    for fetched in mailbox.fetch():
                        if identifier.encode() in fetched.raw:
                            mailbox.acknowledge(fetched)
                            return True
            except MailboxError:
                continue
        if time.monotonic() >= until:
            return False
        time.sleep(min(1.0, seconds / 20))


def check_domain(workspace: Workspace, *, selectors: tuple[str, ...], names: NameServerAddress) -> Iterator[Finding]:
    """What the sender's DNS says about its mail."""
    domain = workspace.sender_domain
    if is_reserved(domain):
        remedy = "Set your own `sender` in [identity] before mail goes to real people."
        yield Finding("domain", "note", f"{domain} is a name for examples: it has no DNS", remedy)
        return
    own = workspace.settings.dkim.selectors
    _, _, returns = workspace.bounce_address.rpartition("@")  # SPF is about the reverse-path (RFC 7208, 2.4)
    spf = find_txt(returns, server=names.host, port=names.port)
    asked = () if own else selectors
    keys = {one: find_txt(f"{one}._domainkey.{domain}", server=names.host, port=names.port) for one in asked}
    policy, above = _dmarc_of(domain, names)
    if spf is None or policy is None:
        yield Finding(
            "domain",
            "note",
            f"the DNS gave no answer for {domain if policy is None else returns}",
            "Check again where the DNS can be reached.",
        )
        return
    yield judge_spf(returns, spf)
    if own:
        yield from check_keys(workspace, server=names.host, port=names.port)
    else:
        yield judge_dkim(domain, {one: found or [] for one, found in keys.items()})
    yield judge_dmarc(domain, policy, above)


def _dmarc_of(domain: str, names: NameServerAddress) -> tuple[list[str] | None, str]:
    """The DMARC records that hold for a domain, and whose they are where it has none of its own (RFC 7489, 6.6.3)."""
    own = find_txt(f"_dmarc.{domain}", server=names.host, port=names.port)
    if own is None or any(map(is_dmarc, own)):
        return own, ""
    for above in domains_above(domain):
        found = find_txt(f"_dmarc.{above}", server=names.host, port=names.port) or []
        if any(map(is_dmarc, found)):
            return found, above
    return own, ""


def lines_to_paste(workspace: Workspace) -> dict[str, list[str]]:
    """What a Postfix and a DNS zone need, for this workspace's own names."""
    domain = workspace.sender_domain
    user = workspace.reply_address.partition("@")[0]
    mailbox = ["[[replies.mailboxes]]", f'name = "{user}"', 'kind = "maildir"', f'path = "/home/{user}/Maildir"']
    return {
        "Postfix main.cf": [
            f"# answers to {user}+TOKEN arrive in the mailbox of {user}, a Maildir that outreach reads",
            "recipient_delimiter = +",
            "home_mailbox = Maildir/",
            "# outreach hands over its mail here, over several connections",
            "smtpd_client_connection_count_limit = 50",
            "enable_long_queue_ids = yes",
        ],
        "outreach.toml": mailbox,
        "DNS zone": [
            f'{workspace.bounce_address.rpartition("@")[2]}. IN TXT "v=spf1 mx ~all"',
            f'_dmarc.{domain}. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"',
        ],
    }
