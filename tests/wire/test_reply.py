"""Reading replies: what is one, what is not, however the octets are cut up."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.delivery.outcome import SmtpReply
from outreach.wire.reply import LINE_OCTETS, LINES, Garbage, ReplyReader

from ..examples import examples


def read_all(*chunks: bytes) -> list[SmtpReply | str]:
    """Every reply in the stream; the last item is "garbage" where it ended so."""
    reader, found = ReplyReader(), []
    for chunk in chunks:
        reader.feed(chunk)
        try:
            while (reply := reader.take()) is not None:
                found.append(reply)
        except Garbage:
            return [*found, "garbage"]
    return found


def read_slowly(stream: bytes) -> list[SmtpReply | str]:
    """The same by the letter of RFC 5321 4.2, one line after the other, without any cleverness."""
    found: list[SmtpReply | str] = []
    code, texts = b"", 0
    while b"\n" in stream:
        line, stream = stream[: stream.index(b"\n") + 1], stream[stream.index(b"\n") + 1 :]
        body = line[:-2]
        separator = body[3:4]
        well_formed = (
            line.endswith(b"\r\n")
            and len(line) <= LINE_OCTETS
            and len(body) >= 3
            and body[:1] in (b"2", b"3", b"4", b"5")
            and body[1:3].isdigit()
            and separator in (b"", b" ", b"-")
            and not set(body) & {0, 10, 13}
        )
        if not well_formed or (texts and body[:3] != code) or texts >= LINES:
            return [*found, "garbage"]
        code, texts = body[:3], texts + 1
        if separator != b"-":
            found.append(str(int(code)))
            texts = 0
    if len(stream) > LINE_OCTETS:
        found.append("garbage")
    return found


def codes(found: list[SmtpReply | str]) -> list[str]:
    return [str(one.code) if isinstance(one, SmtpReply) else one for one in found]


WHOLE = [b"250 ok\r\n", b"250-ok\r\n", b"550-x\r\n"]
PARTS = [b"250", b"550", b"25", b"199", b"354", b" ", b"-", b"\t", b"ok", b"5.1.1 no", b"\x00", b"\xff", b"x" * 600]
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"]
pieces = st.sampled_from([*WHOLE, *PARTS, *ENDS])


@settings(max_examples=examples(1500), deadline=None)
@given(st.lists(pieces, max_size=12).map(b"".join), st.lists(st.floats(0, 1), max_size=3))
def test_any_octets_cut_up_in_any_way_are_read_as_the_standard_says(stream: bytes, shares: list[float]) -> None:
    cuts = sorted(int(share * len(stream)) for share in shares)
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    expected = read_slowly(stream)
    assert codes(read_all(stream)) == expected
    assert codes(read_all(*chunks)) == expected


@settings(max_examples=examples(2000), deadline=None)
@given(st.binary(max_size=300))
def test_no_octets_do_more_harm_than_being_called_garbage(stream: bytes) -> None:
    for reply in read_all(stream):
        if isinstance(reply, SmtpReply):
            assert 200 <= reply.code <= 599
            assert not re.search(r"[\x00-\x1f\x7f]", reply.text)


def test_a_reply_of_many_lines_is_one() -> None:
    assert read_all(b"250-5.1.5 first\r\n250-5.1.5 second\r\n250 last\r\n") == [
        SmtpReply(250, "5.1.5", "first second last")
    ]


def test_the_enhanced_code_is_told_apart_from_the_text() -> None:
    assert read_all(b"550 5.1.1 <a@b>: unknown\r\n") == [SmtpReply(550, "5.1.1", "<a@b>: unknown")]
    assert read_all(b"550 5.1.1\r\n") == [SmtpReply(550, "5.1.1", "")]
    assert read_all(b"550 10.0.0.1 is blocked\r\n") == [SmtpReply(550, "", "10.0.0.1 is blocked")]
    assert read_all(b"550 5.1.1x unknown\r\n") == [SmtpReply(550, "", "5.1.1x unknown")]


def test_a_code_without_text_is_a_reply() -> None:
    assert read_all(b"250\r\n") == [SmtpReply(250)]


@pytest.mark.parametrize(
    "stream",
    [
        b"250 ok\n",
        b"250 ok\r\r\n",
        b"250 o\x00k\r\n",
        b"250_ok\r\n",
        b"2500 ok\r\n",
        b"\xb2\xb5\xb0 ok\r\n",
        b" 250 ok\r\n",
        b"\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"* OK IMAP4rev1 ready\r\n",
        b"\x15\x03\x01\x00\x02\x02\n",
        b"250-one\r\n550 two\r\n",
        b"250-one\r\n\r\n",
        b"150 ok\r\n",
        b"650 ok\r\n",
        b"250 " + b"x" * LINE_OCTETS + b"\r\n",
        b"x" * (LINE_OCTETS + 1),
        b"250-x\r\n" * (LINES + 1),
    ],
)
def test_what_is_no_reply_is_garbage(stream: bytes) -> None:
    assert read_all(stream) == ["garbage"]


def test_half_a_reply_is_none_yet() -> None:
    reader = ReplyReader()
    reader.feed(b"250-one\r\n250 tw")
    assert reader.take() is None
    assert not reader.empty
    reader.feed(b"o\r\n")
    assert reader.take() == SmtpReply(250, "", "one two")
    assert reader.empty


def test_control_characters_and_bidi_marks_never_reach_a_terminal() -> None:
    (reply,) = read_all("550 \x1b[31mred\x07 \u202eevil\x7f\r\n".encode())
    assert isinstance(reply, SmtpReply)
    assert reply.text.split() == ["[31mred", "evil"]
    assert reply.text.isprintable()


def test_a_flood_of_octets_is_read_in_linear_time() -> None:
    reader = ReplyReader()
    start = time.perf_counter()
    for _ in range(100):
        for _ in range(LINES - 1):
            for octet in b"250-" + b"x" * 40 + b"\r\n":
                reader.feed(bytes([octet]))
                if octet == 10:
                    reader.take()
        reader.feed(b"250 x\r\n")
        assert reader.take() is not None
    assert time.perf_counter() - start < 5
