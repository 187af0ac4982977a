"""Debian's dovecot with a private configuration: IMAP in the clear, with STARTTLS and with TLS, one folder per user.

As root it gives mail to nobody's account, since dovecot serves no mail as root; so it has a folder of its own that
others may enter, and touches nothing outside it.
"""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DOVECOT = shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)

CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_fsync = never
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {mail}
mail_gid = {mail_group}
mail_location = maildir:{folder}/users/%u/Maildir
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN {folder}/passwords
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={mail} gid={mail_group} home={folder}/users/%u
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Spam {{
    special_use = \\Junk
    auto = create
  }}
  mailbox Gesendet {{
    special_use = \\Sent
    auto = create
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server; users are ann and bob, their password is `secret`."""

    folder: Path
    imap: int
    imaps: int

    def maildir(self, user: str) -> Path:
        """Where a user's mail lies."""
        return self.folder / "users" / user / "Maildir"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def start_dovecot(certificate: Path, key: Path, *, token_url: str) -> Iterator[Dovecot]:
    """Run dovecot until the block ends. `token_url` answers whether an OAuth2 token is good."""
    assert DOVECOT is not None
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = Dovecot(folder, free_port(), free_port())
        settings = write_settings(running, certificate, key, token_url)
        process = subprocess.Popen([DOVECOT, "-F", "-c", str(settings)], stderr=subprocess.DEVNULL)
        try:
            wait_for(running.imap, process, folder)
            yield running
        finally:
            process.terminate()
            process.wait(10)


def write_settings(running: Dovecot, certificate: Path, key: Path, token_url: str) -> Path:
    """dovecot.conf, the passwords and the way to check tokens."""
    folder = running.folder
    names = {user.pw_name for user in pwd.getpwall()}
    me = getpass.getuser()
    mail = "nobody" if os.getuid() == 0 else me
    users = folder / "users"
    users.mkdir()
    if mail != me:
        shutil.chown(users, mail)
    (folder / "passwords").write_text("ann:{PLAIN}secret\nbob:{PLAIN}secret\n")
    (folder / "oauth2.conf").write_text(
        f"tokeninfo_url = {token_url}\nusername_attribute = user\nactive_attribute = active\nactive_value = yes\n"
    )
    settings = folder / "dovecot.conf"
    settings.write_text(
        CONFIG.format(
            folder=folder,
            run=folder / "run",
            certificate=certificate,
            key=key,
            imap=running.imap,
            imaps=running.imaps,
            login="dovenull" if "dovenull" in names else me,
            internal="dovecot" if "dovecot" in names else me,
            group="dovecot" if "dovecot" in names else grp.getgrgid(os.getgid()).gr_name,
            mail=mail,
            mail_group=grp.getgrgid(pwd.getpwnam(mail).pw_gid).gr_name,
        )
    )
    return settings


def wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the server greets; tells its log where it does not."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as probe:
                probe.settimeout(5)
                if probe.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            time.sleep(0.05)
    log = folder / "log"
    raise AssertionError(f"dovecot does not run: {log.read_text() if log.exists() else ''}")
