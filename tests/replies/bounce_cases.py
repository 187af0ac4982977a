"""Real bounces that other people received, whom each is about, and whether the address is said to be bad.

`flufl`: the samples of flufl.bounce 6.0.0 (Apache-2.0), looked at while the reader of bounces was built; its own tests
name the recipients, which say "bad address" was read by hand (`SAYS_BAD`). `sisimai`: half of Sisimai's set of emails
(BSD 2-clause), the half that nobody looked at while building, with what Sisimai itself says of each.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outreach.replies.dsn import BounceReport, named_addresses
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound
from outreach.words import FailureClass, Machine

CORPUS = Path(__file__).parent.parent / "corpus"
SAYS_BAD = frozenset(
    "dsn_10 dsn_11 dsn_12 dsn_13 dsn_14 dsn_16 dsn_18 exim_01 groupwise_01 hotpop_01 microsoft_01 microsoft_02 "
    "microsoft_04 postfix_01 qmail_03 qmail_04 qmail_05 simple_04 simple_05 simple_06 simple_08 simple_11 simple_12 "
    "simple_13 simple_15 simple_19 simple_23 simple_26 simple_27 simple_29 simple_30 simple_33 simple_34 simple_36 "
    "simple_39 simple_41 smtp32_04 smtp32_06 smtp32_07 yahoo_03 yahoo_05 yahoo_06 yahoo_07 yahoo_08 yahoo_09 "
    "yahoo_10 yahoo_11 yahoo_13 yale_01 bounce_02".split()
)


@dataclass(frozen=True)
class Sample:
    """A bounce; `recipients` in lower case, `bad`: it says that the address is bad, by whoever labelled it."""

    name: str
    raw: bytes
    recipients: frozenset[str]
    bad: bool


@dataclass(frozen=True)
class Read:
    """What was made of a sample."""

    sample: Sample
    kind: Machine
    report: BounceReport | None
    named: list[str]

    @property
    def alone(self) -> bool:
        """Whether the report names a right recipient, with nothing but the mail to go by."""
        return self.report is not None and self.report.recipient.lower() in self.sample.recipients

    def by_ledger(self, ledger: frozenset[str]) -> bool:
        """Whether the first address of ours that it names is a right one."""
        return next((one for one in self.named if one in ledger), "") in self.sample.recipients

    @property
    def held_bad(self) -> bool:
        return self.report is not None and self.report.failure is FailureClass.BAD_ADDRESS


@dataclass(frozen=True)
class Figures:
    """Shares of 1. `precision`: of those held to be a bad address, how many are one; `recall`: of the bad ones."""

    samples: int
    alone: float
    ledger: float
    precision: float
    recall: float


def flufl_samples() -> list[Sample]:
    """The samples of flufl.bounce; some of them are about nobody."""
    raws = _unpacked("flufl-bounce-6.0.0.tar.xz")
    named: dict[str, list[str]] = json.loads(raws["recipients.json"])
    return [
        Sample(name, raws[name], frozenset(to), name.removesuffix(".txt") in SAYS_BAD) for name, to in named.items()
    ]


def sisimai_samples() -> list[Sample]:
    """The half of Sisimai's samples that was kept unseen."""
    raws = _unpacked("sisimai-unseen.tar.xz")
    labels = json.loads(raws["labels.json"])
    return [Sample(name, raws[name], frozenset(one["recipients"]), one["hard"]) for name, one in labels.items()]


def read_all(samples: Iterable[Sample]) -> list[Read]:
    """Every sample as the reader takes it, come to a reverse-path of ours."""
    found = []
    for sample in samples:
        mail = parse_inbound(sample.raw)
        machine = sort_machine(mail, sample.raw, to_bounces=True)
        named = [one.lower() for one in named_addresses(mail, sample.raw, machine.bounce)]
        found.append(Read(sample, machine.machine, machine.bounce, named))
    return found


def figures(reads: Iterable[Read]) -> Figures:
    """The figures over the samples that are about somebody. The ledger holds every recipient of them."""
    about = [one for one in reads if one.sample.recipients]
    ledger = frozenset(address for one in about for address in one.sample.recipients)
    held = [one for one in about if one.held_bad]
    bad = [one for one in about if one.sample.bad]
    return Figures(
        len(about),
        sum(one.alone for one in about) / len(about),
        sum(one.by_ledger(ledger) for one in about) / len(about),
        sum(one.sample.bad for one in held) / max(len(held), 1),
        sum(one.held_bad for one in bad) / max(len(bad), 1),
    )


def _unpacked(archive: str) -> dict[str, bytes]:
    with tarfile.open(CORPUS / archive) as packed:
        files = {one.name.rpartition("/")[2]: packed.extractfile(one) for one in packed if one.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}
