"""The command line: one module per noun, loaded only when it is called.

Law: a door holds no rule. No traceback reaches a user; the exit status is 0 done, 1 failed, 2 wrong usage,
3 needs a person's decision. Imports inside functions are allowed here, for `outreach --help` within 0.25 s.
"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the program; the entry point of the `outreach` script.

    Garbage is looked for less often than by Python's default of 700 new objects: that took a tenth of each start.
    """
    gc.set_threshold(20_000, 20, 20)
    from .app import app  # lazy: importing `outreach.cli` must cost nothing

    sys.exit(app())
