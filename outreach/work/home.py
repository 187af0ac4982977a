"""Where a workspace on SQLite lives: a folder that was copied, and would send beside the first one, is told from it.

Law: a copy knows all that the first one knew, so no mark of turns tells them apart (RELIABILITY I10); what a copy
cannot take along is what the disk says of a file that stays as it is, and the place where it lies. Both must differ
before a person is asked: a file that was put back in its place, and a folder that another path leads to, are the same.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MACHINE = Path("/etc/machine-id")
"""What names an installation of Linux, machine-id(5); it must not be shown, so a hash of it is kept."""
NOWHERE = UNKNOWN = "none"
"""The number of a file that is not there; the machine that nothing names: a container's, which has a new host name
with every start."""


@dataclass(frozen=True, slots=True)
class Home:
    """`number` is the inode of that file and the time at which it was last changed, which no program can set (the
    inode alone is no proof: on two new disks the copies of one folder lie at nearly the same ones); `machine` is a
    hash, `host` and `path` are for people.
    """

    number: str
    machine: str
    host: str
    path: str

    def line(self) -> str:
        """As it stands in the workspace's row."""
        return f"{self.number} {self.machine} {self.host} {self.path}"

    def words(self) -> str:
        """For a person."""
        return f"{self.path} on {self.host}"

    def is_copied_to(self, here: Home) -> bool:
        """Whether `here` is another folder than this one, which may still be there."""
        other_file = here.number != self.number or here.number == NOWHERE
        other_machine = here.machine != self.machine and UNKNOWN not in (here.machine, self.machine)
        return other_file and (other_machine or here.path != self.path)


def home_at(root: Path, beside: Path) -> Home:
    """The home that this folder is, told by the file `beside` its database, whose content never changes."""
    try:
        found = beside.stat()
        number = f"{found.st_ino}-{found.st_ctime_ns}"
    except OSError:
        number = NOWHERE
    host = platform.node().replace(" ", "-") or "unknown"
    return Home(number, _machine(), host, os.fsencode(root).decode("utf-8", "backslashreplace"))


def read_home(line: str) -> Home | None:
    """The home that `Home.line` wrote; None where none is known."""
    parts = line.split(" ", 3)
    return Home(*parts) if len(parts) == 4 else None


@cache
def _machine() -> str:
    try:
        known = MACHINE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    return hashlib.sha256(f"outreach {known}".encode()).hexdigest()[:16] if known else UNKNOWN
