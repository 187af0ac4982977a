"""Why a mail was refused: the enhanced codes of RFC 3463 and the words of servers and large providers, in one table.

Laws: only BAD_ADDRESS ever suppresses an address, so policy (x.7.x) is never read as that, whatever the words; a
refusal of our own address, host or message is never the recipient's; where nothing is sure the answer is OTHER.
The SMTP session and the reader of bounces both ask here. RFC 3463 (codes), 5248 and 7505 (registry, null MX).
"""

from __future__ import annotations

import re

from .words import FailureClass

_BAD = FailureClass.BAD_ADDRESS
_FULL = FailureClass.MAILBOX_FULL
_REFUSED = FailureClass.REFUSED
_OTHER = FailureClass.OTHER

BAD_CODES = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10"})
"""RFC 3463 3.2 and RFC 7505: no such mailbox, no such host, bad syntax, moved away, a null MX."""
_ABOUT_US = frozenset({"1.7", "1.8", "1.90", "2.3", "3.4", "3.2", "4.5"})
"""The sender's address, a mail too large for this mailbox or host, a host that takes no mail, limits on senders (1.90:
Microsoft's)."""


_INNER = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
"""A code that a server wrote into its words."""


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


SENDER_WORDS = _words(
    r"sender(?:'s)? (?:address|domain|e-?mail|verif\w+)",
    r"sender (?:is |was )?(?:rejected|denied|unknown|invalid|not)",
    r"\bhelo\b",
    r"\behlo\b",
    r"reverse (?:dns|lookup)",
    r"\bptr\b",
    r"return[- ]path (?:domain|address)",
    r"callback",
    r"mail from[: ]",
    r"outbound sender",
)
"""It is about us, whatever else the line says."""

PROVIDERS: tuple[tuple[re.Pattern[str], FailureClass], ...] = (
    # Microsoft's edge says "access denied" for a recipient that its directory does not know
    (_words(r"recipient address rejected: access denied"), _BAD),
    (_words(r"resolver\.adr\.\w*recip\w*notfound", r"usernotfound", r"accountdisabled", r"mailboxdisabled"), _BAD),
    (_words(r"infodomainnonexistent"), _BAD),
    (_words(r"submissionquotaexceeded"), _REFUSED),
    (_words(r"quotaexceeded"), _FULL),
    # outlook.com, GMX and web.de have no other words for an unknown user
    (_words(r"requested action not taken: mailbox unavailable", r"mail action aborted, mailbox not found"), _BAD),
    # Yahoo
    (_words(r"this user doesn'?t have an? \S+ account", r"this mailbox is disabled \(554"), _BAD),
    # Orange and its neighbours
    (_words(r"destinataire invalide", r"bo[iî]te du destinataire archiv"), _BAD),
    (_words(r"mail rejet[eé]"), _REFUSED),
    # Gateways
    (_words(r"not our customer", r"not listed in domino", r"unknown or illegal alias"), _BAD),
    (_words(r":blocked\)", r"administrative prohibition", r"dt:spm", r"unusual sending activity"), _REFUSED),
    (_words(r"hvu:b1", r"as a relay, but i have not been configured"), _REFUSED),
)
"""What one provider says in words of its own; read before the general ones."""

FULL_WORDS = _words(
    r"(?:mail ?box|in-?box|account|user|mail ?folder)s?(?: for \S+(?: user)?| \S+@\S+)? (?:is )?(?:full|over ?quota)",
    r"(?:mail ?box|inbox|user|account) (?:has |is )?exceeded",
    r"over (?:its |the |his |her |their )?(?:allowed |disk |storage )?quota",
    r"\boverquota\b",
    r"quota (?:is |was |has been )?exceeded",
    r"exceed(?:ing)? (?:the |its |their )?(?:mailbox |disk )?quota|quota violation",
    r"mailbox size",
    r"exceeded (?:its )?storage allocation",
    r"insufficient (?:disk )?(?:space|storage)",
    r"out of storage",
    r"postfach (?:ist )?(?:\w+ )?voll",
    r"bo[iî]te (?:\w+ ){0,3}pleine",
    r"casella (?:di posta )?piena",
    r"buz[oó]n (?:est[aá] )?lleno",
    r"postbus (?:is )?vol\b",
)

