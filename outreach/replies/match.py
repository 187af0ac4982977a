"""Whose reply it is: clues, surest first, and the choice between them.

Law: a token is proof only of the delivery, not of who writes: where another sender holds it (a forwarded newsletter),
the mail is attached and flagged, and never acts for the owner. Addresses in From can be forged: they come last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..address import KeyRing, Purpose, address_tag, read_message_id, read_token
from ..records import ClueKind
from .mail import ParsedMail

SEARCHED = 200_000
_LINK = re.compile(r"/([uv])/(\d{1,4}[a-z2-7]{36})\b", re.IGNORECASE)
_TAG = re.compile(r"\+([ub]?\d{1,4}[a-z2-7]{36})@", re.IGNORECASE)


@dataclass(frozen=True)
class Clue:
    """A hint whose mail it is: a delivery's public id, or an address, handle or number in `value`.

    `leave`: the mail came to the unsubscribe address of that delivery. `network`: where a handle is at home.
    """

    kind: ClueKind
    value: str
    why: str
    leave: bool = False
    network: str = ""


@dataclass(frozen=True)
class Owner:
    """What is known of a delivery or a customer that a clue leads to; `address_keys`: then and now.

    `rivals`: how many customers the clue fits, where it is more than one; then it is nobody's.
    """

    delivery_id: int | None
    customer_id: int | None
    address_keys: frozenset[str]
    rivals: int = 0


@dataclass(frozen=True)
class Match:
    """The answer. `foreign`: the token belongs to somebody else than the sender; `flagged` says so in words."""

    customer_id: int | None = None
    delivery_id: int | None = None
    clue: ClueKind | None = None
    why: str = ""
    leave: bool = False
    foreign: bool = False
    flagged: str = ""


ORDER = (
    ClueKind.PERSON,
    ClueKind.REPLY_TOKEN,
    ClueKind.RETURN_PATH,
    ClueKind.MESSAGE_ID,
    ClueKind.LINK_TOKEN,
    ClueKind.RECIPIENT,
    ClueKind.HANDLE,
    ClueKind.PHONE,
    ClueKind.SENDER,
)
PROOFS = frozenset((ClueKind.REPLY_TOKEN, ClueKind.RETURN_PATH, ClueKind.MESSAGE_ID, ClueKind.LINK_TOKEN))
"""Clues that name one delivery of ours and cannot be guessed."""


def clues(mail: ParsedMail, keys: KeyRing, *, returned: ParsedMail | None = None) -> list[Clue]:
    """Every hint in a mail, surest first. `returned`: the headers of our mail inside a bounce or abuse report."""
    found = [clue for address in mail.recipients if (clue := _of_tag(address, keys))]
    found += [
        Clue(ClueKind.MESSAGE_ID, public_id, "it answers our Message-ID")
        for one in mail.ancestors
        if (public_id := read_message_id(one))
    ]
    if returned is not None:
        found += _returned(returned, keys)
    body = f"{mail.text[:SEARCHED]}\n{mail.html[:SEARCHED]}"
    found += _in_body(body, keys)
    if mail.sender:
        found.append(Clue(ClueKind.SENDER, mail.sender, f"from {mail.sender}"))
    unique: dict[tuple[ClueKind, str, bool], Clue] = {}
    for clue in found:
        unique.setdefault((clue.kind, clue.value, clue.leave), clue)
    return sorted(unique.values(), key=lambda clue: ORDER.index(clue.kind))


def _of_tag(address: str, keys: KeyRing) -> Clue | None:
    tag = address_tag(address).lower()
    if not tag:
        return None
    if tag[0] == "b" and (public_id := read_token(keys, "bounce", tag[1:])):
        return Clue(ClueKind.RETURN_PATH, public_id, "it came to the reverse-path of our mail")
    if tag[0] == "u" and (public_id := read_token(keys, "unsubscribe", tag[1:])):
        return Clue(ClueKind.REPLY_TOKEN, public_id, "it came to the unsubscribe address of our mail", leave=True)
    if public_id := read_token(keys, "reply", tag):
        return Clue(ClueKind.REPLY_TOKEN, public_id, "it came to the reply address of our mail")
    return None


def _returned(returned: ParsedMail, keys: KeyRing) -> list[Clue]:
    found = []
    if public_id := read_message_id(returned.message_id):
        found.append(Clue(ClueKind.MESSAGE_ID, public_id, "it returns our Message-ID"))
    addresses = [returned.return_path or "", returned.header("reply-to"), returned.header("list-unsubscribe")]
    for value in addresses:
        found += [
            Clue(ClueKind.LINK_TOKEN, clue.value, "a token in the headers it returns")
            for tag in _TAG.findall(f"+{address_tag(value)}@" if value.count("@") == 1 else value[:4000])[:5]
            if (clue := _of_tag(f"x+{tag}@y", keys))
        ]
    return found


def _in_body(body: str, keys: KeyRing) -> list[Clue]:
    """Tokens in what is quoted: links to the mail's own pages, our addresses."""
    purposes: dict[str, Purpose] = {"u": "unsubscribe", "v": "view"}
    found: dict[str, Clue] = {}
    for which, token in _LINK.findall(body)[:200]:
        if public_id := read_token(keys, purposes[which.lower()], token):
            found[public_id] = Clue(ClueKind.LINK_TOKEN, public_id, "it quotes a link of our mail")
    for tag in _TAG.findall(body)[:200]:
        if clue := _of_tag(f"x+{tag}@y", keys):
            found[clue.value] = Clue(ClueKind.LINK_TOKEN, clue.value, "it quotes an address of our mail")
    return list(found.values())


def choose_match(
    found: Iterable[Clue], owners: Mapping[tuple[ClueKind, str], Owner], sender_key: str, *, machine: bool = False
) -> Match:
    """The surest clue that leads to somebody we know.

    `owners`: whom each clue's (kind, value) leads to. `sender_key`: the address key of From, or nothing. A report by
    a machine speaks for nobody, so its sender does not matter. Where a customer answers another customer's mail, the
    reply is the sender's and stays tied to that delivery. An address that a person said to be the owner's is theirs.
    """
    best, several = Match(), ""
    for clue in sorted(found, key=lambda clue: ORDER.index(clue.kind)):
        owner = owners.get((clue.kind, clue.value))
        if owner is None:
            continue
        if owner.rivals:
            several = several or f"{clue.value} is known of {owner.rivals} customers: say whose it is"
        elif best.clue is None:
            best = _match(clue, owner, sender_key, machine)
        elif best.foreign and clue.kind is ClueKind.SENDER:
            if owner.customer_id == best.customer_id:
                return replace(best, foreign=False, flagged="")
            return replace(best, customer_id=owner.customer_id, flagged=f"{best.flagged}, to another customer")
    return best if best.clue is not None else Match(flagged=several)


def _match(clue: Clue, owner: Owner, sender_key: str, machine: bool) -> Match:
    foreign = clue.kind in PROOFS and not machine and bool(sender_key) and sender_key not in owner.address_keys
    flagged = "written from another address than the one we sent to: perhaps forwarded" if foreign else ""
    return Match(owner.customer_id, owner.delivery_id, clue.kind, clue.why, clue.leave, foreign, flagged)
