"""A fast SMTP sink in a process of its own: takes all mail, keeps none, logs what it took.

    python -m tests.servers.sink --log FILE [--port N] [--dot-delay SECONDS] [--no-pipelining] [--until-eof]
                                 [--subjects]

It prints its port on the first line. Law: the log's line (message_id, recipient, at) is written with one
write(2) before the 250 is, so the log never misses a mail that a client was told is taken. `--dot-delay` waits
between that line and the 250: whoever is killed in between has a mail that was taken and does not know it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time

SUBJECT = re.compile(rb"^Subject:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Session(asyncio.Protocol):
    """One connection. Commands are answered in one write per packet, as a pipelining server does."""

    def __init__(self, log: int, pipelining: bool, dot_delay: float, subjects: bool) -> None:
        self.log, self.dot_delay, self.subjects = log, dot_delay, subjects
        self.extensions = b"250-sink.test\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
        self.extensions += b"250-PIPELINING\r\n250 SMTPUTF8\r\n" if pipelining else b"250 SMTPUTF8\r\n"
        self.buffer = bytearray()
        self.recipients: list[bytes] = []
        self.in_data = False
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.waiting:
            self.work()

    def work(self) -> None:
        answers: list[bytes] = []
        while self.buffer and not self.waiting:
            if self.in_data:
                if not self.take(answers):
                    break
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                break
            line = bytes(self.buffer[:end])
            del self.buffer[: end + 2]
            answers.append(self.command(line))
            if answers[-1].startswith(b"221"):
                self.transport.write(b"".join(answers))
                self.transport.close()
                return
        if answers:
            self.transport.write(b"".join(answers))

    def command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self.recipients.append(line.partition(b"<")[2].rpartition(b">")[0])
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            if not self.recipients:
                return b"503 5.5.1 RCPT first\r\n"
            self.in_data = True
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        if verb in (b"MAIL", b"RSET"):
            self.recipients = []
            return b"250 2.1.0 Ok\r\n"
        if verb == b"EHLO":
            return self.extensions
        if verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n" if verb in (b"HELO", b"NOOP") else b"502 5.5.2 Unknown\r\n"

    def take(self, answers: list[bytes]) -> bool:
        end = self.buffer.find(b"\r\n.\r\n")
        if end < 0:
            return False
        head = self.buffer.find(b"\r\n\r\n", 0, end + 2)
        headers = bytes(self.buffer[: head if head >= 0 else end])
        message_id, subject = (
            found.group(1).decode("utf-8", "replace").strip() if (found := header.search(headers)) else ""
            for header in (MESSAGE_ID, SUBJECT)
        )
        now = time.time()
        told = {"subject": subject} if self.subjects else {}
        lines = [
            json.dumps({"message_id": message_id, "recipient": who.decode("utf-8", "replace"), "at": now} | told) + "\n"
            for who in self.recipients
        ]
        os.write(self.log, "".join(lines).encode())
        del self.buffer[: end + 5]
        self.in_data, self.recipients = False, []
        if self.dot_delay:
            self.waiting = True
            asyncio.get_running_loop().call_later(self.dot_delay, self.answer_late)
        else:
            answers.append(b"250 2.0.0 Ok: taken\r\n")
        return True

    def answer_late(self) -> None:
        self.waiting = False
        if not self.transport.is_closing():
            self.transport.write(b"250 2.0.0 Ok: taken\r\n")
            self.work()


async def serve(options: argparse.Namespace) -> None:
    """Listen until killed, or until the standard input ends."""
    log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Session(log, not options.no_pipelining, options.dot_delay, options.subjects),
        "127.0.0.1",
        options.port,
        backlog=512,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    if options.until_eof:
        ended = asyncio.Event()
        loop.add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
        await ended.wait()
        os._exit(0)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dot-delay", type=float, default=0.0)
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--until-eof", action="store_true")
    parser.add_argument("--subjects", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
