"""The policy for SMTP trouble: what each reply, or the lack of one, means at each stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.delivery.outcome import (
    SESSION,
    Lost,
    Outcome,
    SmtpReply,
    Stage,
    Unable,
    failure_class,
    judge,
    next_attempt,
)
from outreach.delivery.state import MOVES
from outreach.words import DeliveryEvent as Event
from outreach.words import DeliveryState as State
from outreach.words import FailureClass

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
replies = st.builds(
    SmtpReply,
    st.integers(200, 599),
    st.one_of(st.just(""), st.from_regex(r"[245]\.[0-7]\.[0-9]{1,2}", fullmatch=True)),
    st.text(max_size=40),
)
losses = st.builds(Lost, st.sampled_from(Stage), st.text(max_size=20), st.sampled_from(["", "mend it"]))
results = st.one_of(replies, losses, st.builds(Unable, st.text(max_size=20), st.booleans()))


@given(st.sampled_from(Stage), results)
def test_every_outcome_has_a_move_that_its_state_allows(stage: Stage, result: SmtpReply | Lost | Unable) -> None:
    outcome = judge(stage, result)
    lost_at_dot = isinstance(result, Lost) and result.stage is Stage.DOT
    inflight = (stage is Stage.DOT or lost_at_dot) and not isinstance(result, Unable)
    assert (State.INFLIGHT if inflight else State.CLAIMED, outcome.event) in MOVES


@given(st.sampled_from(Stage), results)
def test_whatever_is_released_also_backs_off_or_stops(stage: Stage, result: SmtpReply | Lost | Unable) -> None:
    outcome = judge(stage, result)
    if outcome.event is Event.RELEASE:
        assert (outcome.back_off or outcome.stop) and outcome.close
    assert outcome.stop == bool(outcome.remedy)


@given(st.sampled_from(Stage), results)
def test_sent_comes_only_from_a_2yz_after_the_dot(stage: Stage, result: SmtpReply | Lost | Unable) -> None:
    accepted = judge(stage, result).event is Event.ACCEPTED
    assert accepted == (stage is Stage.DOT and isinstance(result, SmtpReply) and 200 <= result.code < 300)


@given(st.sampled_from(Stage), replies)
def test_policy_is_never_a_bad_address(stage: Stage, reply: SmtpReply) -> None:
    if reply.enhanced.startswith("5.7.") and reply.code >= 500 and reply.code != 556:
        assert judge(stage, reply).failure is not FailureClass.BAD_ADDRESS


@given(st.sampled_from(sorted(SESSION | {Stage.MAIL})), st.one_of(replies, losses))
def test_trouble_before_rcpt_never_fails_an_address(stage: Stage, result: SmtpReply | Lost) -> None:
    outcome = judge(stage, result)
    if stage in SESSION and not (isinstance(result, Lost) and result.stage is Stage.DOT):
        assert outcome.event is Event.RELEASE
    assert outcome.failure is not FailureClass.BAD_ADDRESS or stage is Stage.MAIL


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.EHLO, Stage.AUTH, Stage.MAIL, Stage.RCPT, Stage.DATA])
def test_421_before_the_dot_closes_releases_and_backs_off(stage: Stage) -> None:
    outcome = judge(stage, SmtpReply(421, "4.3.2", "closing"))
    assert (outcome.event, outcome.close, outcome.back_off, outcome.stop) == (Event.RELEASE, True, True, False)


def test_421_after_the_dot_is_a_whole_4yz_so_the_mail_is_deferred() -> None:
    outcome = judge(Stage.DOT, SmtpReply(421, "4.3.2", "closing"))
    assert (outcome.event, outcome.close, outcome.back_off) == (Event.TEMPORARY, True, True)


def test_552_to_rcpt_is_temporary_and_elsewhere_it_is_not() -> None:
    assert judge(Stage.RCPT, SmtpReply(552, "5.5.3", "too many recipients")).event is Event.TEMPORARY
    assert judge(Stage.RCPT, SmtpReply(552, "5.2.2", "full")).failure is FailureClass.MAILBOX_FULL
    assert judge(Stage.DOT, SmtpReply(552, "5.3.4", "too big")).event is Event.PERMANENT
    assert judge(Stage.MAIL, SmtpReply(552, "5.3.4", "too big")).event is Event.PERMANENT


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "expected"),
    [
        (550, "5.1.1", "no such user", FailureClass.BAD_ADDRESS),
        (550, "5.1.2", "no such host", FailureClass.BAD_ADDRESS),
        (501, "5.1.3", "bad syntax", FailureClass.BAD_ADDRESS),
        (550, "5.1.6", "moved", FailureClass.BAD_ADDRESS),
        (556, "5.1.10", "null MX", FailureClass.BAD_ADDRESS),
        (556, "", "does not accept mail", FailureClass.BAD_ADDRESS),
        (550, "", "User unknown", FailureClass.BAD_ADDRESS),
        (550, "", "<x@y.example>: Recipient address rejected: mailbox does not exist", FailureClass.BAD_ADDRESS),
        (550, "", "mailbox unavailable", FailureClass.OTHER),
        (550, "", "user unknown on our spam list, blocked", FailureClass.REFUSED),
        (550, "5.7.1", "user unknown", FailureClass.REFUSED),
        (554, "5.7.26", "DMARC", FailureClass.REFUSED),
        (550, "5.2.2", "over quota", FailureClass.MAILBOX_FULL),
        (452, "4.2.2", "over quota", FailureClass.MAILBOX_FULL),
        (450, "4.7.1", "greylisted", FailureClass.TRANSIENT),
        (550, "4.1.1", "the enhanced code belongs to another class", FailureClass.OTHER),
        (550, "5.1.0", "address status", FailureClass.OTHER),
        (550, "5.2.1", "mailbox disabled", FailureClass.BAD_ADDRESS),
        (550, "5.2.1", "mailbox disabled for now: temporarily", FailureClass.OTHER),
        (554, "", "transaction failed", FailureClass.OTHER),
    ],
)
def test_why_a_reply_refuses(code: int, enhanced: str, text: str, expected: FailureClass) -> None:
    assert failure_class(SmtpReply(code, enhanced, text)) is expected


def test_a_user_who_is_unknown_only_once_the_mail_was_handed_over_is_no_bad_address_without_a_code_that_says_so() -> (
    None
):
    unknown = SmtpReply(550, "", "User unknown")
    assert judge(Stage.RCPT, unknown).failure is FailureClass.BAD_ADDRESS
    assert judge(Stage.DOT, unknown).failure is FailureClass.OTHER
    assert judge(Stage.DOT, SmtpReply(550, "5.1.1", "User unknown")).failure is FailureClass.BAD_ADDRESS


@pytest.mark.parametrize("code", [550, 551, 553, 554, 501])
def test_a_refused_recipient_fails_and_the_connection_goes_on(code: int) -> None:
    outcome = judge(Stage.RCPT, SmtpReply(code, "5.1.1", "unknown"))
    assert outcome == Outcome(Event.PERMANENT, f"{code} 5.1.1 unknown", FailureClass.BAD_ADDRESS)


def test_a_deferred_recipient_waits_and_the_relay_is_not_slowed_down() -> None:
    outcome = judge(Stage.RCPT, SmtpReply(450, "4.7.1", "greylisted"))
    assert (outcome.event, outcome.close, outcome.back_off) == (Event.TEMPORARY, False, False)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.MAIL, SmtpReply(550, "5.7.1", "sender rejected")),
        (Stage.MAIL, SmtpReply(553, "5.1.8", "sender domain does not exist")),
        (Stage.MAIL, SmtpReply(530, "5.7.0", "authentication required")),
        (Stage.RCPT, SmtpReply(530, "5.7.0", "authentication required")),
        (Stage.RCPT, SmtpReply(554, "5.7.1", "<ann@example.com>: Relay access denied")),
        (Stage.RCPT, SmtpReply(550, "", "relaying denied")),
        (Stage.RCPT, SmtpReply(454, "4.7.1", "<ann@example.com>: Relay access denied")),
        (Stage.RCPT, SmtpReply(553, "5.7.1", "<care@a.example>: Sender address rejected: not owned by user acme")),
        (Stage.RCPT, SmtpReply(550, "5.1.8", "<care@a.example>: Sender address rejected: Domain not found")),
        (Stage.RCPT, SmtpReply(550, "", "Verification failed for <care@a.example> No such user Sender verify failed")),
        (Stage.RCPT, SmtpReply(554, "5.7.1", "<unknown[203.0.113.5]>: Client host rejected: Access denied")),
        (
            Stage.RCPT,
            SmtpReply(554, "5.7.1", "Service unavailable; Client host [203.0.113.5] blocked using rbl.example"),
        ),
        (Stage.RCPT, SmtpReply(504, "5.5.2", "<app>: Helo command rejected: need fully-qualified hostname")),
        (Stage.DATA, SmtpReply(550, "5.4.5", "Daily user sending limit exceeded. See the help page")),
        (Stage.AUTH, SmtpReply(535, "5.7.8", "wrong password")),
        (Stage.AUTH, SmtpReply(534, "5.7.9", "mechanism too weak")),
        (Stage.CONNECT, SmtpReply(554, "5.7.1", "you are blocked")),
        (Stage.STARTTLS, SmtpReply(502, "5.5.1", "unknown")),
        (Stage.EHLO, SmtpReply(550, "", "bad name")),
    ],
)
def test_a_refusal_that_is_about_us_releases_and_stops_the_relay(stage: Stage, reply: SmtpReply) -> None:
    outcome = judge(stage, reply)
    assert (outcome.event, outcome.stop, outcome.close) == (Event.RELEASE, True, True)
    assert outcome.remedy


@pytest.mark.parametrize(
    "reply",
    [
        SmtpReply(550, "5.7.60", "SMTP; Client does not have permissions to send as this sender"),
        SmtpReply(554, "5.2.252", "SMTP; SendAsDenied; care@a.example not allowed to send as sales@a.example"),
        SmtpReply(554, "", "Message rejected: Sending paused for this account. Please check the inbox of the address"),
        SmtpReply(
            554, "", "Message rejected: Email address is not verified. The following identities failed the check"
        ),
        SmtpReply(554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process"),
        SmtpReply(550, "5.4.5", "Daily SMTP relay limit exceeded for user. For more information see the help page"),
        SmtpReply(550, "5.1.8", "Access denied, bad outbound sender AS(42003)"),
        SmtpReply(550, "5.7.501", "Service unavailable. Access denied, spam abuse detected"),
        SmtpReply(535, "5.7.0", "authentication required"),
    ],
)
def test_a_refusal_of_our_account_after_the_dot_burns_no_mail_and_stops_the_relay(reply: SmtpReply) -> None:
    """All that follow would be refused alike: an edition of which each mail failed could not be sent any more."""
    outcome = judge(Stage.DOT, reply)
    assert (outcome.event, outcome.stop, outcome.close, outcome.slows) == (Event.TEMPORARY, True, True, False)
    assert outcome.remedy and outcome.failure is FailureClass.TRANSIENT


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.DOT, SmtpReply(454, "", "Throttling failure: Daily message quota exceeded.")),
        (Stage.DOT, SmtpReply(454, "", "Throttling failure: Maximum sending rate exceeded.")),
        (Stage.RCPT, SmtpReply(450, "4.7.25", "Client host rejected: cannot find your hostname, [203.0.113.5]")),
        (Stage.RCPT, SmtpReply(450, "4.1.8", "<care@a.example>: Sender address rejected: Domain not found")),
    ],
)
def test_a_relay_that_asks_us_to_wait_is_left_alone_and_no_domain_is_slowed_down(
    stage: Stage, reply: SmtpReply
) -> None:
    outcome = judge(stage, reply)
    assert (outcome.event, outcome.back_off, outcome.slows) == (Event.TEMPORARY, True, False)


@pytest.mark.parametrize(
    "reply",
    [
        SmtpReply(550, "5.7.1", "mail looks like spam"),
        SmtpReply(550, "5.2.1", "The account that you tried to reach has reached its daily limit"),
        SmtpReply(552, "5.2.2", "message quota exceeded"),
        SmtpReply(450, "4.7.1", "<app[203.0.113.5]>: Client host rejected: Greylisted, see the help page"),
        SmtpReply(550, "", "host mx[192.0.2.1] said: 550 Sender address rejected (in reply to RCPT TO command)"),
        SmtpReply(550, "", "response to RCPT TO:<a@b.example> from mx [192.0.2.1] was: 550 sender verify failed"),
    ],
)
def test_what_is_about_one_mail_or_was_said_further_on_stops_nothing(reply: SmtpReply) -> None:
    for stage in (Stage.RCPT, Stage.DOT):
        outcome = judge(stage, reply)
        assert not outcome.stop and not outcome.back_off and outcome.event is not Event.RELEASE


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (SmtpReply(521, "5.2.1", "mailbox disabled"), FailureClass.BAD_ADDRESS),
        (SmtpReply(504, "5.5.2", "<x@host>: Recipient address rejected: need fully-qualified address"), None),
        (SmtpReply(555, "5.1.3", "syntax of the address"), FailureClass.BAD_ADDRESS),
    ],
)
def test_a_code_about_the_session_that_is_said_of_the_recipient_fails_it(
    reply: SmtpReply, failure: FailureClass | None
) -> None:
    outcome = judge(Stage.RCPT, reply)
    assert (outcome.event, outcome.close, outcome.back_off) == (Event.PERMANENT, False, False)
    assert failure is None or outcome.failure is failure


def test_what_a_far_server_said_about_relaying_fails_only_its_own_recipient() -> None:
    said = "host mx.example.com[192.0.2.1] said: 554 5.7.1 Relay access denied"
    outcome = judge(Stage.RCPT, SmtpReply(550, "5.1.1", said))
    assert (outcome.event, outcome.stop) == (Event.PERMANENT, False)


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_session_out_of_step_blames_nobody(stage: Stage, code: int) -> None:
    outcome = judge(stage, SmtpReply(code, "5.5.1", "bad sequence"))
    assert (outcome.event, outcome.close, outcome.back_off, outcome.stop) == (Event.RELEASE, True, True, False)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.DOT])
def test_lost_before_the_dot_is_released(stage: Stage) -> None:
    outcome = judge(stage, Lost(stage, "the relay closed the connection"))
    assert (outcome.event, outcome.close, outcome.back_off) == (Event.RELEASE, True, True)
    assert str(stage) in outcome.reason


def test_lost_after_the_dot_is_in_doubt() -> None:
    outcome = judge(Stage.DOT, Lost(Stage.DOT, "no answer within 600 s"))
    assert (outcome.event, outcome.close) == (Event.UNKNOWN, True)


@pytest.mark.parametrize("code", [300, 354, 399])
def test_a_3yz_after_the_dot_is_in_doubt(code: int) -> None:
    assert judge(Stage.DOT, SmtpReply(code, "", "go on")).event is Event.UNKNOWN


def test_a_250_to_data_is_no_permission_to_send_the_mail() -> None:
    assert judge(Stage.DATA, SmtpReply(250, "", "ok")).event is Event.RELEASE


def test_what_a_person_must_mend_stops_the_relay() -> None:
    outcome = judge(Stage.STARTTLS, Lost(Stage.STARTTLS, "bad certificate", "check relay.host"))
    assert (outcome.event, outcome.stop, outcome.back_off) == (Event.RELEASE, True, False)
    assert outcome.remedy == "check relay.host"


def test_a_mail_that_cannot_go_is_withheld_and_one_that_this_relay_cannot_take_fails() -> None:
    assert judge(Stage.BODY, Unable("a bare LF", message=True)).event is Event.CANNOT_RENDER
    assert judge(Stage.MAIL, Unable("no SMTPUTF8")).event is Event.PERMANENT


def test_retries_follow_the_ladder_of_rfc_5321_and_spread() -> None:
    waits = [next_attempt(attempt, NOW, seed="a") - NOW for attempt in range(1, 8)]
    for wait, minutes in zip(waits, (30, 60, 120, 180, 180, 180, 180), strict=True):
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes * 1.2)
    assert len({next_attempt(1, NOW, seed=number) for number in range(50)}) > 40


@given(st.integers(1, 50), st.lists(st.integers(1, 10_080), min_size=1, max_size=6), st.integers(0, 20_000))
def test_a_ladder_of_ones_own_is_climbed_and_the_last_hour_beats_it(
    attempts: int, ladder: list[int], left: int
) -> None:
    wanted = timedelta(minutes=ladder[min(attempts, len(ladder)) - 1])
    again = next_attempt(attempts, NOW, seed=1, ladder=ladder)
    assert wanted <= again - NOW <= wanted * 1.2
    ends = NOW + timedelta(minutes=left)
    assert next_attempt(attempts, NOW, seed=1, ladder=ladder, expires_at=ends) == min(again, ends)


@given(st.integers(0, 10_000), st.one_of(st.text(max_size=26), st.integers()))
def test_the_same_delivery_and_attempt_give_the_same_instant(attempts: int, seed: str | int) -> None:
    first = next_attempt(attempts, NOW, seed=seed)
    assert first == next_attempt(attempts, NOW, seed=seed)
    assert timedelta(minutes=30) <= first - NOW <= timedelta(hours=4)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.RCPT, SmtpReply(421, "4.7.28", "Our system has detected an unusual rate of mail")),
        (Stage.RCPT, SmtpReply(450, "4.7.1", "Too many messages from your address, please slow down")),
        (Stage.DATA, SmtpReply(451, "4.7.650", "The mail server has been temporarily rate limited")),
        (Stage.DOT, SmtpReply(421, "4.7.0", "[TSS04] Messages temporarily deferred due to unexpected volume")),
        (Stage.DOT, SmtpReply(451, "4.3.2", "Please try again later: rate limit exceeded")),
        (Stage.RCPT, SmtpReply(452, "", "too many connections from your host")),
    ],
)
def test_a_domain_that_wants_less_at_a_time_slows_us_down_and_the_relay_is_not_blamed(
    stage: Stage, reply: SmtpReply
) -> None:
    outcome = judge(stage, reply)
    assert outcome.slows
    assert not outcome.back_off and not outcome.stop
    assert outcome.close == (reply.code == 421)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.RCPT, SmtpReply(450, "4.7.1", "Greylisted, see the help page")),
        (Stage.RCPT, SmtpReply(450, "4.2.0", "Recipient address rejected: Greylisted")),
        (Stage.RCPT, SmtpReply(452, "4.2.2", "mailbox over its message limit")),
        (Stage.RCPT, SmtpReply(451, "4.4.1", "no answer from the next server")),
        (Stage.MAIL, SmtpReply(450, "4.7.1", "rate limit exceeded")),
        (Stage.CONNECT, SmtpReply(421, "4.7.0", "too many connections")),
        (Stage.DOT, SmtpReply(250, "2.0.0", "queued; rate limit exceeded soon")),
        (Stage.RCPT, SmtpReply(550, "5.7.1", "rate limit exceeded")),
    ],
)
def test_what_one_mailbox_or_the_relay_says_does_not_slow_a_domain_down(stage: Stage, reply: SmtpReply) -> None:
    assert not judge(stage, reply).slows
