"""From the settings of a relay to where and how to hand over mail, its secrets read and its TLS prepared.

Law: settings that would send a password in plain text to another machine are refused before anything is dialled.
"""

from __future__ import annotations

from pathlib import Path

from ..delivery.outcome import Lost, SmtpReply
from ..errors import RelayError, SettingsError
from ..settings import Relay, read_secret
from .secure import is_loopback
from .target import RelayTarget


def relay_target(relay: Relay, root: Path) -> RelayTarget:
    """The relay of the settings, its secrets read. Raises SettingsError, also rather than send a password in plain."""
    password = read_secret(relay.password, relay.password_file, root, what="relay's password")
    if relay.username and relay.tls == "none" and not is_loopback(relay.host):
        raise SettingsError(
            f"the relay {relay.host} would get the password in plain text",
            remedy=f'Set tls = "starttls" (port 587) or tls = "tls" (port 465) in {relay.heading}.',
        )
    if relay.username and not (password or relay.token_command):
        variable = (
            "OUTREACH_RELAY__PASSWORD" if relay.name == "main" else f"OUTREACH_RELAYS__{relay.name.upper()}__PASSWORD"
        )
        raise SettingsError(
            "the relay has a username but no password",
            remedy=f"Set {variable}, or password_file or token_command in {relay.heading}.",
        )
    target = RelayTarget(
        host=relay.host,
        port=relay.port,
        tls=relay.tls,
        verify=relay.verify,
        ca_file=str(root / Path(relay.ca_file).expanduser()) if relay.ca_file else "",
        username=relay.username,
        password=password,
        auth=relay.auth,
        token_command=relay.token_command,
        hello=relay.hello,
        connect_timeout=relay.connect_timeout,
        reply_timeout=relay.reply_timeout,
        dot_timeout=relay.dot_timeout,
        messages_per_connection=relay.messages_per_connection,
        signs_dkim=relay.signs_dkim,
        catcher=relay.catcher,
    )
    return target.prepared()


AUTH_REFUSED = (530, 534, 535, 538)
"""RFC 4954, 6: a login is wanted, too weak, refused, or wants TLS."""


def relay_error(target: RelayTarget, trouble: SmtpReply | Lost) -> RelayError:
    """What a person is told when the relay cannot be used at all."""
    if isinstance(trouble, Lost):
        remedy = trouble.remedy or "Check [relay] in outreach.toml, and whether the relay is running."
        return RelayError(f"the relay {target.name} cannot be used: {trouble.why}", remedy=remedy)
    remedy = "Check [relay] in outreach.toml; `outreach doctor` says more."
    if trouble.code in AUTH_REFUSED:
        remedy = "Check username and password (or password_file, token_command) in [relay]."
    return RelayError(f"the relay {target.name} refused us: {trouble}", remedy=remedy)
