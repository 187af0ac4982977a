"""What SMTP and IMAP share: TLS that is verified, secrets that never cross a wire in the clear, OAuth2 tokens.

Law: certificates are verified unless a person switched that off by name; a password goes in plain text to this
machine alone. RFC 8314 (TLS for mail), RFC 7628 and Google's XOAUTH2 (tokens).
"""

from __future__ import annotations

import ipaddress
import shlex
import ssl
import subprocess
from pathlib import Path

from ..errors import SettingsError

TOKEN_SECONDS = 30.0
TOKEN_OCTETS = 16_384


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name, so that plain text stays here."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def tls_context(*, verify: bool, ca_file: str, root: Path) -> ssl.SSLContext:
    """A client's context, TLS 1.2 or newer. Raises SettingsError when the file of authorities cannot be read."""
    try:
        context = ssl.create_default_context(cafile=str(root / Path(ca_file).expanduser()) if ca_file else None)
    except (OSError, ssl.SSLError) as wrong:
        raise SettingsError(
            f"the file of authorities {ca_file} cannot be read: {wrong}",
            remedy="Name a PEM file in ca_file, or leave it empty for this machine's own authorities.",
        ) from wrong
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def read_token(command: str) -> str:
    """The OAuth2 access token that `command` prints. Raises SettingsError when it fails or prints nothing usable."""
    remedy = "Run token_command by hand: it must print one access token and exit with 0."
    try:
        done = subprocess.run(
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=TOKEN_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as wrong:
        raise SettingsError(f"token_command cannot be run: {wrong}", remedy=remedy) from wrong
    token = done.stdout[: TOKEN_OCTETS + 1].strip()
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise SettingsError(f"token_command failed with status {done.returncode}: {said}", remedy=remedy)
    if not token or len(token) > TOKEN_OCTETS or not all(33 <= octet <= 126 for octet in token):
        raise SettingsError("token_command printed no access token", remedy=remedy)
    return token.decode("ascii")
