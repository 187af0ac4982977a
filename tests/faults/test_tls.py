"""TLS that is not what it must be, through a whole send: nothing goes out in the clear, and the remedy is told."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from outreach.errors import RelayError
from outreach.records import DeliveryState
from outreach.settings import Relay
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..servers.certificates import AT_ALL_TIMES, LONG_AGO, Authority, needs_openssl
from ..servers.fault import Action, FaultServer
from ..store.rows import lay_edition, states_of
from ..work.sending import open_plain_press, with_relay

pytestmark = [pytest.mark.needs_debian, needs_openssl]
OURS = "DNS:localhost,IP:127.0.0.1"
SECRET = "hunter2-hunter2"


@dataclass(frozen=True)
class Fault:
    """What is wrong with the relay's TLS, and what a person is told of it."""

    words: str
    remedy: str
    names: str = OURS
    valid: tuple[str, str] = AT_ALL_TIMES
    trusted: bool = True
    old: bool = False
    offers: bool = True
    script: dict[str, Action] | None = None
    ways: tuple[Literal["starttls", "tls"], ...] = ("starttls", "tls")


FAULTS = {
    "expired": Fault("expired", "certificate must be valid", valid=LONG_AGO),
    "for another name": Fault("certificate is not valid", "certificate must be valid", names="DNS:elsewhere.example"),
    "signed by nobody we know": Fault("certificate is not valid", "ca_file", trusted=False),
    "TLS 1.0 only": Fault("no TLS", "1.2 or newer", old=True),
    "not offered": Fault("offers no STARTTLS", 'tls = "tls"', offers=False, ways=("starttls",)),
    "refused": Fault("502", 'tls = "tls"', script={"STARTTLS": b"502 5.5.1 no\r\n"}, ways=("starttls",)),
    "replies injected before it": Fault(
        "plain text was sent behind",
        "may be changing",
        script={"STARTTLS": b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n"},
        ways=("starttls",),
    ),
    "plain text on the TLS port": Fault("no TLS", "starttls", ways=("tls",)),
}
CASES = [pytest.param(fault, way, id=f"{name}, {way}") for name, fault in FAULTS.items() for way in fault.ways]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def server_context(authority: Authority, fault: Fault) -> ssl.SSLContext:
    name = "".join(letter for letter in f"{fault.names}{fault.valid}" if letter.isalnum())[:60]
    made = authority.folder / f"{name}.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = (
        (made, made.with_suffix(".key")) if made.exists() else authority.issue(name, fault.names, valid=fault.valid)
    )
    context.load_cert_chain(certificate, key)
    if fault.old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return context


@pytest.mark.parametrize(("fault", "way"), CASES)
def test_nothing_leaves_in_the_clear_and_the_remedy_is_told(
    workspace: Workspace, make_customer: Callable[..., int], authority: Authority, fault: Fault, way: str
) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    plain_on_tls = way == "tls" and fault is FAULTS["plain text on the TLS port"]
    implicit = way == "tls" and not plain_on_tls
    offers = ("PIPELINING", "AUTH PLAIN", *(("STARTTLS",) if fault.offers else ()))
    with FaultServer(fault.script or {}, offers, server_context(authority, fault), implicit) as server:
        here = secure(workspace, server.port, way, str(authority.file) if fault.trusted else "")
        with pytest.raises(RelayError) as told:
            send_open(here, press=open_plain_press)
        server.settle()
    assert fault.words in told.value.message
    assert fault.remedy in told.value.remedy
    assert SECRET not in str(told.value)
    assert states_of(workspace, edition) == [DeliveryState.QUEUED]
    assert server.taken == [] and server.dots == 0
    for word in (b"ann@", b"MAIL", b"Hello", b"AUTH", b"Ann"):
        assert word not in server.clear.upper() if word.isupper() else word not in server.clear


def test_the_same_relay_in_good_order_gets_the_mail(
    workspace: Workspace, make_customer: Callable[..., int], authority: Authority
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    with FaultServer({}, ("PIPELINING", "AUTH PLAIN", "STARTTLS"), server_context(authority, Fault("", ""))) as server:
        assert (
            send_open(secure(workspace, server.port, "starttls", str(authority.file)), press=open_plain_press).sent == 1
        )
        server.settle()
    assert len(server.taken) == 1
    assert b"ann@" not in server.clear and b"STARTTLS" in server.clear


def secure(workspace: Workspace, port: int, way: str, authority: str) -> Workspace:
    """The workspace with a relay that wants TLS and a password."""
    values: dict[str, Any] = {
        "host": "localhost",
        "tls": way,
        "username": "me",
        "password": SECRET,
        "ca_file": authority,
    }
    checked = Relay.model_validate(values)
    return with_relay(workspace, port, connections=2, **{name: getattr(checked, name) for name in values})
