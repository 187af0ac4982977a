"""The settings that let people sleep: who is told when something needs a person, and how long what is kept.

Law: with nobody set, nobody is told; an address that is none is refused when it is read.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from .settings_part import Part


class AlertServer(Part):
    """A second SMTP server, for alert mails alone: they must leave when the first one does not answer."""

    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    verify: bool = True
    ca_file: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""


class Alerts(Part):
    """Who is told when something needs a person, and by which way. With neither `to` nor `command` nobody is."""

    to: tuple[str, ...] = ()
    sender: str = Field("", description="the From of alert mails; empty: the identity's sender")
    relay: str = Field("", description="the name of the relay that alert mails leave by")
    command: str = ""
    shell: bool = Field(False, description="give the command to a shell")
    command_seconds: float = Field(30.0, gt=0, le=600)
    silent_minutes: int = Field(10, ge=2, description="without a sign of life the daemon counts as silent")
    doubt_minutes: int = Field(15, ge=0, description="a mail in doubt for so long needs a person")
    server: AlertServer = AlertServer()

    @field_validator("to", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        """A variable holds them on one line, with commas between."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if address.count("@") != 1 or any(sign.isspace() for sign in address):
                raise ValueError(f"{address!r} is no e-mail address")
        return value


class Retention(Part):
    """Days after which `outreach prune` lets things go; 0 keeps them for ever. Proof, consent and suppression stay."""

    bodies_days: int = Field(730, ge=0)
    moves_days: int = Field(365, ge=0)
    reasons_days: int = Field(365, ge=0)
    workers_days: int = Field(30, ge=0)
    alerts_days: int = Field(365, ge=0)
    pace_days: int = Field(30, ge=0)
    notices_days: int = Field(365, ge=0)
    merges_days: int = Field(365, ge=0)
    stops_days: int = Field(730, ge=0)
    unconfirmed_days: int = Field(30, ge=0)
