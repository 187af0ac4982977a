"""TXT records asked of a real server on loopback."""

from __future__ import annotations

from outreach.wire.dns import find_txt
from tests.servers.names import NameServer


def test_records_come_whole_even_when_they_are_long() -> None:
    long = "v=DKIM1; p=" + "A" * 600
    with NameServer({"acme.test": ["v=spf1 mx -all", long]}) as server:
        found = find_txt("acme.test", server="127.0.0.1", port=server.port)
    assert found is not None
    assert sorted(found) == sorted(["v=spf1 mx -all", long])


def test_no_such_name_and_no_record_are_an_empty_list() -> None:
    with NameServer({"bare.test": []}) as server:
        assert find_txt("nowhere.test", server="127.0.0.1", port=server.port) == []
        assert find_txt("bare.test", server="127.0.0.1", port=server.port) == []


def test_a_server_that_keeps_silent_is_no_answer() -> None:
    with NameServer({}, silent=True) as server:
        assert find_txt("acme.test", server="127.0.0.1", port=server.port, seconds=0.5) is None
