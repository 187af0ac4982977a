"""What a person should mend before a newsletter goes out.

Law: an error is what would fail, mislead or break the law for some reader; a warning is what one would rather know.
Judged on mails as they would be sent. Nothing is fetched here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ..prose import parse_html
from .render import Links, Rendered

CLIPPED_BYTES = 102 * 1024
"""Gmail shows no more of a mail than this."""
LONGEST_SUBJECT = 150
READABLE_SUBJECT = 70
_NO_REPLY = re.compile(r"no[._-]?reply|do[._-]?not[._-]?reply|nicht[._-]?antworten|noreply", re.IGNORECASE)
_UNREAD = re.compile(r"\*\*[^\s*][^*\n]{0,200}\*\*|^[ ]*\|[^\n]*\|$", re.MULTILINE)
"""Emphasis that ends at a punctuation mark before a letter, as in Chinese (CommonMark 6.2), or rows outside a table."""
_LOCAL_NAMES = ("localhost", "local", "internal", "lan", "home.arpa", "localdomain")
_PLACEHOLDERS = ("example", "test", "invalid", "example.com", "example.org", "example.net")
_SCHEMES = ("http", "https", "mailto", "tel", "sms", "webcal")

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Fault:
    """One thing to mend; `rule` is its stable name, `where` the link, image or person that it is about."""

    level: Level
    rule: str
    words: str
    where: str = ""


def lint_newsletter(mail: Rendered, links: Links, *, sender: str, reply_to: str, postal_address: str) -> list[Fault]:
    """The faults of one mail, each once. `links` are this mail's own, which must be in it."""
    tree = parse_html(mail.html)
    faults = [
        *_lint_subject(mail),
        *_lint_sender(sender, reply_to),
        *_lint_duties(mail, links, postal_address),
        *_lint_images(tree),
        *_lint_marks(mail),
    ]
    for link in page_links(mail.html):
        if link not in (links.unsubscribe_url, links.view_url):
            faults += lint_link(link, _anchors(tree))
    size = len(mail.html.encode())
    if size > CLIPPED_BYTES:
        words = (
            f"the HTML has {size // 1024} KB; Gmail clips a mail at {CLIPPED_BYTES // 1024} KB, and hides the footer"
        )
        faults.append(Fault("error", "size", words))
    if not mail.text.strip():
        faults.append(Fault("error", "text", "the plain text is empty"))
    return list(dict.fromkeys(faults))


def page_links(html: str) -> list[str]:
    """The targets of a page's links, each once, in order."""
    tree = parse_html(html)
    if tree is None:
        return []
    found = (str(node.get("href") or "").strip() for node in tree.iter("a", "area") if node.get("href") is not None)
    return list(dict.fromkeys(found))


def lint_link(link: str, anchors: Iterable[str] = ()) -> list[Fault]:
    """What is wrong with a link, as far as it can be seen without fetching it."""

    def dead(words: str, level: Level = "error") -> list[Fault]:
        return [Fault(level, "link", words, link)]

    if not link:
        return dead("a link leads nowhere: its target is empty")
    if link.startswith("#"):
        return [] if unquote(link[1:]) in anchors else dead("it points at an anchor that is not in the mail")
    if re.search(r"[\s{}<>\"\\^`|]", link):
        return dead("it holds a character that no URL may have")
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname or "", parts.port
    except ValueError as wrong:
        return dead(f"it is no URL: {wrong}")
    scheme = parts.scheme.lower()
    if not scheme:
        return dead("it has no https:// before it: a mail has no page that it could be relative to")
    if scheme not in _SCHEMES:
        return dead(f"mail programs do not open {scheme}: links")
    if scheme == "mailto":
        return [] if "@" in unquote(parts.path) or "to=" in parts.query else dead("it names no address")
    if scheme not in ("http", "https"):
        return []
    if not host or ("." not in host and ":" not in host and host not in _LOCAL_NAMES):
        return dead("it names no host on the internet")
    if is_local_host(host):
        return dead(f"{host} is a machine of your own: readers cannot reach it")
    if is_placeholder(host):
        return dead(f"{host} is a placeholder: put your own address there", "warning")
    if scheme == "http":
        return dead("it is not encrypted: use https://", "warning")
    return []


def is_local_host(host: str) -> bool:
    """Whether a host's name or number can only mean a machine nearby."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES)


def is_placeholder(host: str) -> bool:
    """Whether a host's name is reserved for examples (RFC 2606)."""
    host = host.rstrip(".").lower()
    return any(host == name or host.endswith(f".{name}") for name in _PLACEHOLDERS)


def _lint_subject(mail: Rendered) -> list[Fault]:
    subject = mail.subject
    if not subject.strip():
        return [Fault("error", "subject", "the subject is empty")]
    if len(subject) > LONGEST_SUBJECT:
        return [Fault("error", "subject", f"the subject has {len(subject)} characters: nobody sees more than 70")]
    if len(subject) > READABLE_SUBJECT:
        return [Fault("warning", "subject", f"the subject has {len(subject)} characters: phones show about 40")]
    if not mail.preheader.strip():
        return [Fault("warning", "preheader", "there is no preheader: mail programs show the first words instead")]
    return []


def _lint_sender(sender: str, reply_to: str) -> list[Fault]:
    words = "people must be able to answer: {} is a no-reply address"
    return [Fault("error", "no-reply", words.format(each)) for each in (sender, reply_to) if _NO_REPLY.search(each)]


def _lint_duties(mail: Rendered, links: Links, postal_address: str) -> list[Fault]:
    faults = []
    if not postal_address.strip():
        words = "the sender's postal address is missing: set postal_address in outreach.toml"
        faults.append(Fault("error", "postal-address", words))
    elif not _holds(mail.text, postal_address):
        words = "the layout does not show the postal address: put {{ postal_address }} into it"
        faults.append(Fault("error", "postal-address", words))
    if links.unsubscribe_url not in page_links(mail.html):
        words = "there is no link to unsubscribe: put {{ unsubscribe_url }} into the layout"
        faults.append(Fault("error", "unsubscribe", words))
    return faults


def _lint_marks(mail: Rendered) -> list[Fault]:
    """Marks of Markdown that readers would see."""
    found = _UNREAD.search(mail.text)
    if found is None:
        return []
    words = "marks of Markdown stand in the mail as they were written: write <strong>…</strong>, or the table as HTML"
    return [Fault("warning", "markdown", words, found[0].strip()[:60])]


def _lint_images(tree: Any) -> list[Fault]:
    faults = []
    for image in tree.iter("img") if tree is not None else ():
        src = str(image.get("src") or "")
        if image.get("alt") is None or (not image.get("alt").strip() and image.get("role") != "presentation"):
            faults.append(Fault("error", "alt", "an image has no alternative text: write ![What it shows](…)", src))
        if not src.startswith(("cid:", "https://")):
            faults.append(Fault("error", "image", "an image is neither embedded nor at an https:// address", src))
    return faults


def _anchors(tree: Any) -> set[str]:
    if tree is None:
        return set()
    return {str(node.get(name)) for node in tree.iter() for name in ("id", "name") if node.get(name)}


def _holds(text: str, words: str) -> bool:
    return " ".join(words.split()).lower() in " ".join(text.split()).lower()
