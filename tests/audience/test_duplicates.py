from __future__ import annotations

import pytest

from outreach.audience.duplicates import KNOWN, main_address, mended, reasons


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("ann.baker@gmail.com", "annbaker@gmail.com", "dots do not count"),
        ("ann+news@example.com", "ann@example.com", "a tag behind +"),
        ("ann@gmial.com", "ann@gmail.com", "gmial.com looks like a slip for gmail.com"),
        ("ann@gmail.con", "ann@gmail.com", "slip"),
        ("ann@hotmial.com", "ann@hotmail.com", "slip"),
        ("ann@yahoo.co", "ann@yahoo.com", "slip"),
        ("ann@outlok.com", "ann@outlook.com", "slip"),
        ("ann@googlemail.com", "ann@gmail.com", "are one"),
        ("A.N.N+x@GoogleMail.com", "ann@gmail.com", "dots"),
    ],
)
def test_addresses_of_one_person_meet_with_their_reason(one: str, other: str, why: str) -> None:
    assert main_address(one) == main_address(other)
    assert any(why in reason for reason in reasons(one, other))
    assert reasons(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann.baker@example.com", "annbaker@example.com"),
        ("ann@mail.com", "ann@gmail.com"),
        ("ann@gmx.de", "ann@gmx.at"),
        ("ann@web.de", "ann@wed.de"),
        ("ann@yahoo.fr", "ann@yahoo.com"),
        ("ann@example.com", "anne@example.com"),
        ("+ann@example.com", "+bob@example.com"),
    ],
)
def test_addresses_of_two_people_stay_apart(one: str, other: str) -> None:
    assert main_address(one) != main_address(other)


def test_no_well_known_domain_is_a_slip_for_another() -> None:
    assert [domain for domain in KNOWN if mended(domain) != domain] == []
