"""What is wrong with a campaign, before anybody gets it.

Law: judged on the real mail of real customers; a link is asked only where the web may answer for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..newsletter.lint import Fault, lint_link, lint_newsletter, page_links
from ..newsletter.plates import person_values
from ..newsletter.render import OURS, Links
from ..newsletter.sandbox import html_environment
from ..newsletter.tips import ChosenTip
from ..newsletter.uses import names_in
from ..store.segments import known_attributes
from ..wire.links import ask_links
from .choose import choose_for
from .compose import Draft, freeze
from .doubts import campaign_doubts
from .preflight import try_everyone
from .press import chosen_tips
from .proof import Proof, proof_edition, prove, subscribers
from .schedules import life_of
from .trial import Trial, TrialFault, TrialPerson
from .workspace import Workspace

SAMPLE_VALUES = {"first_name": "Ann", "last_name": "Lee", "language": "en", "country": "US", "zone": "UTC"}


def check_campaign(workspace: Workspace, draft: Draft, *, fetch: bool = True) -> list[Fault]:
    """The faults of a campaign, errors first; `fetch` asks the web about its links."""
    faults = _failing(workspace, draft)
    if not any(fault.rule == "render" for fault in faults):
        proofs = {name: prove(workspace, draft, version=name) for name in ("", *_versions(draft))}
        for name, proof in proofs.items():
            faults += _of_version(name, _lint(workspace, draft, proof), faults)
        if fetch:
            faults += _ask(proofs.values())
    faults += [*_short_deadline(workspace, draft), *_mistaken(workspace, draft)]
    where = f"{draft.campaign.source_path}:{(draft.campaign.options.get('lines') or {}).get('segment', 1)}"
    faults += [Fault("warning", "segment", words, where) for words in campaign_doubts(workspace, draft.campaign)]
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.level != "error")


def _mistaken(workspace: Workspace, draft: Draft) -> list[Fault]:
    """Names of ours in the text that customers have an attribute of, too: most likely theirs is meant."""
    campaign = draft.campaign
    texts = [campaign.subject, campaign.preheader, campaign.body]
    for version in campaign.options.get("versions") or ():
        texts += [version["subject"], version["preheader"], version["body"]]
    used = names_in(html_environment(), texts) & OURS
    if not used:
        return []
    with workspace.database.read() as session:
        used.intersection_update(known_attributes(session))
    words = "{{{{ {0} }}}} is the same for all readers; what an import brought is {{{{ customer.{0} }}}}"
    return [Fault("warning", "name", words.format(name), campaign.source_path) for name in sorted(used)]


def _short_deadline(workspace: Workspace, draft: Draft) -> list[Fault]:
    """A deadline that ends before the first retry: whoever is put off once gets nothing."""
    first = workspace.settings.sending.retry_minutes[0]
    if life_of(workspace, draft.campaign) > timedelta(minutes=1.2 * first):
        return []
    line = (draft.campaign.options.get("lines") or {}).get("deadline", 1)
    words = f"whoever the relay puts off once gets nothing: the next try comes after {first} minutes"
    return [Fault("warning", "deadline", words, f"{draft.campaign.source_path}:{line}")]


def _versions(draft: Draft) -> list[str]:
    """The names of the campaign's other versions."""
    return [str(one["name"]) for one in draft.campaign.options.get("versions") or ()]


def _of_version(name: str, found: Iterable[Fault], known: Iterable[Fault]) -> list[Fault]:
    """The faults of a version, "" the original, that are not known yet, with its name in their words."""
    new = [fault for fault in found if fault not in set(known)]
    return [replace(fault, words=f"version {name}: {fault.words}") for fault in new] if name else new


def _lint(workspace: Workspace, draft: Draft, proof: Proof) -> list[Fault]:
    return lint_newsletter(
        proof.rendered,
        proof.links,
        sender=draft.campaign.sender or workspace.settings.identity.sender,
        reply_to=workspace.reply_address,
        postal_address=workspace.settings.identity.postal_address,
    )


def _ask(proofs: Iterable[Proof]) -> list[Fault]:
    """What the web says of the links that look sound, each asked once."""
    own = {link for proof in proofs for link in (proof.links.unsubscribe_url, proof.links.view_url)}
    asked = [
        link
        for link in dict.fromkeys(link for proof in proofs for link in page_links(proof.rendered.html))
        if link.startswith(("http://", "https://"))
        and link not in own
        and not any(fault.level == "error" or "placeholder" in fault.words for fault in lint_link(link))
    ]
    return [
        Fault("error" if answer.verdict == "dead" else "warning", "link", answer.words, answer.link)
        for answer in ask_links(asked)
        if answer.verdict != "alive"
    ]


def _failing(workspace: Workspace, draft: Draft) -> list[Fault]:
    """Try each version for people on the list; with none, for somebody who has nothing but an address."""
    with workspace.database.read() as session:
        content = freeze(session, workspace, draft.campaign, now=workspace.clock())
        edition = proof_edition(session, workspace, draft.campaign, content)
        people = subscribers(session, draft.campaign)
        choices = choose_for(
            session,
            workspace,
            edition=edition,
            campaign=draft.campaign,
            customers=people,
            now=workspace.clock(),
        )
    links = Links(f"mailto:{workspace.reply_address}")
    tips = [ChosenTip(name) for name in content.frozen["tips"]]
    tried = [TrialPerson(person_values(row), chosen_tips(choices.get(row.id) or {}), links) for row in people]
    faults: list[Fault] = []
    for name, frozen in {"": content.frozen, **(content.frozen.get("versions") or {})}.items():
        faults += _of_version(name, _try(frozen, tried, tips, links), faults)
    if not people:
        faults.append(Fault("warning", "list", "nobody is subscribed to the list yet: tried on nobody's data"))
    return faults


def _try(frozen: Mapping[str, Any], tried: list[TrialPerson], tips: list[ChosenTip], links: Links) -> list[Fault]:
    """What is wrong with one version for these people, and for whoever has no value beyond the usual."""
    with Trial(frozen) as trial:
        found = try_everyone(trial, tried)
        every_tip = trial.failing([TrialPerson(SAMPLE_VALUES, tips, links)]) if tips else []
    faults = [
        Fault(
            "error", "render", _with_remedy(fault), f"{count} of {len(tried)} customers: {fault.variable or 'template'}"
        )
        for fault, count in found.items()
    ]
    for fault in every_tip:
        if fault is not None and fault.words not in {known.words for known in found}:
            faults.append(Fault("warning", "render", _with_remedy(fault), "for whoever has no such value"))
    if frozen["method"] == "shape":
        words = f"its CSS is inlined for each shape of the mail, which sends more slowly: {frozen['why']}"
        faults.append(Fault("warning", "inlining", words))
    return faults


def _with_remedy(fault: TrialFault) -> str:
    return f"{fault.words}\n    {fault.remedy}" if fault.remedy else fault.words
