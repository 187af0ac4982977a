"""Signatures, judged by another program (dkimpy), by the RFCs' own examples, and by breaking what they cover."""

from __future__ import annotations

import pickle
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.errors import SettingsError, UsageError
from outreach.newsletter.message import Letter, build_message
from outreach.wire.dkim import DkimKey, Signer, body_hash, header_lines, quick_signature, signature, split_message
from outreach.wire.dkim_keys import (
    algorithm_of,
    key_path,
    load_private,
    make_key,
    read_key,
    record_name,
    record_text,
    zone_line,
)

from ..servers.debian import NotToBeHad
from ..servers.opendkim import opendkim_says

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LETTER = Letter(
    sender="Acme Care <care@acme.example>",
    recipient="ann@example.com",
    reply_to="care+r1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@acme.example",
    subject="Frühjahrsputz in zehn Minuten, und noch ein recht langer Betreff, der gefaltet werden muß",
    date=NOW,
    message_id="<abcdefgh.o@acme.example>",
    text="Hello Ann,\n\n.a dot\nyours = ours\n",
    html="<p>Hello <b>Ann</b>, schön!</p>\n",
    bulk=True,
    list_id="Kunden der Firma <customers.acme.example>",
    unsubscribe="https://news.acme.example/u/" + "x" * 80,
    feedback_id="spring:3:tips:acme",
    in_reply_to="<1@example.com>",
    references="<0@example.com> <1@example.com>",
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[DkimKey]:
    root = tmp_path_factory.mktemp("keys")
    return [DkimKey(name, "acme.example", make_key(root, name, name)) for name in ("rsa", "ed25519")]


@pytest.fixture(scope="module")
def signer(keys: list[DkimKey]) -> Signer:
    return Signer(keys)


def signed(signer: Signer, message: bytes, now: datetime = NOW) -> bytes:
    return signer.sign(*split_message(message), now) + message


published = cache(record_text)


def verdicts(signer: Signer, message: bytes) -> list[bool]:
    """What dkimpy says of each signature, the keys' records looked up in a table."""
    names = {f"{record_name(key.selector, key.domain)}.".encode(): published(key.pem) for key in signer.keys}

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        found = names.get(name)
        return found.encode() if found is not None else None

    found = []
    for index in range(len(signer.keys)):
        try:
            found.append(bool(dkim.DKIM(message).verify(index, dnsfunc=ask)))
        except dkim.DKIMException:
            found.append(False)
    return found


def tags_of(field: bytes) -> dict[str, str]:
    pairs = re.sub(r"\s+", "", field.decode().partition(":")[2]).split(";")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def fields_of(made: bytes) -> list[bytes]:
    return re.split(rb"\r\n(?![ \t])", made.removesuffix(b"\r\n"))


def test_another_program_verifies_both_signatures(signer: Signer) -> None:
    assert verdicts(signer, signed(signer, build_message(LETTER))) == [True, True]


def test_both_signatures_share_one_body_hash_and_name_what_they_cover(signer: Signer) -> None:
    made = signer.sign(*split_message(build_message(LETTER)), NOW)
    rsa, ed25519 = (tags_of(field) for field in fields_of(made))
    assert (rsa["a"], ed25519["a"]) == ("rsa-sha256", "ed25519-sha256")
    assert rsa["bh"] == ed25519["bh"]
    for tags in (rsa, ed25519):
        covered = tags["h"].split(":")
        assert {"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "in-reply-to"} <= set(covered)
        for name in ("from", "to", "reply-to", "subject", "date", "message-id", "list-unsubscribe"):
            assert covered.count(name) == 2, name
        assert covered.count("cc") == 1
        assert "l" not in tags and "x" not in tags
        assert (tags["c"], tags["t"], tags["d"]) == ("relaxed/simple", str(int(NOW.timestamp())), "acme.example")


def test_every_line_of_the_fields_is_short_and_ends_in_crlf(keys: list[DkimKey]) -> None:
    long = [DkimKey(f"{key.selector}-{'s' * 50}", "a-rather-long-label." * 3 + "example", key.pem) for key in keys]
    for one in (Signer(keys), Signer(long, valid_days=3650)):
        made = one.sign(*split_message(build_message(LETTER)), NOW)
        assert made.endswith(b"\r\n") and made.count(b"\n") == made.count(b"\r") == made.count(b"\r\n")
        assert max(map(len, made.split(b"\r\n"))) <= 78
        assert made.isascii()
        assert verdicts(one, made + build_message(LETTER)) == [True, True]


HEADERS = [
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Id"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Auto-Submitted", "Precedence", "MIME-Version"),
    "Content-Type",
]


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_was_changed_or_taken_away_breaks_both(signer: Signer, name: str) -> None:
    message = signed(signer, build_message(LETTER))
    found = re.search(rb"\r\n" + name.encode() + rb":(?: |\r\n )([^\r]+(?:\r\n[ \t][^\r]+)*)", message)
    assert found is not None
    at = found.start(1) + 3
    other = b"y" if message[at : at + 1] != b"y" else b"z"
    assert verdicts(signer, message[:at] + other + message[at + 1 :]) == [False, False]
    assert verdicts(signer, message[: found.start()] + message[found.end() :]) == [False, False]


@pytest.mark.parametrize(
    "name", ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "Content-Type"]
)
def test_a_second_header_that_was_added_breaks_both(signer: Signer, name: str) -> None:
    message = signed(signer, build_message(LETTER))
    assert verdicts(signer, f"{name}: https://evil.example\r\n".encode() + message) == [False, False]
    head, body = split_message(message)
    assert verdicts(signer, head + f"{name}: https://evil.example\r\n\r\n".encode() + body) == [False, False]


