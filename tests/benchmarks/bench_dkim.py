"""What a signature costs beside the bare one: `python -m tests.benchmarks.bench_dkim`.

Prints microseconds of CPU of this thread for a message: the bare private key's `sign`, the whole field or fields with
body hash and header block, and the ratio of both, measured in turns in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from outreach.newsletter.message import Letter, message_parts
from outreach.wire.dkim import DkimKey, Signer, crypto_sign, quick_signature
from outreach.wire.dkim_keys import load_private, make_key

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
ROUNDS = 15


def typical() -> tuple[bytes, bytes]:
    """Header block and body of a bulk mail of about 17 KB."""
    letter = Letter(
        sender="Acme Care <care@acme.example>",
        recipient="ann@example.com",
        reply_to="care+r1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@acme.example",
        subject="Spring cleaning in ten minutes, Ann",
        date=NOW,
        message_id="<abcdefgh.o@acme.example>",
        text="A line of text that a reader reads.\n" * 110,
        html="<p>A <b>paragraph</b> with some marks in it</p>\n" * 260,
        bulk=True,
        list_id="Customers <customers.acme.example>",
        unsubscribe="https://news.acme.example/u/" + "x" * 40,
        feedback_id="spring:3:tips:acme",
    )
    return message_parts(letter)


def cost(work: Callable[[], object], times: int) -> float:
    """Microseconds of CPU for one `work`."""
    started = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - started) / times * 1e6


def measure(root: Path, ways: tuple[str, ...], times: int) -> tuple[float, float, float]:
    """Median microseconds of the bare signatures, of ours, and of their ratio in the same round."""
    head, body = typical()
    keys = [DkimKey(way, "acme.example", make_key(root, "-".join((way, *ways)), way)) for way in ways]
    signer = Signer(keys)
    alone = [quick_signature(load_private(key.pem, "it")) for key in keys]
    digest = b"x" * 32

    def bare() -> None:
        for sign in alone:
            sign(digest)

    pairs = [(cost(bare, times), cost(lambda: signer.sign(head, body, NOW), times)) for _ in range(ROUNDS)]
    return (
        median(pair[0] for pair in pairs),
        median(pair[1] for pair in pairs),
        median(ours / alone for alone, ours in pairs),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=400, help="signatures a round")
    chosen = parser.parse_args()
    head, body = typical()
    print(f"{len(head) + len(body)} octets a mail; median of {ROUNDS} rounds of {chosen.times}, microseconds of CPU")
    print(f"Ed25519 by {'OpenSSL' if crypto_sign is None else 'libsodium'}")
    with tempfile.TemporaryDirectory() as folder:
        for ways in (("ed25519",), ("rsa",), ("rsa", "ed25519")):
            alone, ours, ratio = measure(Path(folder), ways, chosen.times)
            print(f"{' and '.join(ways):16} bare {alone:7.1f}   signed {ours:7.1f}   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
