"""Which customers a file has had already, however long it is: in constant memory.

Law: whom the import made it knows by stretches of ids, whom it found by a bit each. Rows with one address come here
together; this is for those by which one customer is known twice: by two addresses, or by a number and a name.
"""

from __future__ import annotations

from collections.abc import Sequence


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

    def before(self, customer_id: int) -> bool:
        """Whether an earlier row of the file was this customer; the next time they are."""
        if self.made_here(customer_id):
            return True
        place, bit = customer_id >> 3, 1 << (customer_id & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1024 - len(self._bits)))
        seen = bool(self._bits[place] & bit)
        self._bits[place] |= bit
        return seen