@pytest.mark.parametrize("added", [b"Received: from x by y; now\r\n", b"X-Spam: no\r\n", b"Return-Path: <a@b>\r\n"])
def test_what_servers_on_the_way_add_breaks_nothing(signer: Signer, added: bytes) -> None:
    assert verdicts(signer, added + signed(signer, build_message(LETTER))) == [True, True]


def test_other_folding_on_the_way_breaks_nothing(signer: Signer) -> None:
    message = signed(signer, build_message(LETTER))
    folded = message.replace(b"\r\nTo: ann", b"\r\nTO:\r\n\tann").replace(
        b"<1@example.com>\r\n", b" <1@example.com> \r\n"
    )
    assert folded != message
    assert verdicts(signer, folded) == [True, True]


def test_any_octet_of_the_body_counts(signer: Signer) -> None:
    message = signed(signer, build_message(LETTER))
    start = message.index(b"\r\n\r\n") + 4
    for at in range(start, len(message) - 2, 97):
        broken = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        assert verdicts(signer, broken) == [False, False], at
    assert verdicts(signer, message + b"more\r\n") == [False, False]
    assert verdicts(signer, message + b"\r\n\r\n") == [True, True], "empty lines at the end are none"


ODD = [
    b"Subject:\r\n",
    b"Subject: \r\n",
    b"Subject:\r\n  folded at once\r\n",
    b"Subject: a\r\n\tb\r\n \t c  \t \r\n",
    b"SUBJECT:  LOUD   and  wide\r\n",
    b"Subject: =?utf-8?B?w6TDtsO8?=\r\n =?utf-8?B?w6TDtsO8?=\r\n",
    b"Subject: " + b"word " * 190 + b"\r\n",
    "Subject: jürgen \u2028\u00a0\r\n".encode(),
    b"Subject: a tab\tand its  like\r\n",
    b"Subject: first\r\nSubject: second\r\n",
    b"List-Unsubscribe: <https://a.example/1>\r\nList-Unsubscribe: <https://a.example/2>\r\n",
    b"Subject: a: b: c;d=e\r\nX-Other: not signed\r\n",
]


BODIES = [b"", b"\r\n", b"\r\n\r\n\r\n", b"a", b"a \r\n\t\r\n \r\n\r\n", b"..\r\n."]


@pytest.mark.parametrize(("odd", "body"), list(zip(ODD, BODIES * 2, strict=True)))
def test_odd_headers_and_bodies_are_signed_as_another_program_reads_them(
    signer: Signer, odd: bytes, body: bytes
) -> None:
    message = b"From: care@acme.example\r\n" + odd + b"To: ann@example.com\r\n\r\n" + body
    assert verdicts(signer, signed(signer, message)) == [True, True]


def test_the_block_may_come_with_its_empty_line_or_without(signer: Signer) -> None:
    head, body = split_message(build_message(LETTER))
    assert signer.sign(head, body, NOW) == signer.sign(head + b"\r\n", body, NOW)


