"""The tally of a set of people: how many, and a digest that does not depend on their order.

Law: the digest is the sum of the SHA-256 of each address key, modulo 2^256: adding people in any order, or a few
at a time, gives the same; leaving one out or counting one twice gives another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class Tally:
    """A count of people and the digest of their address keys as 64 hexadecimal digits."""

    count: int = 0
    digest: str = "0" * 64

    def add(self, keys: Iterable[str]) -> Tally:
        """The tally with these people added."""
        total, count = int(self.digest, 16), self.count
        for key in keys:
            total += int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
            count += 1
        return Tally(count, f"{total % MODULUS:064x}")


def people_digest(keys: Iterable[str]) -> str:
    """The digest of a set of people."""
    return Tally().add(keys).digest
