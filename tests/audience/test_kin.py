"""Who may belong together is told by clues that anybody would take for one, and by nothing weaker."""

from __future__ import annotations

import pytest

from outreach.audience.headings import read_headings
from outreach.audience.kin import FREE_MAIL, clue_to, clue_words
from outreach.groups import GroupKind, group_key, group_name, groups_told

HOME, FIRM = GroupKind.HOUSEHOLD, GroupKind.COMPANY


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [
        *[(one, "household") for one in ("Household", "household_id", "Haushalt", "Haushalts-ID", "Foyer", "Hogar")],
        *[(one, "company") for one in ("Company", "Organisation", "Firma", "Unternehmen", "Société", "Empresa")],
        *[(one, "company") for one in ("Account Name", "raison sociale", "Razón social", "Organization Name")],
    ],
)
def test_columns_of_households_and_companies_are_known_in_four_languages(heading: str, meaning: str) -> None:
    assert read_headings(["email", heading], {}, [], file="").told()[heading] == meaning


def test_a_second_column_of_companies_stays_an_attribute_of_its_own() -> None:
    told = read_headings(["email", "Company", "Firma"], {}, [], file="").told()
    assert told == {"email": "address", "Company": "company", "Firma": "firma"}
    mapped = read_headings(["email", "Firma"], {"Firma": "firma"}, [], file="").told()
    assert mapped["Firma"] == "firma"


def test_a_household_shares_last_name_and_postal_address() -> None:
    home = {"strasse": "Elmweg 12", "plz": 10115, "ort": "Berlin"}
    one, name = clue_to(HOME, "ann@gmx.de", "Baker", "", home)
    other, _ = clue_to(HOME, "bob@web.de", "BAKER", "", {**home, "strasse": "Elmweg  12"})
    assert one == other and name == "Baker, Elmweg 12, 10115, Berlin"
    assert clue_words(one) == "the same last name at the same postal address"
    assert clue_to(HOME, "cy@web.de", "Cook", "", home)[0] != one
    assert clue_to(HOME, "di@web.de", "Baker", "", {**home, "strasse": "Elmweg 21"})[0] != one
    assert clue_to(HOME, "", "Baker", "Elmweg 12, 10115 Berlin", {})[0] == one
    assert clue_to(HOME, "ed@web.de", "", "", home) == ("", "") == clue_to(HOME, "ed@web.de", "Baker", "", {})


def test_a_company_shares_a_domain_that_is_nobodys_free_mail() -> None:
    assert clue_to(FIRM, "ann@acme.example", "", "", {}) == ("domain:acme.example", "acme.example")
    for free in ("gmail.com", "gmx.de", "posteo.de", "gmial.com", "qq.com"):
        assert clue_to(FIRM, f"ann@{free}", "", "", {}) == ("", ""), free
    assert clue_to(FIRM, "", "", "", {}) == ("", "")
    assert len(FREE_MAIL) > 120


def test_what_the_attribute_says_is_surest() -> None:
    clue, name = clue_to(FIRM, "ann@gmail.com", "", "", {"company": " ACME  Ltd "})
    assert (clue, name) == ("company:acmeltd", "ACME Ltd")
    assert clue_words(clue) == "the same company in their attributes"


def test_names_of_groups_are_compared_by_letters_and_nothing_else() -> None:
    assert group_key("Acme\u00a0 LTD") == "acme ltd"
    assert group_key("Baker, 12 Elm St") != group_key("Baker, 21 Elm St")
    assert [group_name(one) for one in (4711, 1.5, " a  b ", True, None, ["x"], {})] == ["4711", "1.5", "a b"] + [
        ""
    ] * 4
    assert groups_told({"household": 7, "company": "", "plan": "x"}) == {HOME: "7"}
