"""Signing what leaves the house: which keys sign, for which domain, and whether receivers can find them.

Law: whoever is to sign and cannot is told before anything is sent; a key that no setting names signs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import idna

from ..delivery.domain import Finding, judge_alignment, judge_own_key
from ..errors import SettingsError
from ..settings import Settings
from ..wire.dkim import DkimKey, Signer
from ..wire.dkim_keys import FOLDER, algorithm_of, key_path, public_text, read_key, record_name, record_text, zone_line
from ..wire.dns import find_txt
from .press import Sign
from .workspace import Workspace


@dataclass(frozen=True)
class KnownKey:
    """One key of the folder. `signs`: mail is signed with it; `record`: its TXT record's value; `fault`: it cannot be
    used, and why."""

    selector: str
    algorithm: str
    domain: str
    signs: bool
    name: str
    record: str
    fault: str = ""

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file."""
        return zone_line(self.name, self.record)


def signing_domain(workspace: Workspace) -> str:
    """The domain that signatures name (`d=`), as the DNS writes it. Raises SettingsError for what is none."""
    return ascii_domain(workspace.settings.dkim.domain or workspace.sender_domain)


def ascii_domain(domain: str) -> str:
    """`domain` as the DNS writes it. Raises SettingsError for what is no domain."""
    try:
        return idna.encode(domain.strip().rstrip("."), uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as wrong:
        raise SettingsError(
            f"{domain!r} is no domain that could sign mail: {wrong}", remedy="Set `domain` in [dkim]."
        ) from wrong


def signing_keys(workspace: Workspace) -> tuple[DkimKey, ...]:
    """The keys that sign, read from their files; none where nobody signs.

    Raises SettingsError where one that the settings name is missing or cannot be used.
    """
    selectors = workspace.settings.dkim.selectors
    if not selectors:
        return ()
    domain = signing_domain(workspace)
    return tuple(DkimKey(selector, domain, read_key(workspace.root, selector)) for selector in selectors)


def we_sign(settings: Settings) -> bool:
    """Whether mail is signed here at all: some key is named, and some relay does not sign by itself."""
    return bool(settings.dkim.selectors) and not all(relay.signs_dkim for relay in settings.all_relays)


def open_signer(workspace: Workspace) -> Signer | None:
    """What signs this workspace's mail; None where nobody does, or every relay. Raises as `signing_keys`."""
    if not we_sign(workspace.settings):
        return None
    return Signer(signing_keys(workspace), valid_days=workspace.settings.dkim.valid_days)


def open_sign(workspace: Workspace) -> Sign | None:
    """The same as what a press takes; it can be handed to another process."""
    signer = open_signer(workspace)
    return signer.sign if signer is not None else None


def known_keys(workspace: Workspace) -> list[KnownKey]:
    """Every key of the folder, and every one that the settings name."""
    found = {path.stem for path in (workspace.root / FOLDER).glob("*.pem")}
    domain, named = signing_domain(workspace), workspace.settings.dkim.selectors
    signing = named if we_sign(workspace.settings) else ()
    return [known_key(workspace.root, one, domain, signs=one in signing) for one in sorted(found | set(named))]


def known_key(root: Path, selector: str, domain: str, *, signs: bool = False) -> KnownKey:
    """What can be told of the key of `selector`."""
    name = record_name(selector, domain)
    try:
        pem = read_key(root, selector)
    except SettingsError as wrong:
        return KnownKey(selector, "", domain, signs, name, "", wrong.message)
    return KnownKey(selector, algorithm_of(pem), domain, signs, name, record_text(pem))


def check_keys(
    workspace: Workspace, *, server: str = "", port: int = 53, selectors: Sequence[str] = ()
) -> Iterator[Finding]:
    """Can receivers find these keys (else all that the settings name), are they ours, and for the right domain?"""
    domain = signing_domain(workspace)
    chosen = selectors or workspace.settings.dkim.selectors
    if chosen and workspace.settings.dkim.domain:
        yield judge_alignment(domain, ascii_domain(workspace.sender_domain))
    for selector in chosen:
        try:
            pem = read_key(workspace.root, selector)
        except SettingsError as wrong:
            yield Finding("DKIM key", "bad", wrong.message, wrong.remedy)
            continue
        path = key_path(workspace.root, selector)
        if path.stat().st_mode & 0o077:
            yield Finding("DKIM key", "bad", f"{path.name} can be read by others", f"chmod 600 {path}")
        name, record = record_name(selector, domain), record_text(pem)
        found = find_txt(name, server=server, port=port)
        if found is None:
            yield Finding(
                "DKIM key", "note", f"the DNS gave no answer for {name}", "Check again where it can be reached."
            )
            continue
        kind = algorithm_of(pem).partition("-")[0]
        yield judge_own_key(name, found, kind=kind, public=public_text(pem), publish=zone_line(name, record))
