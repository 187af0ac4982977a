"""Certificates made on the spot with the openssl command: an own authority, and what it signs."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
AT_ALL_TIMES = ("20200101000000Z", "20991231000000Z")
LONG_AGO = ("20200101000000Z", "20200201000000Z")


class Authority:
    """A certificate authority in a folder; `file` is what a client trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "ca.pem"
        self._key = folder / "ca.key"
        subject = ["-subj", "/CN=Test Authority"]
        extra = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        files = ["-keyout", self._key, "-out", self.file]
        self._run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *subject, *extra, *files)

    def issue(self, name: str, alternatives: str, *, valid: tuple[str, str] = AT_ALL_TIMES) -> tuple[Path, Path]:
        """A certificate and its key; `alternatives` as in `DNS:localhost,IP:127.0.0.1`; `valid` from and to."""
        key, request, made = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        self._run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        database = self.folder / f"{name}.db"
        database.write_text("")
        settings = self.folder / f"{name}.cnf"
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
            f"default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n"
            f"[extra]\nsubjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n"
        )
        signed = ["-cert", self.file, "-keyfile", self._key, "-in", request, "-out", made, "-extensions", "extra"]
        dates = ["-startdate", valid[0], "-enddate", valid[1]]
        self._run("ca", "-batch", "-notext", "-config", settings, *signed, *dates)
        return made, key

    def server_context(self, name: str, alternatives: str, *, valid: tuple[str, str] = AT_ALL_TIMES) -> ssl.SSLContext:
        """A server's TLS context with such a certificate."""
        certificate, key = self.issue(name, alternatives, valid=valid)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    @staticmethod
    def _run(*words: str | Path) -> None:
        done = subprocess.run(["openssl", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
