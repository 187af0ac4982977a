from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.tally import Tally, people_digest

KEYS = st.lists(st.text("0123456789abcdef", min_size=4, max_size=8), max_size=20, unique=True)


@settings(deadline=None)
@given(KEYS, st.integers(0, 20))
def test_the_order_and_the_portions_of_adding_do_not_matter(keys: list[str], cut: int) -> None:
    shuffled = sorted(keys, key=lambda key: hash((key, cut)))
    assert Tally().add(keys) == Tally().add(shuffled[:cut]).add(shuffled[cut:])
    assert Tally().add(keys) == Tally(len(keys), people_digest(shuffled))


@settings(deadline=None)
@given(KEYS.filter(bool), st.data())
def test_one_left_out_or_counted_twice_or_exchanged_is_noticed(keys: list[str], data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(keys))
    rest = [key for key in keys if key != one]
    assert people_digest(rest) != people_digest(keys)
    assert people_digest([*keys, one]) != people_digest(keys)
    assert people_digest([*rest, one + "x"]) != people_digest(keys)
