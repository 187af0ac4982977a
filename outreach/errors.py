"""Every exception that outreach raises on purpose. The tree is this:

OutreachError                 something a person must repair; never a traceback
├── UsageError                the command or its arguments are wrong          exit 2
├── SettingsError             outreach.toml, an OUTREACH_ variable, a key      exit 1
├── InputError                a file that a person gave us: names file, line   exit 1
│   └── TemplateError         a layout, a tip or a variable inside one         exit 1
├── DatabaseError             cannot be opened, is newer, is full, is locked   exit 1
├── RelayError                the relay cannot be used at all                  exit 1
├── MailboxError              a mailbox cannot be read                         exit 1
├── ClockError                the machine's clock cannot be believed           exit 1
└── NeedsPerson               nothing is wrong, but a person must decide       exit 3

What an SMTP server, a mailbox or a reply can do in the course of work is a value, not an exception.
"""

from __future__ import annotations

from pathlib import Path


class OutreachError(Exception):
    """Something that a person must repair. `remedy` says how, in one sentence."""

    exit_status = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(OutreachError):
    """The command or its arguments are wrong."""

    exit_status = 2


class SettingsError(OutreachError):
    """A setting, an environment variable or the key file cannot be used."""


class InputError(OutreachError):
    """A file that a person gave us cannot be used; says where and how to mend it."""

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        excerpt: str = "",
        remedy: str = "",
    ) -> None:
        place = str(file) if file is not None else ""
        if line is not None:
            place += f":{line}" if place else f"line {line}"
            if column is not None:
                place += f":{column}"
        text = f"{place}: {message}" if place else message
        if excerpt:
            text += f"\n    {excerpt}"
        super().__init__(text, remedy=remedy)
        self.file, self.line, self.column, self.excerpt = file, line, column, excerpt


class TemplateError(InputError):
    """A layout, a campaign's text or a tip cannot be compiled or rendered; `variable` is what was missing."""

    variable = ""


class DatabaseError(OutreachError):
    """The database cannot be opened, is from a newer version, is full, or is locked."""

    again = False
    """Nothing was written, and the same may be tried again at once: two writers had met."""


class RelayError(OutreachError):
    """The relay cannot be used at all: unreachable, wrong password, bad certificate.

    `reason` is the bare cause; `mend` what a person must do before trying again can help, else empty.
    """

    def __init__(self, message: str, *, remedy: str = "", reason: str = "", mend: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason, self.mend = reason, mend


class MailboxError(OutreachError):
    """A mailbox cannot be read."""


class ClockError(OutreachError):
    """The machine's clock was set so far ahead while we ran that it is not followed."""


class NeedsPerson(OutreachError):
    """Nothing is broken, but a person must decide before work goes on."""

    exit_status = 3
