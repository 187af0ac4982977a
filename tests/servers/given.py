"""A few lines of Python in a process of its own: `python -m tests.servers.given LINES WORDS…`, as `python -c` has them.

It may be forked from a process that has loaded the program (see `program`), which `python -c` may not.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the lines; they find the words in `sys.argv[1:]`."""
    lines = sys.argv.pop(1)
    exec(compile(lines, "<given>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
