"""What other programs leave behind: whoever had left or bounced there is never subscribed here."""

from __future__ import annotations

import pytest

from outreach.audience.profiles import PROFILES, recognise
from outreach.audience.standing import KEPT, Standing, read_block, stricter
from outreach.records import SubscriptionState as State
from outreach.records import SuppressionReason as Reason

HEADINGS = {
    "listmonk": "uuid,email,name,attributes,status,created_at,updated_at",
    "mailchimp": "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LEID,EUID",
    "constantcontact": "Email address,First name,Last name,Email status,Email permission status,Email update source",
    "phplist": "id,Email,Is this subscriber confirmed,Is this subscriber blacklisted,Number of bounces,Entered",
    "keila": "Email,First name,Last name,Data,Status,External ID",
    "salesforce": "Id,AccountId,LastName,FirstName,MailingStreet,Phone,Email,HasOptedOutOfEmail,EmailBouncedDate",
}


@pytest.mark.parametrize("name", PROFILES)
def test_each_program_is_known_by_its_headings_and_by_no_other_programs(name: str) -> None:
    found = recognise(HEADINGS[name].split(","))
    assert found is PROFILES[name]


@pytest.mark.parametrize(
    "headings", ["email,first name,last name,status", "email,name,attributes", "E-Mail,Vorname,Status"]
)
def test_a_companys_own_file_is_taken_for_no_programs(headings: str) -> None:
    assert recognise(headings.split(",")) is None


@pytest.mark.parametrize(
    ("name", "word", "standing"),
    [
        ("listmonk", "enabled", Standing(State.SUBSCRIBED)),
        ("listmonk", "disabled", KEPT),
        ("listmonk", "blocklisted", Standing(State.UNSUBSCRIBED, Reason.IMPORTED)),
        ("constantcontact", "Active", Standing(State.SUBSCRIBED)),
        ("constantcontact", "Unsubscribed", Standing(State.UNSUBSCRIBED, Reason.UNSUBSCRIBED_ALL)),
        ("constantcontact", "Awaiting Confirmation", Standing(State.PENDING)),
        ("constantcontact", "", KEPT),
        ("keila", "active", Standing(State.SUBSCRIBED)),
        ("keila", "unsubscribed", Standing(State.UNSUBSCRIBED, Reason.UNSUBSCRIBED_ALL)),
        ("keila", "unreachable", Standing(State.UNSUBSCRIBED, Reason.BAD_ADDRESS)),
        ("keila", "gold", None),
    ],
)
def test_each_state_means_what_it_meant_there(name: str, word: str, standing: Standing | None) -> None:
    assert PROFILES[name].standing(word) == standing


def test_no_state_of_any_program_subscribes_somebody_who_is_blocked() -> None:
    said = [one for profile in PROFILES.values() for one in (*profile.states.values(), *profile.names.values())]
    assert said and all(one.state is State.UNSUBSCRIBED for one in said if one.block is not None)


def test_mailchimps_file_names_say_what_its_columns_do_not() -> None:
    mailchimp = PROFILES["mailchimp"]
    assert mailchimp.of_file("cleaned_members_export_1.csv") == Standing(State.UNSUBSCRIBED, Reason.BAD_ADDRESS)
    assert mailchimp.of_file("nonsubscribed_export.csv") == KEPT
    assert mailchimp.of_file("subscribed_members_export.csv") is None


def test_of_two_standings_what_stops_more_counts() -> None:
    left = Standing(State.UNSUBSCRIBED, Reason.UNSUBSCRIBED_ALL)
    assert stricter(Standing(State.SUBSCRIBED), left) == left == stricter(left, KEPT)
    assert stricter(left, Standing(State.UNSUBSCRIBED, Reason.ABUSE_REPORT)) == Standing(
        State.UNSUBSCRIBED, Reason.ABUSE_REPORT
    )
    assert stricter(None, KEPT) == KEPT
    assert read_block("Hard bounce") is Reason.BAD_ADDRESS and read_block("unsubscribed") is None
