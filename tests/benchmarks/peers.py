"""The typical issue as other tools send it: with nodemailer, and in the loop that one would write first in Python.

Both get the text and the layout of `typical` in their own template language, the same readers, links as long as ours
and the same List-Unsubscribe fields, and compile their templates once. No outbox, no proof of anything: they only send.
"""

from __future__ import annotations

import json
import re
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from premailer import transform

from outreach.address import new_public_id
from tests.benchmarks.typical import FRONT, LAYOUT, body, readers

PACKAGES = ("nodemailer@6.10.1", "handlebars@4.7.8", "juice@10.0.1")
SENDER = "Acme Care <care@acme.example>"
NODE = r"""
const fs = require('fs'), nodemailer = require('nodemailer');
const handlebars = require('handlebars'), juice = require('juice');
const [folder, port, connections, inlined] = process.argv.slice(2);
const read = name => fs.readFileSync(`${folder}/${name}`, 'utf8');
const page = read('page.hbs');
const html = handlebars.compile(inlined === 'once' ? juice(page) : page);
const text = handlebars.compile(read('text.hbs'), {noEscape: true});
const people = read('people.jsonl').trim().split('\n').map(JSON.parse);
const shared = {port: Number(port), host: '127.0.0.1', ignoreTLS: true};
const limits = {pool: true, maxConnections: Number(connections), maxMessages: Infinity};
const pool = nodemailer.createTransport({...shared, ...limits});
const mail = person => ({
  from: person.sender, to: person.address, replyTo: person.reply_to, subject: person.subject,
  messageId: person.message_id, envelope: {from: person.reply_to, to: person.address},
  text: text(person), html: inlined === 'once' ? html(person) : juice(html(person)),
  headers: {'List-Unsubscribe': {prepared: true, value: `<${person.unsubscribe_url}>`},
            'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click', 'Precedence': 'bulk'},
});
(async () => {
  const one = await nodemailer.createTransport({streamTransport: true, buffer: true}).sendMail(mail(people[0]));
  const started = process.hrtime.bigint(), used = process.cpuUsage();
  let next = 0, sent = 0;
  const lane = async () => { while (next < people.length) { await pool.sendMail(mail(people[next++])); sent++; } };
  await Promise.all(Array.from({length: 2 * connections}, lane));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9, cpu = process.cpuUsage(used);
  pool.close();
  console.log(JSON.stringify({sent, seconds, octets: one.message.length, cpu: (cpu.user + cpu.system) / 1e6}));
})();
"""


def install(folder: Path) -> None:
    """Put nodemailer, handlebars and juice into `folder`. Raises CalledProcessError where npm cannot."""
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *PACKAGES],
        check=True,
        cwd=folder,
    )
    (folder / "send.js").write_text(NODE, encoding="utf-8")


def write_content(folder: Path, count: int) -> None:
    """Templates and readers for nodemailer."""
    (folder / "page.hbs").write_text(in_handlebars(page()), encoding="utf-8")
    (folder / "text.hbs").write_text(in_handlebars(text()), encoding="utf-8")
    with (folder / "people.jsonl").open("w", encoding="utf-8") as file:
        for person in people(count):
            file.write(json.dumps(person, ensure_ascii=False) + "\n")


def send_with_nodemailer(folder: Path, port: int, connections: int, inlined: str) -> dict[str, float]:
    """One run over all readers; `inlined` is "once" for CSS inlined in the template, "each" for each mail."""
    command = ["node", "send.js", str(folder), str(port), str(connections), inlined]
    ran = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def send_in_a_loop(port: int, count: int, layout: Path | None = None) -> dict[str, float]:
    """Jinja2, premailer for each mail, EmailMessage and smtplib, one after the other over one connection."""
    write = loop_writer(layout)
    started, used = time.perf_counter(), time.process_time()
    size = 0
    with smtplib.SMTP("127.0.0.1", port) as relay:
        for person in people(count):
            mail = write(person)
            relay.send_message(mail, person["reply_to"], [person["address"]])
            size = size or len(mail.as_bytes())
    return {
        "sent": count,
        "seconds": time.perf_counter() - started,
        "octets": size,
        "cpu": time.process_time() - used,
    }


def loop_writer(layout: Path | None = None) -> Callable[[dict[str, Any]], EmailMessage]:
    """What makes the loop's mail for one reader, in the layout of `typical` or the one that this file holds."""
    environment = Environment(loader=FileSystemLoader(layout.parent) if layout else None, autoescape=True)
    html = environment.from_string(page(layout.read_text(encoding="utf-8") if layout else LAYOUT))
    plain = Environment(autoescape=False).from_string(text())

    def write(person: dict[str, Any]) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Reply-To"] = SENDER, person["address"], person["reply_to"]
        mail["Subject"], mail["Message-ID"] = person["subject"], person["message_id"]
        mail["List-Unsubscribe"] = f"<{person['unsubscribe_url']}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(plain.render(person))
        mail.add_alternative(transform(html.render(person), allow_network=False), subtype="html")
        return mail

    return write


def people(count: int) -> Iterator[dict[str, Any]]:
    """What the templates print for each reader."""
    front = dict(re.findall(r"^(subject|preheader): (.*)$", FRONT, re.MULTILINE))
    for row in readers(count):
        token = new_public_id() + "abcdefghij"
        yield {
            **{name: value or "" for name, value in row.items() if name != "attributes"},
            **row["attributes"],
            **front,
            "sender": SENDER,
            "reply_to": f"care+1{token}@acme.example",
            "message_id": f"<{token[:26]}.o@acme.example>",
            "company": "Acme",
            "postal_address": "1 Road, Town",
            "view_url": f"https://news.acme.example/v/1{token}",
            "unsubscribe_url": f"https://news.acme.example/u/1{token}",
        }


def text() -> str:
    """The text part's template: the Markdown as it is, between the two links."""
    return f"{{{{ subject }}}}\n\n{body()}\n{{{{ view_url }}}}\n{{{{ unsubscribe_url }}}}\n"


def page(layout: str = LAYOUT) -> str:
    """The whole page's template in Jinja2, its Markdown made HTML."""
    tags: list[str] = []

    def hide(found: re.Match[str]) -> str:
        tags.append(found[0])
        return f"tag{len(tags) - 1}gat"

    hidden = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", hide, body())
    html = re.sub(r"tag(\d+)gat", lambda found: tags[int(found[1])], MarkdownIt().render(hidden))
    return layout.replace("{{ content }}", html)


def in_handlebars(template: str) -> str:
    """The same template for handlebars."""
    template = re.sub(r"\{% if (\w+) %\}", r"{{#if \1}}", template)
    return template.replace("{% else %}", "{{else}}").replace("{% endif %}", "{{/if}}")
