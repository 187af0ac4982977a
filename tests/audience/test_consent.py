from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outreach.audience.consent import FOR_BULK_ONLY, SUPPRESSION_WORDS, MailFacts, may_mail, words_for
from outreach.records import BULK, DeliveryState, Kind, SubscriptionState, SuppressionReason

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
SUBSCRIBED = SubscriptionState.SUBSCRIBED


@pytest.mark.parametrize("kind", list(Kind))
def test_subscribed_person_with_address_gets_every_kind(kind: Kind) -> None:
    assert may_mail(MailFacts(True, subscription=SUBSCRIBED), kind, NOW).allowed


@pytest.mark.parametrize("kind", list(Kind))
def test_erased_person_gets_nothing_and_that_reason_wins(kind: Kind) -> None:
    facts = MailFacts(False, erased=True, suppressed=SuppressionReason.BAD_ADDRESS)
    permission = may_mail(facts, kind, NOW)
    assert (permission.state, permission.reason) == (DeliveryState.WITHHELD, "erased")


@pytest.mark.parametrize("kind", list(Kind))
def test_without_an_address_nothing_goes(kind: Kind) -> None:
    assert may_mail(MailFacts(False, subscription=SUBSCRIBED), kind, NOW).reason == "no address"


@pytest.mark.parametrize("reason", [r for r in SuppressionReason if r not in FOR_BULK_ONLY])
@pytest.mark.parametrize("kind", [Kind.TIPS, Kind.SERVICE, Kind.TEST])
def test_suppressed_address_gets_not_even_service_mail(kind: Kind, reason: SuppressionReason) -> None:
    facts = MailFacts(True, subscription=SUBSCRIBED, suppressed=reason, suppression_evidence="mail 7")
    permission = may_mail(facts, kind, NOW)
    assert permission.state is DeliveryState.SUPPRESSED
    assert permission.evidence == f"{SUPPRESSION_WORDS[reason]} (mail 7)"


def test_person_who_wants_no_newsletters_still_gets_an_answer() -> None:
    facts = MailFacts(True, subscription=SUBSCRIBED, suppressed=SuppressionReason.UNSUBSCRIBED_ALL)
    assert may_mail(facts, Kind.SERVICE, NOW).allowed
    assert {may_mail(facts, kind, NOW).state for kind in BULK} == {DeliveryState.SUPPRESSED}


def test_an_address_that_rests_gets_no_newsletter_until_its_day_but_every_answer() -> None:
    rest = MailFacts(
        True,
        subscription=SUBSCRIBED,
        suppressed=SuppressionReason.BOUNCES,
        suppressed_until=NOW + timedelta(days=9),
        suppression_evidence="it bounced on 4 days",
    )
    refused = may_mail(rest, Kind.TIPS, NOW)
    assert (refused.state, refused.reason) == (DeliveryState.WITHHELD, "bounces")
    assert refused.until == NOW + timedelta(days=9)
    assert "it bounced on 4 days" in refused.evidence and f"{NOW + timedelta(days=9):%Y-%m-%d}" in refused.evidence
    assert may_mail(rest, Kind.SERVICE, NOW).allowed
    assert may_mail(rest, Kind.TIPS, NOW + timedelta(days=9)).allowed


def test_suppression_ends_at_its_end_and_not_before() -> None:
    facts = MailFacts(
        True, subscription=SUBSCRIBED, suppressed=SuppressionReason.BAD_ADDRESS, suppressed_until=NOW + timedelta(1)
    )
    assert may_mail(facts, Kind.TIPS, NOW).until == NOW + timedelta(1)
    assert may_mail(facts, Kind.TIPS, NOW + timedelta(1)).allowed


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SubscriptionState.UNSUBSCRIBED, "unsubscribed"),
        (SubscriptionState.PENDING, "not confirmed"),
        (None, "not subscribed"),
    ],
)
def test_bulk_needs_a_subscription_and_service_does_not(state: SubscriptionState | None, reason: str) -> None:
    facts = MailFacts(True, subscription=state, since=NOW)
    for kind in BULK:
        permission = may_mail(facts, kind, NOW)
        assert (permission.state, permission.reason) == (DeliveryState.WITHHELD, reason)
        assert permission.evidence
    assert may_mail(facts, Kind.SERVICE, NOW).allowed


def test_the_words_say_since_when() -> None:
    facts = MailFacts(True, subscription=SubscriptionState.UNSUBSCRIBED, since=NOW)
    assert may_mail(facts, Kind.NEWS, NOW).evidence == "unsubscribed from this list since 2026-12-01"


def test_the_words_are_shown_in_the_first_language_that_the_list_has() -> None:
    others = {"de": "Ein Tipp", "fr": "Un conseil"}
    for wishes, wanted in (
        (("de-AT,en;q=0.8",), ("Ein Tipp", "de")),
        (("it, en;q=0.9, de;q=0.8",), ("A tip", "en")),
        ((None, "fr"), ("Un conseil", "fr")),
        (("it",), ("A tip", "en")),
        ((), ("A tip", "en")),
    ):
        assert words_for("A tip", others, "en", *wishes) == wanted
    assert words_for("A tip", {"de": ""}, "en", "de") == ("A tip", "en"), "words that were taken out are none"
