"""Customers made thousands at once are what they would be one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outreach.address import KeyMaker, KeyRing, address_key, canonical_address
from outreach.address import _is_plain as is_plain
from outreach.errors import InputError
from outreach.store.newcomers import rising_ids

from ..conftest import START


def test_public_ids_rise_and_none_is_twice() -> None:
    made = rising_ids(2_000, START) + rising_ids(2_000, START, 1) + rising_ids(2_000, START.replace(year=2027))
    assert made == sorted(made) and len(set(made)) == 6_000
    assert {len(one) for one in made} == {26} and set("".join(made)) <= set("abcdefghijklmnopqrstuvwxyz234567")


@given(key=st.binary(min_size=1, max_size=100), text=st.emails() | st.text(max_size=80))
def test_keys_of_many_addresses_are_those_of_each(key: bytes, text: str) -> None:
    ring = KeyRing(key, {1: b"x"}, 1)
    assert KeyMaker(ring).key(text) == address_key(ring, text)


@given(text=st.text(alphabet="aA0.-_+@é'", max_size=24) | st.emails())
def test_an_address_that_needs_no_close_look_is_one_by_the_closer_look_too(text: str) -> None:
    try:
        read = canonical_address(text)
    except InputError:
        return
    local, _, domain = read.rpartition("@")
    if read.isascii() and is_plain(local, domain):
        assert canonical_address(read) == read and domain == domain.lower()
