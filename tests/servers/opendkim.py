"""OpenDKIM, the verifier that many mail servers run, over messages in files and keys in a table."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from .debian import TRIPLET, NotToBeHad, unpacked

PACKAGES = (
    *("opendkim", "libopendkim11", "libmilter1.0.1", "libdb5.3", "libopendbx1", "libmemcached11", "liblua5.3-0"),
    *("libldap-2.5-0", "libunbound8", "libvbr2", "librbl1", "libbsd0", "libhashkit2", "libsasl2-2", "libevent-2.1-7"),
    "libmd0",
)
CONFIGURATION = "Mode v\nTestDNSData file:{keys}\nSyslog no\nRequireSafeKeys no\n"


@cache
def _program() -> tuple[str, dict[str, str]]:
    root = unpacked("opendkim", PACKAGES)
    library = root / "usr" / "lib"
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{library / TRIPLET}:{library}"}
    found = str(root / "usr" / "sbin" / "opendkim")
    tried = subprocess.run([found, "-V"], env=environment, capture_output=True, text=True)
    if tried.returncode != 0:
        raise NotToBeHad(f"OpenDKIM does not run here: {tried.stderr.strip()[-200:]}")
    return found, environment


def opendkim_says(folder: Path, messages: Sequence[bytes], records: Mapping[str, str]) -> list[list[str]]:
    """For each message its verdict on each signature, such as `pass` or `fail`; `records` are the TXT records.

    Raises NotToBeHad where OpenDKIM cannot be run.
    """
    found, environment = _program()
    keys, settings = folder / "keys.txt", folder / "opendkim.conf"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    settings.write_text(CONFIGURATION.format(keys=keys))
    verdicts = []
    for number, message in enumerate(messages):
        file = folder / f"{number}.eml"
        file.write_bytes(message)
        command = [found, "-x", str(settings), "-t", str(file), "-vv"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", timeout=30)
        verdicts.append(re.findall(r"^\s*dkim=(\w+)", done.stdout, re.MULTILINE))
    return verdicts
