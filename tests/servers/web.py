"""nginx and Caddy: as they are installed, else unpacked from Debian's packages and not installed (no port is taken)."""

from __future__ import annotations

import os
import shutil
from functools import cache

from .debian import unpacked

PLACES = {"nginx": ("usr/sbin/nginx", ("nginx",)), "caddy": ("usr/bin/caddy", ("caddy",))}


@cache
def program(name: str) -> str:
    """The path of `name`. Raises NotToBeHad with the reason where it cannot be run here."""
    inside, packages = PLACES[name]
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or str(unpacked(name, packages) / inside)