@pytest.mark.needs_debian
def test_a_third_program_says_the_same(signer: Signer, tmp_path: Path) -> None:
    good = signed(signer, build_message(LETTER))
    plain = [
        b"From: care@acme.example\r\n" + odd + b"To: a@b.example\r\n\r\n" + BODIES[4] for odd in ODD if odd.isascii()
    ]
    broken = [
        good.replace(b"One-Click", b"One-Cluck"),
        b"List-Unsubscribe: <https://e.example>\r\n" + good,
        good + b"x\r\n",
    ]
    records = {record_name(key.selector, key.domain): published(key.pem) for key in signer.keys}
    try:
        says = opendkim_says(tmp_path, [good, *(signed(signer, one) for one in plain), *broken], records)
    except NotToBeHad as why:
        pytest.skip(str(why))
    assert says[: -len(broken)] == [["pass", "pass"]] * (1 + len(plain))
    assert [verdict for told in says[-len(broken) :] for verdict in told] == ["fail"] * 6


lines = st.lists(
    st.one_of(st.sampled_from(["", " ", "\t", "  x", "x  ", ".", "..", "=", "-- "]), st.text("ab= .\t", max_size=30)),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.booleans(), st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_random_bodies_and_values_are_signed_as_another_program_reads_them(
    signer: Signer, rows: list[str], ended: bool, value: str
) -> None:
    body = "\r\n".join(rows).encode() + (b"\r\n" if ended else b"")
    message = f"From: a@acme.example\r\nSubject: {value}\r\n".encode() + b"\r\n" + body
    assert verdicts(signer, signed(signer, message)) == [True, True]


values = st.one_of(
    st.text("ab:. \t=<>@", max_size=20),
    st.sampled_from(["", " ", "x ", " x", "a  b", "a\r\n b", "a \r\n\tb", "a\r\n  b ", "a\rb", "a\nb", "%b", "a\tb"]),
)
blocks = st.lists(
    st.tuples(st.sampled_from(["From", "TO", "to ", "Subject", "List-Id", "X-Other"]), values), min_size=1
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks, st.lists(values, min_size=1, max_size=4), st.sampled_from([": ", ":"]))
def test_the_pattern_of_one_mail_reads_the_next_as_taking_it_apart_does(
    keys: list[DkimKey], first: list[tuple[str, str]], others: list[str], colon: str
) -> None:
    """One signer sees mails whose names are the same and whose values differ; another sees each mail alone."""
    signing = Signer(keys[1:])
    for number, other in enumerate(["x", *others, "x"]):
        head = "".join(
            f"{name}{colon}{other if at == number % len(first) else value}\r\n"
            for at, (name, value) in enumerate(first)
        )
        now = NOW + timedelta(seconds=number // 2)
        assert signing.sign(head.encode(), b"x\r\n", now) == Signer(keys[1:]).sign(head.encode(), b"x\r\n", now)


def test_a_signature_that_expires_says_when(keys: list[DkimKey]) -> None:
    soon = Signer(keys, valid_days=3)
    tags = tags_of(fields_of(soon.sign(b"From: a@acme.example\r\n", b"x\r\n", NOW))[0])
    assert tags["x"] == str(int((NOW + timedelta(days=3)).timestamp()))


def test_a_signer_travels_to_another_process_and_shows_no_key(keys: list[DkimKey]) -> None:
    there = pickle.loads(pickle.dumps(Signer(keys, valid_days=2)))
    head, body = split_message(build_message(LETTER))
    assert there.sign(head, body, NOW) == Signer(keys, valid_days=2).sign(head, body, NOW)
    assert "PRIVATE" not in repr(keys)


def test_without_keys_nothing_is_added() -> None:
    assert Signer(()).sign(b"From: a@b\r\n", b"x\r\n", NOW) == b""


# RFC 8463, appendix A: one message, two keys, two signatures, all of them written out there.
RFC_8463_HEAD = (
    b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
)
RFC_8463_SECRET = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RFC_8463_PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC_8463_RSA = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3Fu"
    "tACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RFC_8463_TAGS = (
    b"dkim-signature:v=1; a=%b-sha256; c=relaxed/relaxed; d=football.example.com; i=@football.example.com; "
    b"q=dns/txt; s=%b; t=1528637909; h=from : to : subject : date : message-id : from : subject : date; "
    b"bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b="
)
RFC_8463_BY_ED25519 = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
RFC_8463_BY_RSA = (
    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
    "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="
)


def test_the_standards_own_key_over_its_own_message_gives_its_own_signature() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b64decode(RFC_8463_SECRET))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert record_text(pem) == f"v=DKIM1; k=ed25519; p={RFC_8463_PUBLIC}"
    _, lines = header_lines(RFC_8463_HEAD)
    octets = b"".join(lines) + RFC_8463_TAGS % (b"ed25519", b"brisbane")
    assert b64encode(signature(private, sha256(octets).digest())).decode() == RFC_8463_BY_ED25519


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_the_quick_way_signs_as_the_other_library_does(secret: bytes, digest: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(secret)
    assert quick_signature(private)(digest) == signature(private, digest)


def test_without_the_quick_library_mail_is_signed_all_the_same(
    keys: list[DkimKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, body = split_message(build_message(LETTER))
    quick = Signer(keys).sign(head, body, NOW)
    monkeypatch.setattr("outreach.wire.dkim.crypto_sign", None)
    assert Signer(keys).sign(head, body, NOW) == quick


def test_the_standards_own_rsa_signature_is_over_what_we_would_sign() -> None:
    public = load_der_public_key(b64decode(RFC_8463_RSA))
    assert isinstance(public, RSAPublicKey)
    _, lines = header_lines(RFC_8463_HEAD)
    public.verify(b64decode(RFC_8463_BY_RSA), b"".join(lines) + RFC_8463_TAGS % (b"rsa", b"test"), PKCS1v15(), SHA256())


def test_headers_are_relaxed_as_in_the_standards_example() -> None:
    """RFC 6376, 3.4.5."""
    assert header_lines(b"A: X\r\nB : Y\t\r\n\tZ  \r\n")[1] == [b"a:X\r\n", b"b:Y Z\r\n"]


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n"])
def test_an_empty_body_has_the_hash_that_the_standard_gives(body: bytes) -> None:
    """RFC 6376, 3.4.3."""
    assert b64encode(body_hash(body)) == b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="


def test_blank_lines_within_the_body_count_and_at_its_end_do_not() -> None:
    assert body_hash(b"a\r\n\r\nb\r\n") == body_hash(b"a\r\n\r\nb\r\n\r\n\r\n") == body_hash(b"a\r\n\r\nb")
    assert body_hash(b"a\r\n\r\nb\r\n") != body_hash(b"a\r\nb\r\n")
    assert body_hash(b"a\r\n \r\n") != body_hash(b"a\r\n")


def test_a_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    pem = make_key(tmp_path, "one", "ed25519")
    path = key_path(tmp_path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="not overwritten"):
        make_key(tmp_path, "one", "rsa")
    assert read_key(tmp_path, "one") == pem == path.read_bytes()


@pytest.mark.parametrize("selector", ["", ".", "..", "../x", "a/b", "a b", "-a", "UPPER", "a..b", "x" * 64, "ä", "a\n"])
def test_what_is_no_selector_is_refused(tmp_path: Path, selector: str) -> None:
    with pytest.raises(UsageError, match="no selector"):
        make_key(tmp_path, selector, "ed25519")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("algorithm", "bits"), [("rsa", 1024), ("rsa", 8192), ("dsa", 2048)])
def test_weak_and_unknown_ways_are_refused(tmp_path: Path, algorithm: str, bits: int) -> None:
    with pytest.raises(UsageError):
        make_key(tmp_path, "one", algorithm, bits)


def test_a_key_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="missing"):
        read_key(tmp_path, "one")
    path = key_path(tmp_path, "one")
    path.parent.mkdir()
    weak = generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private = Ed25519PrivateKey.generate()
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for content, words in (
        (b"", "no private key"),
        (b"x", "no private key"),
        (weak, "1024 bits"),
        (locked, "password"),
    ):
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=words) as told:
            read_key(tmp_path, "one")
        assert told.value.remedy and "BEGIN" not in str(told.value)


def test_a_long_record_is_split_for_the_zone_and_whole_for_the_form(keys: list[DkimKey]) -> None:
    text = record_text(keys[0].pem)
    line = zone_line("rsa._domainkey.acme.example", text)
    parts = re.findall(r'"([^"]*)"', line)
    assert "".join(parts) == text and max(map(len, parts)) == 255
    assert line.startswith('rsa._domainkey.acme.example. IN TXT ( "v=DKIM1; k=rsa; p=') and line.endswith('" )')
    assert zone_line("n", record_text(keys[1].pem)).count('"') == 2
    assert (algorithm_of(keys[0].pem), algorithm_of(keys[1].pem)) == ("rsa-2048", "ed25519")
    assert load_private(keys[0].pem, "it") is not None
