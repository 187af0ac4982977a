"""What a machine needs to run a workspace by itself: systemd units, cron lines, and a web server before `serve`.

Law: text only, made of this workspace's own paths and settings; whoever prints it changes nothing. Each kind is tried
by the program that reads it (systemd-analyze, nginx, sh) in a test.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..settings import Settings

STOP_ROOM = 30
"""Seconds that a stop may take beyond what sending takes to finish: the other lanes, the last commits."""
KEEP = 14
SERVICE_HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077"""


@dataclass(frozen=True)
class Place:
    """Where and as whom it runs: the workspace's folder, the program and its first arguments, the system's user."""

    root: Path
    program: tuple[str, ...]
    user: str

    @property
    def name(self) -> str:
        """The workspace in names of units and files."""
        return re.sub(r"[^A-Za-z0-9_]+", "-", self.root.name).strip("-").lower() or "workspace"


def variables_file(place: Place) -> str:
    """Where systemd finds the settings that come from variables; there need be none."""
    return f"/etc/outreach/{place.name}.env"


def where_variables_go(place: Place, names: Sequence[str]) -> str:
    """What to do with the settings that come from this shell's variables: no service and no cron job has them."""
    return (
        f"These settings come from variables of this shell, which no service and no cron job has: {', '.join(names)}. "
        f"Write each as NAME=value into {variables_file(place)} (root's alone: chmod 600), or above the lines of the "
        "crontab."
    )


def install_files(place: Place, settings: Settings, sender_domain: str) -> dict[str, str]:
    """File names and their text, in the order in which one would put them in place."""
    unit = f"outreach-{place.name}"
    return {
        f"{unit}.service": _run_unit(place, settings),
        f"{unit}-serve.service": _serve_unit(place, settings),
        f"{unit}-backup.service": _once(place, settings, "backs up and lets old things go", _NIGHTLY),
        f"{unit}-backup.timer": _timer(place, "backs up every night", "OnCalendar=02:15\nRandomizedDelaySec=10min"),
        f"{unit}-health.service": _once(place, settings, "tells when something needs a person", _HEALTH),
        f"{unit}-health.timer": _timer(place, "asks every five minutes whether all is well", "OnCalendar=*:0/5"),
        f"{unit}.cron": _cron(place),
        f"{unit}.nginx.conf": _nginx(settings, sender_domain),
        f"{unit}.Caddyfile": _caddy(settings, sender_domain),
    }


def how_to(place: Place) -> dict[str, str]:
    """What to do with each kind of file, by the end of its name."""
    unit = f"outreach-{place.name}"
    return {
        ".service": f"into /etc/systemd/system, then: systemctl daemon-reload && systemctl enable --now {unit} "
        f"{unit}-serve {unit}-backup.timer {unit}-health.timer",
        ".timer": "beside its service",
        ".cron": f"where there is no systemd: crontab -u {place.user} {unit}.cron",
        ".nginx.conf": "into /etc/nginx/sites-enabled; its certificate from certbot, for example",
        ".Caddyfile": "or Caddy in nginx's place: it gets its certificate by itself",
    }


_NIGHTLY = (("backup", "--keep", str(KEEP)), ("prune",))
_HEALTH = (("health", "--quiet", "--tell"),)


def _run_unit(place: Place, settings: Settings) -> str:
    seconds = int(settings.sending.stop_seconds) + STOP_ROOM
    return _unit(place, "sends what is due and reads replies") + (
        f"[Service]\nType=exec\n{_whose(place)}{_exec(place, 'run')}"
        "Restart=on-failure\nRestartSec=15\n"
        "# SIGTERM goes to the main process alone; what is in the air is finished, the rest given back\n"
        f"KillMode=mixed\nTimeoutStopSec={seconds}\n"
        f"{_hardening(place, settings)}\n[Install]\nWantedBy=multi-user.target\n"
    )


def _serve_unit(place: Place, settings: Settings) -> str:
    return _unit(place, "answers the links in mails") + (
        f"[Service]\nType=exec\n{_whose(place)}{_exec(place, 'serve')}"
        "Restart=always\nRestartSec=5\nTimeoutStopSec=20\n"
        f"{_hardening(place, settings)}\n[Install]\nWantedBy=multi-user.target\n"
    )


def _once(place: Place, settings: Settings, what: str, commands: Sequence[tuple[str, ...]]) -> str:
    lines = "".join(_exec(place, *words) for words in commands)
    return _unit(place, what) + f"[Service]\nType=oneshot\n{_whose(place)}{lines}{_hardening(place, settings)}"


def _timer(place: Place, what: str, when: str) -> str:
    about = f"[Unit]\nDescription=outreach for {_plain(place.root.name)}: {what}\n\n"
    return f"{about}[Timer]\n{when}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"


def _unit(place: Place, what: str) -> str:
    return (
        f"[Unit]\nDescription=outreach for {_plain(place.root.name)}: {what}\n"
        "After=network-online.target postgresql.service\nWants=network-online.target\n"
        f"ConditionPathExists={_plain(str(place.root / 'outreach.toml'))}\n\n"
    )


