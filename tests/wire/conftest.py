"""What the tests of the wire share: an authority of our own, and certificates good and bad."""

from __future__ import annotations

import shutil
import ssl

import pytest

from ..servers.certificates import LONG_AGO, Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def good(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("good", "DNS:localhost,IP:127.0.0.1")


@pytest.fixture(scope="session")
def misnamed(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("misnamed", "DNS:elsewhere.example")


@pytest.fixture(scope="session")
def expired(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("expired", "DNS:localhost,IP:127.0.0.1", valid=LONG_AGO)
