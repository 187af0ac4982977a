"""Links asked of a real server."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from outreach.wire.links import ask_link, ask_links


class Site(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, str]] = []  # noqa: RUF012  shared by all connections on purpose

    def answer(self) -> None:
        self.asked.append((self.command, self.path))
        routes = {"/ok": 200, "/gone": 404, "/no-head": 405 if self.command == "HEAD" else 200, "/moved": 302}
        routes |= {"/round": 301, "/down": 503, "/private": 403}
        self.send_response(routes.get(self.path, 404))
        if self.path == "/moved":
            self.send_header("Location", "/ok")
        if self.path == "/round":
            self.send_header("Location", "/round")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("/ok", "alive"),
        ("/moved", "alive"),
        ("/no-head", "alive"),
        ("/gone", "dead"),
        ("/round", "dead"),
        ("/down", "unknown"),
        ("/private", "unknown"),
    ],
)
def test_a_server_is_asked_whether_the_page_is_there(site: str, path: str, verdict: str) -> None:
    assert ask_link(site + path, nearby=True).verdict == verdict


def test_a_machine_nearby_is_never_asked(site: str) -> None:
    Site.asked.clear()
    assert ask_link(f"{site}/ok").verdict == "unknown"
    assert Site.asked == []


def test_nothing_listening_is_dead_and_silence_is_unknown() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert ask_link(f"http://127.0.0.1:{port}/", nearby=True).verdict == "dead"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert ask_link(url, nearby=True, seconds=0.3).verdict == "unknown"


def test_answers_come_in_the_order_of_the_questions(site: str) -> None:
    links = [f"{site}/ok", f"{site}/gone", "ftp://x.example/"]
    assert [(each.link, each.verdict) for each in ask_links(links, nearby=True)] == list(
        zip(links, ["alive", "dead", "unknown"], strict=True)
    )