BAD_WORDS = _words(
    r"(?:user|recipient|mailbox|address|addressee|alias|person|account) (?:is |was )?(?:unknown|not found)",
    r"unknown (?:user|recipient|address|local|mailbox|account|alias)",
    r"no such (?:user|mailbox|recipient|person|address|account|domain)",
    r"(?:user|recipient|mailbox|address|account|domain|rejected|name|mail) ?\(?(?:does ?n[o']?t|did not) exist",
    r"does(?:n'?t| not) exist|(?<!may )not exist\b",
    r"mailbox (?:unavailable or does not|does not|unknown)",
    r"invalid (?:recipient|mailbox|address|user|local part)",
    r"unrouteable (?:mail )?(?:address|domain)",
    r"no mailbox (?:here|by that name)",
    r"account (?:that you tried to reach )?(?:has been |is |was )?(?:disabled|closed|inactive|deleted|deactivated)",
    r"user (?:doesn't have|suspended)",
    r"not a (?:valid|known) (?:user|mailbox|recipient)",
    r"not a valid mailbox",
    r"no longer (?:valid|in use|active|accepts? mail|on server|with us|employed|available|works?)",
    r"mailbox (?:is |has been )?(?:disabled|inactive|closed|deleted|blocked due to inactivity)",
    r"host or domain name not found|host (?:is )?unknown|\bunknown host",
    r"couldn'?t find any host|find the recipient domain|(?:domain|host) (?:not found|unknown)",
    r"point to non-?existent hosts",
    r"typo or is not in our system|name is not recogni[sz]ed|\buser not known|no matches to nameserver query",
    r"invalid final delivery userid",
    r"cannot deliver mail for",
    r"undeliverable address",
    r"bad address syntax",
    r"null mx",
    r"empf(?:ä|ae)nger (?:ist )?unbekannt|unbekannter empf(?:ä|ae)nger|existiert nicht|adresse ist ung(?:ü|ue)ltig",
    r"adresse inconnue|destinataire inconnu|utilisateur inconnu|n'existe pas",
    r"no existe|usuario desconocido|usu[aá]rio desconhecido|utente (?:sconosciuto|inesistente)",
    r"onbekende gebruiker|gebruiker onbekend|nieznany u[zż]ytkownik",
)

POLICY_WORDS = _words(
    r"\bspam\b|spamassassin|unsolicited|\bvirus",
    r"(?<!mailbox has been )(?<!mailbox is )\bblocked\b(?! due to inactivity)|block ?list|black ?list|\bblock for",
    r"\bbanned\b|\brbl\b|dnsbl|spamhaus|barracudacentral|spamcop",
    r"\bpolic(?:y|ies)\b|reputation|\bdmarc\b|\bspf\b|\bdkim\b|unauthenticated",
    r"access denied|not authori[sz]ed|rate limit|too many|sending limit|limits? exceeded",
    r"recipient(?:'s)? preferences|may not exist, or you may not have permission",
    r"rejected for|content (?:rejected|denied)|does not accept mail from you|service refuse",
)


def classify_refusal(status: str, words: str, code: int = 0) -> FailureClass:
    """Why a mail was refused, by its enhanced status ("5.1.1"), the server's words and its reply code (0: unknown).

    A refusal for now (4.x.x, or a code below 500 without a status) is TRANSIENT or MAILBOX_FULL.
    """
    said = " ".join(words.lower()[:4000].split())
    if status[1:] in ("", ".0.0") and (inner := _INNER.search(said)):
        status = inner[1]
    kind, _, detail = status.partition(".")
    if detail == "2.2":
        return _FULL
    if kind == "4" or 400 <= code < 500:
        return _FULL if FULL_WORDS.search(said) and "insufficient" not in said else FailureClass.TRANSIENT
    if detail.startswith("7.") or detail in _ABOUT_US:
        return _REFUSED
    if SENDER_WORDS.search(said):
        return _REFUSED
    for wording, failure in PROVIDERS:
        if wording.search(said):
            return failure
    return _by_words(detail, said, code)


def _by_words(detail: str, said: str, code: int) -> FailureClass:
    """The general words. A code that names the address outweighs policy words only where the words name it too."""
    policy, bad = POLICY_WORDS.search(said), BAD_WORDS.search(said)
    if FULL_WORDS.search(said) and not bad and not policy:
        return _FULL
    if detail in BAD_CODES or code == 556:
        return _REFUSED if policy and not bad else _BAD
    if policy:
        return _REFUSED
    if FULL_WORDS.search(said):
        return _FULL
    if bad and "temporar" not in said:
        return _BAD
    return _REFUSED if detail.startswith(("3.", "6.")) else _OTHER


def tells(words: str) -> bool:
    """Whether a line of free text says why a mail was refused."""
    said = words.lower()[:2000]
    return any(rule.search(said) for rule in (BAD_WORDS, FULL_WORDS, POLICY_WORDS, *(one for one, _ in PROVIDERS)))


def names_bad_address(words: str) -> bool:
    """Whether a text says that an address does not exist."""
    return BAD_WORDS.search(words.lower()) is not None


_NAMES_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")
_LOOKED_AT = 30_000
_AT_DATA = re.compile(
    r"in reply to (?:the )?(?:end of )?data|did not like our (?:final )?data|^[ \t]*>>> ?data\b|end of data"
    r"|smtp command\s+data\b",
    re.IGNORECASE | re.MULTILINE,
)
_AT_RCPT = re.compile(
    r"in reply to (?:the )?rcpt|^[ \t]*>>> ?rcpt|following rcpt|did not like our rcpt", re.I | re.MULTILINE
)


def is_refused_late(words: str) -> bool:
    """Whether a server took the recipient and refused the mail itself: then "user unknown" is a filter's excuse."""
    said = words[:_LOOKED_AT]
    return _AT_DATA.search(said) is not None and _AT_RCPT.search(said) is None


def late_class(failure: FailureClass | None, codes: str) -> FailureClass | None:
    """Why a mail was refused that was refused late: "unknown" counts only beside a code that names the address."""
    unsure = failure is _BAD and not any(code in codes for code in _NAMES_ADDRESS)
    return _OTHER if unsure else failure
