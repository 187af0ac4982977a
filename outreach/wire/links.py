"""Asking the web whether a link still leads somewhere.

Law: only http and https, only to public hosts unless a test says otherwise, a few seconds each, nothing downloaded.
HEAD first, GET where a server does not like that; what cannot be known is told apart from what is dead.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

SECONDS = 8.0
MOST_REDIRECTS = 5
AGENT = "outreach-link-check"
_GUARDED = frozenset((401, 403, 405, 406, 407, 408, 423, 425, 429, 451, 501, 503, 999))


@dataclass(frozen=True)
class LinkAnswer:
    """`verdict` is alive, dead, or unknown; `words` say why."""

    link: str
    verdict: Literal["alive", "dead", "unknown"]
    words: str


def ask_links(links: Sequence[str], *, seconds: float = SECONDS, nearby: bool = False) -> list[LinkAnswer]:
    """Ask about every link, eight at a time. `nearby` lets links to this machine be asked (for tests)."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda link: ask_link(link, seconds=seconds, nearby=nearby), links))


def ask_link(link: str, *, seconds: float = SECONDS, nearby: bool = False) -> LinkAnswer:
    """Ask about one link, following redirects."""
    target = link
    try:
        for _ in range(MOST_REDIRECTS + 1):
            status, location = _ask(target, seconds, nearby)
            if status in (301, 302, 303, 307, 308) and location:
                target = urljoin(target, location)
                continue
            return _judge(link, status)
    except ssl.SSLCertVerificationError as wrong:
        return LinkAnswer(link, "dead", f"its certificate is not valid: {wrong.verify_message}")
    except socket.gaierror as wrong:
        if wrong.errno == socket.EAI_NONAME:
            return LinkAnswer(link, "dead", f"there is no host called {urlsplit(target).hostname}")
        return LinkAnswer(link, "unknown", "its host's name could not be looked up")
    except ConnectionRefusedError:
        return LinkAnswer(link, "dead", "nothing answers there")
    except (OSError, http.client.HTTPException, ValueError) as wrong:
        return LinkAnswer(link, "unknown", f"no answer: {wrong or type(wrong).__name__}")
    return LinkAnswer(link, "dead", "it redirects without end")


def _judge(link: str, status: int) -> LinkAnswer:
    if status < 400:
        return LinkAnswer(link, "alive", f"{status}")
    if status in _GUARDED or status >= 500:
        return LinkAnswer(link, "unknown", f"the server answers {status}")
    return LinkAnswer(link, "dead", f"the server answers {status}")


def _ask(target: str, seconds: float, nearby: bool) -> tuple[int, str]:
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{target!r} is no web address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _public_address(parts.hostname, port, nearby)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    for method in ("HEAD", "GET"):
        connection = _Connection(parts.hostname, port, address, seconds, encrypted=parts.scheme == "https")
        try:
            connection.request(method, path, headers={"User-Agent": AGENT, "Accept": "*/*"})
            answer = connection.getresponse()
            if method == "GET" or answer.status < 400 or answer.status == 410:
                return answer.status, answer.getheader("Location") or ""
        finally:
            connection.close()
    return 0, ""


def _public_address(host: str, port: int, nearby: bool) -> str:
    """The address to connect to; it is looked up once, so that a name cannot change between check and use."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if nearby or ipaddress.ip_address(address.partition("%")[0]).is_global:
            return address
    raise ValueError(f"{host} is a machine nearby")


class _Connection(http.client.HTTPConnection):
    """A connection to a host at an address that was looked up before."""

    def __init__(self, host: str, port: int, address: str, seconds: float, *, encrypted: bool) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address, self._encrypted = address, encrypted

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=self.host) if self._encrypted else plain
        )
