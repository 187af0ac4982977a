"""The form of a register: what is written while others write, and what a full disk or a kill leaves."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from outreach.address import address_key
from outreach.errors import DatabaseError
from outreach.work import register
from outreach.work.prune import prune
from outreach.work.stops import STOPS, read_register
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .test_stop_again import ANN, BOB, leave


def test_who_leaves_while_the_register_is_pruned_waits_for_nothing_and_stands_in_the_new_one(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_customer(ANN), make_customer(BOB)
    leave(workspace, ann, "customers")
    clock.advance(days=800)
    real, path, meanwhile = register.sync, workspace.root / STOPS, list[threading.Thread]()

    def slow(file: int) -> None:
        if not (meanwhile or os.path.samestat(os.fstat(file), path.stat())):
            meanwhile.append(threading.Thread(target=leave, args=(workspace, bob, "customers"), daemon=True))
            meanwhile[0].start()
            meanwhile[0].join(10)
            assert not meanwhile[0].is_alive(), "they waited until all was written anew"
        real(file)

    monkeypatch.setattr(register, "sync", slow)
    assert prune(workspace).removed["stops"] == 1
    assert [one.address for one in read_register(path, workspace.keys).stops] == [address_key(workspace.keys, BOB)]
    assert [one.name for one in workspace.root.glob(f".{STOPS}*")] == []


def test_a_register_that_cannot_be_written_anew_stays_as_it_was_and_nothing_lies_beside_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(workspace, make_customer(ANN), "customers")
    clock.advance(days=800)
    before = (workspace.root / STOPS).read_bytes()

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(DatabaseError, match="No space"):
        patched.setattr(register, "sync", full)
        prune(workspace)
    assert (workspace.root / STOPS).read_bytes() == before
    assert [one.name for one in workspace.root.glob(f".{STOPS}*")] == []
    (workspace.root / f".{STOPS}.anew").write_bytes(before + b"what a killed process left")
    assert prune(workspace).removed["stops"] == 1
    assert read_register(workspace.root / STOPS, workspace.keys).stops == ()
