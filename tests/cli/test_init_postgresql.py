"""`outreach init --database postgresql://…`: made, used, examined; what is wrong is told before anything is written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ..servers.dovecot import free_port
from ..servers.postgres import LOCKED_USER, PASSWORD, Cluster
from .inside import outreach

pytestmark = pytest.mark.needs_debian
on_server = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@on_server
def test_a_workspace_on_a_server_is_made_and_works(database_url: str, tmp_path: Path) -> None:
    made = outreach(tmp_path, "init", "acme", "--database", database_url)
    assert made.returncode == 0, made.stderr
    root = tmp_path / "acme"
    assert tomllib.loads((root / "outreach.toml").read_text())["database"] == database_url
    assert not (root / "outreach.db").exists()
    (root / "people.csv").write_text("email,first_name\nann@example.com,Ann\n")
    assert outreach(root, "customers", "import", "people.csv", "--list", "customers").returncode == 0
    assert json.loads(outreach(root, "customers", "count", "--json").stdout)["count"] == 1
    again = outreach(tmp_path, "init", "acme", "--database", database_url)
    assert again.returncode == 0, again.stderr
    other = outreach(tmp_path, "init", "acme", "--database", database_url + "&application_name=x")
    assert other.returncode == 2 and "names another database" in other.stderr


@on_server
def test_the_url_may_come_from_a_variable_and_is_not_written_down(database_url: str, tmp_path: Path) -> None:
    made = outreach(tmp_path, "init", "acme", OUTREACH_DATABASE=database_url)
    assert made.returncode == 0, made.stderr
    assert tomllib.loads((tmp_path / "acme" / "outreach.toml").read_text())["database"] == "outreach.db"
    listed = outreach(tmp_path / "acme", "customers", "list", OUTREACH_DATABASE=database_url)
    assert listed.returncode == 0, listed.stderr


@on_server
def test_the_doctor_knows_the_server(database_url: str, tmp_path: Path) -> None:
    outreach(tmp_path, "init", "acme", "--database", database_url)
    found = {
        one["check"]: one for one in json.loads(outreach(tmp_path / "acme", "doctor", "--json").stdout)["findings"]
    }
    assert "is sound" in found["database"]["words"] and "answers in" in found["PostgreSQL"]["words"]
    assert "fsync and full_page_writes are off" in found["durability"]["words"]
    assert found["page checksums"]["level"] == "note"
    assert found["clock"]["level"] == "good"


def test_what_is_wrong_is_told_before_anything_is_written(postgres: Cluster, tmp_path: Path) -> None:
    wrong = {
        f"postgresql://ann:{PASSWORD}@127.0.0.1:{free_port()}/x": "Is the server running",
        postgres.url("nowhere"): "createdb",
        postgres.url("postgres", user=LOCKED_USER, password=PASSWORD + "x"): "PGPASSWORD",
        "mysql://ann@127.0.0.1/x": "postgresql://",
    }
    for url, words in wrong.items():
        done = outreach(tmp_path, "init", "acme", "--database", url)
        assert done.returncode == 1 and words in done.stderr, done.stderr
        assert PASSWORD not in done.stderr + done.stdout and "Traceback" not in done.stderr
    assert not (tmp_path / "acme").exists()


def test_a_broken_line_with_a_url_is_not_repeated(tmp_path: Path) -> None:
    outreach(tmp_path, "init", "acme")
    file = tmp_path / "acme" / "outreach.toml"
    file.write_text(f'database = "postgresql://ann:{PASSWORD}@x/y\n' + file.read_text())
    done = outreach(tmp_path / "acme", "customers", "list")
    assert done.returncode == 1 and PASSWORD not in done.stderr and "line 1" in done.stderr
