"""The command line: one module per noun, loaded only when it is called.

Law: a door holds no rule. No traceback reaches a user; the exit status is 0 done, 1 failed, 2 wrong usage,
3 needs a person's decision. Imports inside functions are allowed here, for `outreach --help` within 0.25 s.
"""

from __future__ import annotations

import gc
import sys

LOADED = 400_000
"""More objects than the largest command has when all that it needs is loaded."""
OFTEN = 20_000
OLDER = 20, 20


def main() -> None:
    """Run the program; the entry point of the `outreach` script.

    Garbage is looked for less often than by Python's default of 700 new objects, for the first time when the program
    stands, and not once more at the end: most commands never come to it. That took a seventh of each.
    """
    gc.set_threshold(LOADED, *OLDER)
    gc.callbacks.append(_keep_what_stands)
    sys.unraisablehook = _say_again
    from .app import app  # lazy: importing `outreach.cli` must cost nothing

    try:
        sys.exit(app())
    finally:
        gc.freeze()


def _keep_what_stands(phase: str, _found: dict[str, int]) -> None:
    if phase == "stop":
        gc.callbacks.remove(_keep_what_stands)
        gc.freeze()
        gc.set_threshold(OFTEN, *OLDER)


def _say_again(unheard: sys.UnraisableHookArgs) -> None:
    """Ctrl-C in the midst of a look for garbage is ignored by Python: say it once more when that is over."""
    if unheard.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unheard)
        return
    import os
    import signal
    from threading import Timer

    Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
