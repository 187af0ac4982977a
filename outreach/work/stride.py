"""How much the next transaction does, by how long the last ones took.

Law: what a commit takes whatever it holds is told apart from what each row takes: on a disk that answers slowly small
transactions last as long as large ones, and only become many (RELIABILITY I12). Pure: seconds come in.
"""

from __future__ import annotations

AIM, LIMIT, DEAR = 0.09, 0.16, 0.13
"""Seconds that a transaction should take, that it may take where committing alone takes most of them, and beyond which
the next ones are to be shorter."""
LEAST = 0.02
"""Seconds that rows may take however long a commit does."""
KEEP = 0.75
"""What the last measurement but one counts beside the last."""


class Stride:
    """How many rows at once: between `smallest` and `most`."""

    def __init__(self, smallest: int, most: int) -> None:
        self._smallest, self._most, self._care = smallest, most, 1.0
        self._each = self._fixed = self._carried = 0.0
        self._sums = (0.0,) * 6
        self.rows = max(1, min(smallest, most // 16))

    def note(self, rows: int, seconds: float, commit: float) -> None:
        """Take in what so many rows took until all was said, and then to commit; `rows` is what the next may be."""
        if rows <= 0:
            return
        new = (1.0, float(rows), seconds, commit, float(rows * rows), rows * commit)
        self._sums = tuple([KEEP * old + more for old, more in zip(self._sums, new, strict=True)])  # type: ignore[assignment]
        self._tell_apart()
        self._be_careful(seconds + commit)
        for_rows = max(AIM * self._care - self._fixed, min(self._fixed, LIMIT * self._care - self._fixed), LEAST)
        wanted = int(min(self._most, for_rows / max(1e-9, self._each)))
        self.rows = max(self._smallest, min(self.rows * 2, wanted))

    def _be_careful(self, took: float) -> None:
        """Where something else now and then takes the core away, half as many rows meet it half as often."""
        dear = took > max(DEAR, self._fixed + 3 * LEAST)
        self._care = max(0.25, self._care / 2) if dear else min(1.0, self._care * 1.2)

    def _tell_apart(self) -> None:
        """What a commit takes by itself, and what each row does: a straight line through the measurements, as far as
        they are of different sizes; else it is as it was, or all the commit's own until larger ones show otherwise."""
        count, of_rows, of_seconds, of_commits, of_squares, of_both = self._sums
        rows, commit = of_rows / count, of_commits / count
        spread = of_squares / count - rows * rows
        if spread > (rows / 8) ** 2:
            self._carried = min(max((of_both / count - rows * commit) / spread, 0.0), commit / rows)
        else:
            self._carried = min(self._carried, commit / rows)
        self._fixed, self._each = commit - self._carried * rows, of_seconds / of_rows + self._carried
