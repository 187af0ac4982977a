"""Reading an IMAP server: INBOX and Junk, behind the marks, without changing what the owner sees as unread.

Laws: BODY.PEEK only, so that \\Seen is set in `acknowledge` alone; a mail is known by UIDVALIDITY and UID, and a new
UIDVALIDITY means that the folder is read again from its start (RFC 9051 2.3.1.1). TLS is verified, and a password goes
in plain text to this machine alone.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from imapclient import SEEN, IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from ..errors import MailboxError, SettingsError
from ..settings import MailboxSettings, read_secret
from .fetched import Fetched, Mailbox, Mark, Waiting
from .secure import is_loopback, read_token, tls_context

CONNECT_SECONDS = 20.0
READ_SECONDS = 120.0
ASKED_AT_A_TIME = 500
BATCH_MAILS = 50
BATCH_BYTES = 8_000_000
SENT_BACK = timedelta(days=30)
"""The first look into a Sent folder goes back so far: years of it would be read for nothing."""
SPECIAL = {"junk": b"\\junk", "spam": b"\\junk", "sent": b"\\sent"}
"""RFC 6154: what a folder is for, whatever it is called."""


class Imap(Mailbox):
    """A mailbox on an IMAP server; the connection is made when it is first needed."""

    def __init__(self, box: MailboxSettings, root: Path, marks: Mapping[str, Mark], max_bytes: int) -> None:
        super().__init__(box, marks, max_bytes)
        self.root = root
        self._client: Any = None
        self._selected = ""
        self._validity = 0
        self._writable = True

    def check(self) -> None:
        with self._told():
            self._folders(self._connected())

    def fetch(self) -> Iterator[Fetched]:
        with self._told():
            client = self._connected()
            folders = self._folders(client)
        for folder in folders:
            with self._told():
                uids, waiting = self._behind_mark(client, folder)
            for start in range(0, len(uids), ASKED_AT_A_TIME):
                for batch in self._batches(client, folder, uids[start : start + ASKED_AT_A_TIME]):
                    with self._told():
                        self._select(client, folder)
                        validity = self._validity
                        found = client.fetch(batch, ["INTERNALDATE", f"BODY.PEEK[]<0.{self.max_bytes + 1}>"])
                    for uid in batch:
                        yield from self._fetched(folder, validity, uid, found.pop(uid, {}), waiting)

    def acknowledge(self, fetched: Fetched) -> None:
        uid, validity, waiting, ticket = fetched.handle
        with self._told():
            client = self._connected()
            self._select(client, fetched.folder)
            if self._validity != validity:
                return
            if self._writable:
                client.add_flags([uid], [SEEN], silent=True)
        self.marks[fetched.folder] = Mark(validity, waiting.settle(ticket))

    def close(self) -> None:
        if self._client is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                self._client.logout()
            self._client, self._selected = None, ""

    def _fetched(
        self, folder: str, validity: int, uid: int, parts: Mapping[bytes, Any], waiting: Waiting
    ) -> Iterator[Fetched]:
        """The mail, or nothing where it vanished between looking and reading."""
        raw, ticket = parts.get(b"BODY[]<0>", parts.get(b"BODY[]")), waiting.hand_out(uid)
        if raw is None:
            waiting.settle(ticket)
            return
        at = parts.get(b"INTERNALDATE")
        received = at.astimezone(UTC) if isinstance(at, datetime) and at.tzinfo else None
        cut = len(raw) > self.max_bytes
        place = f"{folder}/{validity}/{uid}"
        yield Fetched(raw[: self.max_bytes], place, folder, received, cut, (uid, validity, waiting, ticket))

    def _behind_mark(self, client: Any, folder: str) -> tuple[list[int], Waiting]:
        """The UIDs that were not read yet, in ascending order, and where they wait to be acknowledged."""
        self._select(client, folder)
        mark = self.marks.get(folder)
        known = mark.last_uid if mark is not None and mark.uidvalidity == self._validity else 0
        wanted: list[Any] = ["UID", f"{known + 1}:*"]
        if self.box.sent and not known:
            wanted += ["SINCE", datetime.now(UTC).date() - SENT_BACK]
        # "n:*" always names the last mail too, even where its UID is below n
        return sorted(uid for uid in client.search(wanted) if uid > known), Waiting(known)

    def _batches(self, client: Any, folder: str, uids: Sequence[int]) -> Iterator[list[int]]:
        """UIDs in portions that fit into memory together; a large mail comes alone."""
        with self._told():
            self._select(client, folder)
            sizes = client.fetch(uids, ["RFC822.SIZE"])
        batch: list[int] = []
        weight = 0
        for uid in uids:
            size = min(int(sizes.get(uid, {}).get(b"RFC822.SIZE", 0)), self.max_bytes)
            if batch and (weight + size > BATCH_BYTES or len(batch) >= BATCH_MAILS):
                yield batch
                batch, weight = [], 0
            batch.append(uid)
            weight += size
        if batch:
            yield batch

    def _select(self, client: Any, folder: str) -> None:
        if self._selected != folder:
            try:
                said, self._writable = client.select_folder(folder), True
            except imaplib.IMAP4.readonly:
                said, self._writable = client.select_folder(folder, readonly=True), False
            self._selected, self._validity = folder, int(said.get(b"UIDVALIDITY", 0))

    def _folders(self, client: Any) -> list[str]:
        """Those of our folders that exist: by name, by last part of the name, or by RFC 6154's \\Junk and \\Sent."""
        there = client.list_folders()
        found: list[str] = []
        for wanted in self.box.folders:
            for flags, delimiter, name in there:
                last = name.rpartition((delimiter or b"/").decode())[2]
                special = SPECIAL.get(wanted.lower()) in {flag.lower() for flag in flags}
                chosen = name.lower() == wanted.lower() or special or last.lower() == wanted.lower()
                if chosen and name not in found and b"\\noselect" not in {flag.lower() for flag in flags}:
                    found.append(name)
        if not found:
            words = f"it has none of the folders {', '.join(self.box.folders)}"
            raise self._wrong(words, f"It has: {', '.join(sorted(name for _, _, name in there)[:10])}.")
        return found

    def _connected(self) -> Any:
        if self._client is None:
            box = self.box
            if box.tls == "none" and not is_loopback(box.host):
                raise self._wrong(
                    f"{box.host} would get the password in plain text", 'Set tls = "tls" (port 993) or "starttls".'
                )
            context = None
            if box.tls != "none":
                context = tls_context(verify=box.verify, ca_file=box.ca_file, root=self.root)
            timeout = SocketTimeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
            client = IMAPClient(box.host, box.port, ssl=box.tls == "tls", ssl_context=context, timeout=timeout)
            try:
                client.normalise_times = False
                if box.tls == "starttls":
                    client.starttls(context)
                self._log_in(client)
            except BaseException:
                with suppress(OSError, imaplib.IMAP4.error):
                    client.shutdown()
                raise
            self._client = client
        return self._client

    def _log_in(self, client: Any) -> None:
        box = self.box
        if box.token_command:
            client.oauth2_login(box.username, read_token(box.token_command))
            return
        password = read_secret(box.password, box.password_file, self.root, what=f"password of the mailbox {box.name}")
        client.login(box.username, password)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what can go wrong on the way into a MailboxError that a person can act on."""
        place = f"{self.box.host}:{self.box.port}"
        try:
            yield
        except MailboxError:
            raise
        except SettingsError as wrong:
            raise self._wrong(wrong.message, wrong.remedy) from wrong
        except LoginError as wrong:
            remedy = "Check username and password; many providers want an app password, or a token_command for OAuth2."
            raise self._wrong(f"{place} refused the login: {_words(wrong)}", remedy) from wrong
        except ssl.SSLCertVerificationError as wrong:
            remedy = "The certificate must be valid for `host`; an own authority goes into `ca_file`."
            raise self._wrong(f"the certificate of {place} is not valid: {wrong.verify_message}", remedy) from wrong
        except ssl.SSLError as wrong:
            remedy = 'Port 993 wants tls = "tls", port 143 tls = "starttls".'
            raise self._wrong(f"no TLS with {place}: {wrong.reason or wrong}", remedy) from wrong
        except OSError as wrong:
            self._client, self._selected = None, ""
            remedy = "Check `host` and `port`, and whether the server is running. Nothing was lost."
            words = "no answer in time" if isinstance(wrong, TimeoutError) else wrong.strerror or wrong
            raise self._wrong(f"{place} cannot be reached: {words}", remedy) from wrong
        except imaplib.IMAP4.error as wrong:
            if isinstance(wrong, imaplib.IMAP4.abort):
                self._client, self._selected = None, ""
            raise self._wrong(
                f"{place} said: {_words(wrong)}", "Nothing was lost; the next look tries again."
            ) from wrong

    def _wrong(self, words: str, remedy: str) -> MailboxError:
        return MailboxError(f"the mailbox {self.box.name}: {words}", remedy=remedy)


def _words(wrong: Exception) -> str:
    said = wrong.args[0] if wrong.args else wrong
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if text[:2] in ("b'", 'b"') and text[-1] == text[1]:
        text = text[2:-1]  # imaplib hands on the server's octets as Python would write them
    return " ".join(text.split())[:200]
