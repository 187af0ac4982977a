"""Will receivers trust mail from the sender's domain? SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489).

Law: TXT records come in as text, findings go out; whoever looked them up is not our business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "note", "bad"]
RESERVED = ("example", "test", "invalid", "localhost", "local", "example.com", "example.net", "example.org")
LOOKUP_TERMS = ("include", "a", "mx", "ptr", "exists", "redirect")
MAX_LOOKUPS = 10
COMMON_SELECTORS = ("outreach", "default", "dkim", "mail", "s1", "selector1", "google", "k1")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: what, how it stands, in words, and what to do about it."""

    check: str
    level: Level
    words: str
    remedy: str = ""


def is_reserved(domain: str) -> bool:
    """Whether a domain can never receive mail (RFC 2606, RFC 6762)."""
    return any(domain == name or domain.endswith(f".{name}") for name in RESERVED)


def judge_spf(domain: str, records: Sequence[str]) -> Finding:
    """Is there one SPF record that ends in a decision and stays within ten lookups (RFC 7208, 4.6.4)?"""
    found = [text for text in records if text.lower().split(" ")[0] == "v=spf1"]
    if not found:
        return Finding("SPF", "bad", f"{domain} publishes no SPF record", f'Publish: {domain}. TXT "v=spf1 mx ~all"')
    if len(found) > 1:
        return Finding("SPF", "bad", f"{domain} publishes {len(found)} SPF records: receivers ignore all", "Keep one.")
    terms = found[0].lower().split()[1:]
    names = [term.lstrip("+-~?").replace("=", ":").replace("/", ":").split(":")[0] for term in terms]
    lookups = sum(name in LOOKUP_TERMS for name in names)
    if lookups > MAX_LOOKUPS:
        return Finding("SPF", "bad", f"{lookups} look-ups in {found[0]!r}; ten are allowed", "Name addresses instead.")
    if "+all" in terms or "all" in terms:
        return Finding("SPF", "bad", f"{found[0]!r} allows the whole world to send", "End it in ~all or -all.")
    if not any(term in ("~all", "-all") or term.startswith("redirect=") for term in terms):
        return Finding("SPF", "note", f"{found[0]!r} does not end in a decision", "End it in ~all or -all.")
    return Finding("SPF", "good", found[0])


def judge_dkim(domain: str, by_selector: Mapping[str, Sequence[str]]) -> Finding:
    """Does one of the selectors hold a public key (RFC 6376, 3.6.1)? An empty key is a revoked one."""
    revoked = []
    for selector, records in by_selector.items():
        for text in records:
            tags = _tags(text)
            if "p" in tags and tags.get("v", "DKIM1") == "DKIM1":
                if tags["p"]:
                    return Finding("DKIM", "good", f"{selector}._domainkey.{domain} holds a key")
                revoked.append(selector)
    if revoked:
        return Finding("DKIM", "bad", f"the key of {', '.join(revoked)} is revoked", "Publish a new key.")
    asked = ", ".join(by_selector)
    return Finding(
        "DKIM",
        "note",
        f"no key found under the selectors {asked}",
        "Sign with `outreach dkim new`; or let your relay sign, and name its selector with --selector.",
    )


def judge_alignment(signing: str, sender: str) -> Finding:
    """Do our signatures speak for the domain that the reader sees (RFC 7489, 3.1.1)? Else DMARC does not count them.

    Two domains below a third count where that is one organization's, which only a list of all registries tells.
    """
    if signing == sender or signing.endswith(f".{sender}") or sender.endswith(f".{signing}"):
        return Finding("DKIM domain", "good", f"{signing} signs for {sender}")
    remedy = f'Set domain = "" in [dkim], or to {sender} or a domain above it, and publish the keys there.'
    shared = next((name for name in domains_above(signing) if name in domains_above(sender)), "")
    if shared:
        words = f"{signing} signs mail of {sender}: DMARC counts that where {shared} is yours"
        return Finding("DKIM domain", "note", words, f"If it is not: {remedy}")
    return Finding("DKIM domain", "bad", f"{signing} signs mail of {sender}: DMARC does not count that", remedy)


def domains_above(domain: str) -> list[str]:
    """The domains above one, the nearest first, down to those of two labels."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]


def judge_own_key(name: str, records: Sequence[str], *, kind: str, public: str, publish: str) -> Finding:
    """Does `name` publish our very key, so that our signatures can be verified (RFC 6376, 3.6.1)?

    `kind` is rsa or ed25519, `public` the key as `p=` holds it, `publish` the line that mends what is wrong.
    """
    found = [tags for tags in map(_tags, records) if "p" in tags and tags.get("v", "DKIM1") == "DKIM1"]
    if not found:
        return Finding("DKIM key", "bad", f"{name} publishes no key: signatures cannot be verified", publish)
    if len(found) > 1:
        return Finding("DKIM key", "bad", f"{name} publishes {len(found)} keys: receivers take any", "Keep one record.")
    tags = found[0]
    if not tags["p"]:
        return Finding("DKIM key", "bad", f"the key at {name} is revoked", publish)
    if "".join(tags["p"].split()) != public or tags.get("k", "rsa") != kind:
        return Finding("DKIM key", "bad", f"{name} publishes another key than ours: signatures fail", publish)
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return Finding("DKIM key", "bad", f"{name} allows h={tags['h']} only; we sign with sha256", publish)
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return Finding("DKIM key", "bad", f"{name} is for s={tags['s']}, not for e-mail", publish)
    if "y" in tags.get("t", "").split(":"):
        remedy = "Take t=y out of the record once all is well."
        return Finding("DKIM key", "note", f"{name} says that it is for tests: receivers ignore signatures", remedy)
    return Finding("DKIM key", "good", f"{name} publishes our key")


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is a DMARC policy."""
    return _tags(text).get("v") == "DMARC1"


def judge_dmarc(domain: str, records: Sequence[str], above: str = "") -> Finding:
    """Is there one DMARC policy (RFC 7489, 6.6.3)? Large mailbox providers ask bulk senders for it.

    `above`: the domain has none, and these are of that one above it, whose `sp=` or `p=` holds then.
    """
    found = [text for text in records if is_dmarc(text)]
    example = f'Publish: _dmarc.{domain}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    if not found:
        return Finding("DMARC", "bad", f"{domain} publishes no DMARC policy", example)
    if len(found) > 1:
        words = f"{above or domain} publishes {len(found)} policies: receivers ignore all"
        return Finding("DMARC", "bad", words, "Keep one.")
    tags = _tags(found[0])
    policy = (tags.get("sp") if above else None) or tags.get("p", "")
    if policy not in ("none", "quarantine", "reject"):
        return Finding("DMARC", "bad", f"{found[0]!r} has no policy p=", example)
    words = f"{found[0]} (of {above}, which holds for {domain})" if above else found[0]
    return Finding("DMARC", "good" if policy != "none" else "note", words)


def _tags(text: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.split(";") if "=" in part)
    return {name.strip(): value.strip().replace(" ", "") for name, value in pairs}
