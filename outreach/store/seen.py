"""Which customers a file has had already, however long it is: in constant memory.

Law: whom the import made it knows by stretches of ids, whom it found by two bits each. Rows with one address come here
together; this is for those by which one customer is known twice: by two addresses, or by a number and a name.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

FOUND, TIED = 1, 2
"""A customer's bits: a row of the file was they; it told that they are on the list."""


class Seen:
    """Remembers the customers of one file."""

    def __init__(self) -> None:
        self.made: list[list[int]] = []
        self._bits = bytearray()

    def add_made(self, ids: Sequence[int]) -> None:
        """Take in which customers the import has made, by rising ids."""
        if ids and ids[-1] - ids[0] == len(ids) - 1:
            ids = [ids[0], ids[-1]]
            if self.made and self.made[-1][1] == ids[0] - 1:
                self.made[-1][1] = ids[1]
            else:
                self.made.append(ids)
            return
        for one in ids:
            if self.made and self.made[-1][1] == one - 1:
                self.made[-1][1] = one
            else:
                self.made.append([one, one])

    def made_here(self, customer_id: int) -> bool:
        """Whether the import has made this customer."""
        return any(first <= customer_id <= last for first, last in self.made)

    def before(self, customer_id: int, *, tied: bool = True) -> bool:
        """Whether an earlier row of the file was this customer; the next time they are. `tied`: this row told that
        they are on the list.
        """
        if self.made_here(customer_id):
            return True
        place, shift = customer_id >> 2, (customer_id & 3) * 2
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1024 - len(self._bits)))
        seen = bool(self._bits[place] & FOUND << shift)
        self._bits[place] |= (FOUND | TIED if tied else FOUND) << shift
        return seen

    def packed(self) -> bytes:
        """Whom the file found, to be kept: 250 KB for a million of four million customers in no order."""
        return zlib.compress(bytes(self._bits))


class Found:
    """Whom a file had found, as it was kept."""

    def __init__(self, packed: bytes) -> None:
        self._bits = zlib.decompress(packed)

    def of(self, customer_id: int) -> int:
        """This customer's bits."""
        place = customer_id >> 2
        return self._bits[place] >> (customer_id & 3) * 2 & (FOUND | TIED) if place < len(self._bits) else 0