def _whose(place: Place) -> str:
    variables = f"EnvironmentFile=-{_plain(variables_file(place))}\n"
    warning = "# better a user of its own: adduser --system --group outreach, and chown the workspace to it\n"
    warned = warning if place.user == "root" else ""
    return f"{warned}User={place.user}\nWorkingDirectory={_plain(str(place.root))}\n{variables}"


def _exec(place: Place, *words: str) -> str:
    line = " ".join(_quoted(word) for word in (*place.program, "-w", str(place.root), *words))
    return f"ExecStart={line}\n"


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it (systemd.syntax, systemd.service)."""
    safe = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:@%$+=,-]+", safe):
        return safe
    escaped = safe.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str) -> str:
    """A value that systemd reads to the end of the line."""
    return text.replace("%", "%%")


def _hardening(place: Place, settings: Settings) -> str:
    """What the service may touch: the workspace, and the mailboxes in which mail is marked as read."""
    paths = [place.root]
    if "://" not in settings.database:
        paths.append((place.root / Path(settings.database).expanduser()).parent)
    for box in settings.replies.mailboxes:
        if box.kind != "imap" and box.path:
            path = place.root / Path(box.path).expanduser()
            paths.append(path if box.kind == "maildir" else path.parent)
    outside = [path for path in dict.fromkeys(paths[1:]) if not path.resolve().is_relative_to(place.root)]
    wanted = [str(place.root), *(f"-{path}" for path in outside)]
    written = " ".join(_quoted(each).replace("$$", "$") for each in wanted)
    return f"ReadWritePaths={written}\n{SERVICE_HARDENING}\n"


def _cron(place: Place) -> str:
    return "\n".join(
        [
            f"# outreach for {place.root.name}. Cron mails what a command prints: these print only what is wrong.",
            "# Settings that come from variables stand above these lines, each as OUTREACH_NAME=value.",
            "# Without `outreach run` as a daemon, each minute one round; two at a time do no harm.",
            _cron_line(place, "* * * * *", "run", "--once", end=">/dev/null"),
            "# Is all well? It also tells the alerts of a daemon that is dead.",
            _cron_line(place, "*/5 * * * *", "health", "--quiet", "--tell"),
            _cron_line(place, "15 2 * * *", "backup", "--keep", str(KEEP), end=">/dev/null"),
            _cron_line(place, "40 3 * * 0", "prune", end=">/dev/null"),
            "",
        ]
    )


def _cron_line(place: Place, when: str, *words: str, end: str = "") -> str:
    command = shlex.join([*place.program, "-w", str(place.root), *words])
    return f"{when} {command} {end}".rstrip().replace("%", "\\%")


def _public(settings: Settings, sender_domain: str) -> tuple[str, str, str]:
    """The host name, the path before ours, and where `outreach serve` listens."""
    url = urlsplit(settings.public.url)
    host = settings.public.host
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return url.hostname or f"news.{sender_domain}", url.path.rstrip("/"), f"{local}:{settings.public.port}"


def _nginx(settings: Settings, sender_domain: str) -> str:
    name, path, local = _public(settings, sender_domain)
    return "\n".join(
        [
            *_unset(settings, name),
            "server {",
            "    listen 80;",
            "    listen [::]:80;",
            f"    server_name {name};",
            "    location / {",
            "        return 301 https://$host$request_uri;",
            "    }",
            "}",
            "",
            "server {",
            "    listen 443 ssl;",
            "    listen [::]:443 ssl;",
            f"    server_name {name};",
            f"    ssl_certificate /etc/letsencrypt/live/{name}/fullchain.pem;",
            f"    ssl_certificate_key /etc/letsencrypt/live/{name}/privkey.pem;",
            "    ssl_protocols TLSv1.2 TLSv1.3;",
            "    # the links hold tokens of people: they do not belong in a log",
            "    access_log off;",
            "    client_max_body_size 64k;",
            f"    location {path}/ {{",
            f"        proxy_pass http://{local}/;",
            "        proxy_set_header Host $host;",
            "        proxy_set_header X-Forwarded-Proto https;",
            "        proxy_set_header X-Forwarded-For $remote_addr;",
            "        proxy_connect_timeout 5s;",
            "        proxy_read_timeout 30s;",
            "    }",
            "}",
            "",
        ]
    )


def _caddy(settings: Settings, sender_domain: str) -> str:
    name, path, local = _public(settings, sender_domain)
    proxy = f"reverse_proxy {local}"
    inner = [f"\thandle_path {path}/* {{", f"\t\t{proxy}", "\t}"] if path else [f"\t{proxy}"]
    limit = ["\trequest_body {", "\t\tmax_size 64KB", "\t}"]
    return "\n".join([*_unset(settings, name), f"{name} {{", *limit, *inner, "}", ""])


def _unset(settings: Settings, name: str) -> Iterator[str]:
    if not settings.public.linkable:
        yield f'# set url = "https://{name}" in [public]: until then mails carry no link to here'
