"""A field that no customer has is said where a rule is kept or checked, and what it was probably meant to be."""

from __future__ import annotations

from collections.abc import Callable

from outreach.records import AttributeKind
from outreach.work.attributes import declare
from outreach.work.check import check_campaign
from outreach.work.compose import apply_campaign, apply_tip
from outreach.work.doubts import doubts, doubts_kept
from outreach.work.proof import find_draft
from outreach.work.segments import check_rule, save_segment
from outreach.work.sequence_plan import apply_sequence
from outreach.work.workspace import Workspace

MakeCustomer = Callable[..., int]


def _said(workspace: Workspace, rule: str) -> list[str]:
    with workspace.database.read() as session:
        return doubts(session, check_rule(session, workspace, rule))


def _news(workspace: Workspace, segment: str) -> None:
    (workspace.root / "news.md").write_text(
        f"---\nname: news\nkind: news\nlist: customers\nsubject: Hello\nsegment: '{segment}'\n---\n\nHello.\n"
    )


def test_a_field_that_nobody_has_is_named_with_its_place_and_the_nearest_one(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro", "wish": None})
    declare(workspace, "seats", AttributeKind.NUMBER, by="maria")
    save_segment(workspace, "odd", 'wxyz == "x"', about="", again=False, by="maria")
    assert _said(workspace, 'plan == "pro" and Plna == "x" and seats > 3 and countri == "DE" and wish is empty') == [
        "no customer has 'countri' (column 49); did you mean country?",
        "no customer has 'plna' (column 19); did you mean plan?",
        "no customer has 'wish' (column 69); is it spelt right?",
    ]
    assert _said(workspace, "seat > 3") == ["no customer has 'seat' (column 1); did you mean seats?"]
    assert _said(workspace, "odd") == ["no customer has 'wxyz' (in a saved segment); is it spelt right?"]
    assert _said(workspace, 'got("sprng") and reached("order")') == [
        "there is no campaign 'sprng' (column 5)",
        "nobody has reached a goal 'order' (column 26)",
    ]


def test_a_value_that_people_have_otherwise_is_told_with_what_is_there(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    """Each of these took nobody, and nothing was said."""
    attributes = {"plan": "Pro", "zip": "01067", "vip": True, "seats": 5, "tags": ["VIP", "new"], "grosse": 4}
    make_customer("ann@example.com", attributes=attributes)
    for rule, words in (
        ('plan == "pro"', 'nobody looked at has plan "pro", but "Pro" is there (column 1)'),
        ('seats > 3 and plan in ("Pro", "PRO ")', 'nobody looked at has plan "PRO ", but "Pro" is there (column 15)'),
        ("zip == 1067", 'nobody looked at has zip 1067, but "01067" is there (column 1)'),
        ("zip < 5000", 'zip holds texts, not numbers: compare with a text, such as "5000" (column 1)'),
        ('seats > "3"', "seats holds numbers: write 3 without quotation marks (column 1)"),
        ('vip == "yes"', 'vip holds true and false, not "yes" (column 1)'),
        ('"vip" in tags', 'nobody looked at has tags "vip", but "VIP" is there (column 10)'),
        ('country == "Atlantis"', 'no country is called "ATLANTIS": write its code, such as "DE" (column 1)'),
        (
            'language in ("de", "Klingonisch")',
            'no language is called "klingonisch": write its code, such as "de" (column 1)',
        ),
        ("größe > 3", "no customer has 'größe' (column 1); did you mean grosse?"),
    ):
        assert _said(workspace, rule) == [words], rule
    for rule in (
        'plan == "Pro" and zip == "01067"',
        "zip == 10115",
        'seats == "5"',
        'seats == "many"',
        '"old" in tags',
    ):
        assert _said(workspace, rule) == [], rule


def test_campaigns_tips_and_sequences_tell_it_as_they_are_kept_and_checked(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    _news(workspace, 'plna == "pro"')
    words = "no customer has 'plna' (column 1); did you mean plan?"
    apply_campaign(workspace, workspace.root / "news.md")
    assert doubts_kept(workspace, "campaign", ["news", "other"]) == {"news": [words]}
    (workspace.root / "tip.md").write_text(
        "---\nname: tip\ntitle: Tip\ntopics: [milk]\nsegment: 'plna == 1'\n---\n\nDo.\n"
    )
    apply_tip(workspace, workspace.root / "tip.md")
    assert doubts_kept(workspace, "tip", ["tip"]) == {"tip": [words]}
    sequence = workspace.root / "templates" / "sequences" / "welcome.md"
    text = sequence.read_text().replace("\n---\n", "\nsegment: 'plna == 1'\n---\n", 1)
    sequence.write_text(text)
    name = apply_sequence(workspace, sequence).name
    assert doubts_kept(workspace, "sequence", [name]) == {name: [words]}
    faults = check_campaign(workspace, find_draft(workspace, "news"), fetch=False)
    assert [(one.level, one.words, one.where) for one in faults if one.rule == "segment"] == [
        ("warning", words, "news.md:6")
    ]


def test_a_rule_that_takes_nobody_of_its_list_is_said_before_anybody_waits_for_the_mail(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_customer("ben@example.com", subscribed=False, attributes={"plan": "free"})
    for rule, said in (('plan == "free"', True), ('plan == "pro"', False)):
        _news(workspace, rule)
        faults = check_campaign(workspace, find_draft(workspace, str(workspace.root / "news.md")), fetch=False)
        assert any("takes nobody" in one.words for one in faults if one.rule == "segment") is said
