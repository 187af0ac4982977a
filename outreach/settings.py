"""Settings: read once from outreach.toml and OUTREACH_… variables, frozen, handed on by argument.

Law: an unknown key is refused by name; a secret comes from a variable or a file, and is never printed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from .errors import SettingsError
from .settings_calendar import Calendar
from .settings_faults import Contradiction, excerpt, explain
from .settings_nights import Alerts, Retention
from .settings_office import USUAL_RULES, Cases, EscalationRule, Hours, check_rules
from .settings_part import Part
from .settings_plan import PlanSettings, Reach
from .settings_signing import Dkim
from .settings_steps import Steps
from .settings_variables import overlay

FILE = "outreach.toml"


class Identity(Part):
    """Who we are to our customers. Every bulk mail carries the company's name and postal address."""

    company: str = "Acme"
    sender: str = Field("Acme Care <care@acme.example>", description="the From of a campaign that names none")
    postal_address: str = ""
    language: str = "en"
    zone: str = Field("UTC", description="IANA zone of schedules and of customers whose own is unknown")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
            raise ValueError(f"{value!r} is no IANA time zone such as Europe/Berlin") from wrong
        return value


class Relay(Part):
    """An SMTP server that we hand mail to. `catcher` marks the built-in one: nothing leaves the house.

    Of several, each gets its share by `weight`; one that is `backup` is used only while no other works. A limit of 0 is
    none; `warmup` says how many mails may go on its first, second, … day, without limit after the last.
    """

    name: str = Field("main", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    weight: int = Field(1, ge=1, le=1000)
    backup: bool = False
    host: str = "127.0.0.1"
    port: int = Field(2525, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "none"
    verify: bool = True
    ca_file: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    auth: Literal["auto", "plain", "login", "xoauth2"] = "auto"
    token_command: str = Field("", description="prints an OAuth2 access token, for xoauth2")
    hello: str = Field("", description="the name said in EHLO; empty: this machine's")
    connections: int = Field(10, ge=1, le=200)
    messages_per_connection: int = Field(1000, ge=1)
    per_second: int = Field(0, ge=0)
    per_minute: int = Field(0, ge=0)
    per_hour: int = Field(0, ge=0)
    per_day: int = Field(0, ge=0)
    warmup: tuple[int, ...] = ()
    connect_timeout: float = Field(30.0, gt=0, description="seconds")
    reply_timeout: float = Field(300.0, gt=0, description="seconds; RFC 5321 4.5.3.2")
    dot_timeout: float = Field(600.0, gt=0, description="seconds after the final dot; RFC 5321 4.5.3.2.6")
    signs_dkim: bool = Field(False, description="the relay signs what we hand it: we do not")
    maillog: str = Field("", description="its log (Postfix), which `run` reads on by itself")
    catcher: bool = False
    catcher_maildir: str = "mail"

    @property
    def heading(self) -> str:
        """Where a person finds it in outreach.toml."""
        return "[relay]" if self.name == "main" else f"[[relays]] named {self.name}"

    @field_validator("warmup")
    @classmethod
    def _ramp(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(mails < 1 for mails in value):
            raise ValueError("must name at least 1 mail for each of its days")
        return value

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Relay:
        if self.backup and "weight" in self.model_fields_set and self.weight != 1:
            raise ValueError("a backup has no weight: it is used only while no other relay works")
        return self


class DomainLimits(Part):
    """What recipients' domains bear: all domains of one provider together; "*" is each domain that is not named."""

    names: tuple[str, ...]
    per_minute: int = Field(0, ge=0)
    per_hour: int = Field(0, ge=0)
    connections: int = Field(0, ge=0, le=1000)

    @field_validator("names", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [name for name in value.replace(",", " ").split() if name]
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            raise ValueError('must be domains, such as "gmail.com, googlemail.com", or "*" for every other')
        return tuple(name.strip().lower().rstrip(".") for name in value)

    @field_validator("names")
    @classmethod
    def _domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value == ("*",):
            return value
        wrong = next(
            (name for name in value if not re.fullmatch(r"[^\s@*/]+\.[^\s@*/.]+", name)), "" if value else "nothing"
        )
        if wrong:
            raise ValueError(f'{wrong} is no domain; "*" stands alone, for every domain that is not named')
        try:
            return tuple(name.encode("idna").decode() for name in value)
        except UnicodeError as bad:
            raise ValueError(f"names a domain that cannot be: {bad}") from bad

    @model_validator(mode="after")
    def _says_something(self) -> DomainLimits:
        if not (self.per_minute or self.per_hour or self.connections):
            raise ValueError("sets no limit: give per_minute, per_hour or connections")
        return self


class Public(Part):
    """The address under which `outreach serve` is reached. Without https, mail carries mailto: links only."""

    url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(8025, ge=1, le=65535)
    form: bool = Field(False, description="a contact form at /contact")

    @property
    def linkable(self) -> bool:
        """Whether links to us may leave the house."""
        return self.url.startswith("https://")


class MailboxSettings(Part):
    """A place where replies arrive."""

    name: str
    kind: Literal["maildir", "mbox", "imap"]
    path: str = ""
    host: str = ""
    port: int = 993
    tls: Literal["none", "starttls", "tls"] = "tls"
    verify: bool = True
    ca_file: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    token_command: str = Field("", description="prints an OAuth2 access token: then XOAUTH2 is used")
    folders: tuple[str, ...] = ("INBOX", "Junk")
    sent: bool = Field(False, description="a Sent folder of ours: only what answers a case is kept of it")

    @model_validator(mode="before")
    @classmethod
    def _sent_folder(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("sent") and "folders" not in values:
            return {**values, "folders": ("Sent",)}
        return values


class Replies(Part):
    """Where answers go. The Reply-To is this address with a signed token behind the plus sign."""

    address: str = Field("", description="empty: the sender's own address")
    bounces: str = Field("", description="the address of the reverse-path; empty: the same as `address`")
    scheme: Literal["plus", "plain"] = Field("plus", description="plain: the relay takes no plus-addresses")
    mailboxes: tuple[MailboxSettings, ...] = ()
    max_bytes: int = Field(25_000_000, ge=100_000, description="a larger mail is kept cut, and flagged")
    every_seconds: int = Field(60, ge=5)
    folder: str = Field("incoming", description="files of messages dropped there are taken in; empty: none")
    processes: int = Field(0, ge=0, le=16, description="that read, the one that writes included; 0: by cores and size")
    blind_minutes: int = Field(
        30, ge=0, description="an offer waits while a mailbox was not read for so long; 0: never"
    )


class Sending(Part):
    """How editions go out."""

    batch: int = Field(1000, ge=1, le=5000, description="deliveries claimed at a time")
    lease_seconds: int = Field(600, ge=5)
    preflight_all_up_to: int = Field(10_000, ge=0)
    max_failing: float = Field(0.02, ge=0, le=1, description="share that may fail to render")
    max_crashes: int = Field(3, ge=1)
    processes: int = Field(0, ge=0, le=64, description="that send, desk included; 1: all in one; 0: by cores and size")
    stop_seconds: float = Field(30.0, ge=0, description="to finish what is in the air when told to stop")
    expires_days: int = Field(5, ge=1, description="a mail not accepted by then is given up; RFC 5321 4.5.4.1")
    retry_minutes: tuple[int, ...] = Field(
        (30, 60, 120, 180), description="how long to wait after the first, second, … try; the last holds from there on"
    )
    quiet_from: time = time(21, 0)
    quiet_until: time = time(8, 0)
    per_week: int = Field(2, ge=1, description="bulk mails to one person in seven days; service mail is free")
    tips_per_issue: int = Field(3, ge=1, le=12)
    missed: Literal["send", "skip", "ask"] = "send"
    waves_above: int = Field(0, ge=0, description="larger editions go in waves by themselves; 0: none does")
    wave_minutes: int = Field(60, ge=0, description="between the end of a wave and the look at it")
    missed_hours: int = Field(12, ge=0, description="'send' does so up to this age, then a person is asked")

    @field_validator("retry_minutes")
    @classmethod
    def _ladder(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or not all(1 <= minutes <= 10_080 for minutes in value):
            raise ValueError("must name one wait at least, each from 1 minute to 10080 (a week)")
        return value


class Bounces(Part):
    """What follows when mail bounces. Only a bad address is suppressed; other bounces are points."""

    limit: float = Field(3.0, ge=1, description="points at which an address rests; at most one point a day")
    half_life_days: float = Field(30.0, gt=0, description="after so many days a point counts half")
    storm_least: int = Field(10, ge=3, description="addresses of one domain that must bounce within an hour")
    storm_share: float = Field(0.3, gt=0, lt=1, description="and the share of its mail that this must surely exceed")
    storm_hours: float = Field(6.0, gt=0, description="for so long mail to that domain waits")


class Settings(Part):
    """All of outreach.toml."""

    database: str = "outreach.db"
    identity: Identity = Identity()
    relay: Relay = Relay()
    relays: tuple[Relay, ...] = ()
    domains: tuple[DomainLimits, ...] = ()
    dkim: Dkim = Dkim()
    public: Public = Public()
    replies: Replies = Replies()
    sending: Sending = Sending()
    bounces: Bounces = Bounces()
    calendar: Calendar = Calendar()
    hours: Hours = Hours()
    cases: Cases = Cases()
    plan: PlanSettings = PlanSettings()
    reach: Reach = Reach()
    escalations: tuple[EscalationRule, ...] = ()
    steps: Steps = Steps()
    alerts: Alerts = Alerts()
    retention: Retention = Retention()
    topics: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _mailboxes_differ(self) -> Settings:
        names = [box.name for box in self.replies.mailboxes]
        if len(names) != len(set(names)):
            raise ValueError("two mailboxes have the same name")
        return self

    @property
    def all_relays(self) -> tuple[Relay, ...]:
        """[relay], unless only [[relays]] are given, and then each of those."""
        if self.relays and "relay" not in self.model_fields_set:
            return self.relays
        return (self.relay, *self.relays)

    @field_validator("escalations")
    @classmethod
    def _one_catches_all(cls, value: tuple[EscalationRule, ...]) -> tuple[EscalationRule, ...]:
        return check_rules(value)

    @property
    def escalation_rules(self) -> tuple[EscalationRule, ...]:
        """[[escalations]] in their order, or the usual ones where none are written."""
        return self.escalations or USUAL_RULES

    @model_validator(mode="after")
    def _relays_agree(self) -> Settings:
        for number, relay in enumerate(self.relays):
            if "name" not in relay.model_fields_set:
                raise Contradiction("each of [[relays]] needs a name of its own", "relays", number)
        relays = self.all_relays
        _check_differ([relay.name.lower() for relay in relays], "two relays have the same name", len(self.relays))
        servers = [(relay.host.lower(), relay.port, relay.username) for relay in relays]
        same = "two relays are the same server: its limits would count for each name anew"
        _check_differ(servers, same, len(self.relays))
        if all(relay.backup for relay in relays):
            raise ValueError("every relay is a backup: one must be used first")
        if len(relays) > 1 and any(relay.catcher for relay in relays):
            raise ValueError("the catcher keeps mail in the house and the other relays do not: set catcher = false")
        return self

    @model_validator(mode="after")
    def _alerts_name_a_relay(self) -> Settings:
        if self.alerts.relay and self.alerts.relay not in {relay.name for relay in self.all_relays}:
            raise Contradiction(f"there is no relay named {self.alerts.relay!r}", "alerts", "relay")
        return self

    @model_validator(mode="after")
    def _domains_differ(self) -> Settings:
        seen: set[str] = set()
        for number, limits in enumerate(self.domains):
            for name in limits.names:
                if name in seen:
                    raise Contradiction(f"[[domains]] names {name} twice", "domains", number, "names")
                seen.add(name)
        return self


def _check_differ(values: Sequence[object], words: str, beside: int) -> None:
    """Raises Contradiction at the second of two relays that are alike; the last `beside` of them are [[relays]]."""
    for at, value in enumerate(values):
        if value in values[:at]:
            raise Contradiction(words, "relays", at - (len(values) - beside))


def starter_templates() -> Path:
    """The layouts, starter campaigns and tips shipped with the program: in the wheel, or beside the checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


def load_settings(root: Path, environ: dict[str, str] | None = None) -> Settings:
    """The settings of the workspace at `root`; variables such as OUTREACH_RELAY__PORT win over the file.

    Raises SettingsError naming the file, the line where it can be known (or the variable), and the key.
    """
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"{root} is no outreach workspace: it has no {FILE}",
            remedy="Run `outreach init NAME`, or name the workspace with --workspace DIR.",
        ) from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{path} cannot be read: {wrong}", remedy="It must be a UTF-8 file.") from wrong
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise SettingsError(f"{path} is not valid TOML: {wrong}", remedy=excerpt(text, wrong)) from wrong
    variables = overlay(values, dict(os.environ) if environ is None else environ, Settings.model_fields)
    try:
        return Settings.model_validate(values)
    except ValidationError as wrong:
        told = explain(path, text, wrong, variables)
        raise SettingsError(told, remedy="Mend the file (or the variable) and retry.") from None


def read_secret(value: SecretStr, file: str, root: Path, *, what: str) -> str:
    """A secret from its setting, or else from its file relative to the workspace.

    A mark that an editor puts before the text (BOM) is no part of it. Raises SettingsError when it cannot be read.
    """
    if value.get_secret_value():
        return value.get_secret_value()
    if not file:
        return ""
    try:
        return (root / Path(file).expanduser()).read_text(encoding="utf-8-sig").strip()
    except OSError as wrong:
        raise SettingsError(
            f"the {what} cannot be read from {file}: {wrong.strerror}",
            remedy="Name a file that exists and is readable.",
        ) from wrong
    except UnicodeDecodeError:
        remedy = "Write it anew, as UTF-8 and with nothing but the password in it."
        raise SettingsError(f"the {what} in {file} is no UTF-8 text", remedy=remedy) from None
