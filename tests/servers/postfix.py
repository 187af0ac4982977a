"""Postfix's smtp-sink and smtp-source, unpacked from Debian's package and run without installing anything.

They are the yardstick of the send benchmarks: a sink that takes mail faster than anybody sends it, and a source that
sends as fast as C can. The unpacked tree is kept in a temporary folder and used again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .debian import TRIPLET, NotToBeHad, unpacked

__all__ = ["NotToBeHad", "Tools", "postfix_tools", "run_smtp_source", "start_smtp_sink"]

PACKAGES = ("postfix", "libicu72", "libnsl2", "libtirpc3")


@dataclass(frozen=True)
class Tools:
    """The unpacked tree."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which its programs find their libraries."""
        library = self.root / "usr" / "lib"
        return {**os.environ, "LD_LIBRARY_PATH": f"{library / 'postfix'}:{library / TRIPLET}"}

    def command(self, name: str) -> list[str]:
        """How to call `smtp-sink` or `smtp-source`; smtp-sink runs as nobody where we are root."""
        found = [str(self.root / "usr" / "sbin" / name)]
        return [*found, "-u", "nobody"] if name == "smtp-sink" and os.getuid() == 0 else found


@cache
def postfix_tools() -> Tools:
    """The tools, from the system or unpacked now. Raises NotToBeHad with the reason."""
    installed = Path("/usr/sbin/smtp-sink")
    if installed.exists():
        return Tools(Path("/"))
    tools = Tools(unpacked("postfix", PACKAGES))
    tried = subprocess.run([*tools.command("smtp-source"), "-?"], env=tools.environment, capture_output=True, text=True)
    if "loading shared libraries" in tried.stderr:
        raise NotToBeHad(f"Postfix's tools do not run here: {tried.stderr.strip()[-200:]}")
    return tools


@contextmanager
def start_smtp_sink(*options: str, backlog: int = 1000) -> Iterator[int]:
    """Run smtp-sink on 127.0.0.1 until the block ends; its port. `options` as in its manual page, such as `-c`."""
    tools = postfix_tools()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [*tools.command("smtp-sink"), *options, f"127.0.0.1:{port}", str(backlog)],
        env=tools.environment,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.communicate()


def run_smtp_source(port: int, *, messages: int, connections: int, size: int, timeout: float = 300.0) -> float:
    """Send `messages` of `size` octets over kept connections (`smtp-source -d`); the seconds that it took."""
    tools = postfix_tools()
    options = ["-d", "-s", str(connections), "-l", str(size), "-m", str(messages), f"127.0.0.1:{port}"]
    started = time.perf_counter()
    subprocess.run(
        [*tools.command("smtp-source"), *options],
        env=tools.environment,
        check=True,
        capture_output=True,
        timeout=timeout,
    )
    return time.perf_counter() - started


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as probe:
                probe.settimeout(5)
                if probe.recv(100).startswith(b"220"):
                    return
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise NotToBeHad(f"smtp-sink does not run: {process.communicate()[1].strip()[-200:]}")
