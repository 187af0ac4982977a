"""JSON lines and workbooks are read like CSV; the exports of other programs as what they mean."""

from __future__ import annotations

import json
import zipfile

import pytest
from sqlmodel import col, select

from outreach.cli.customer_views import tell_import
from outreach.errors import InputError, UsageError
from outreach.records import Consent, SuppressionReason
from outreach.store.contacts import contacts_by_customer
from outreach.work.workspace import Workspace

from .importing import block, kept, packed, person, states, take, take_file, workbook


def test_json_lines_are_people_whatever_keys_each_has(workspace: Workspace) -> None:
    lines = [
        json.dumps({"email": "ann@example.com", "seats": 5, "vip": True, "tags": ["a", "b"], "zip": "01067"}),
        json.dumps({"email": "bob@example.com", "vorname": "Bob", "late": "x", "vip": None}),
        "[1, 2]",
        '{"email": ',
        json.dumps({"vorname": "Nobody"}),
    ]
    result = take(workspace, "\n".join(lines) + "\n", "people.jsonl")
    assert (result.created, result.invalid, result.delimiter) == (2, 3, "json lines")
    assert [row for row, _ in result.faults] == [3, 4, 5] and result.rejects is not None
    ann = person(workspace, "ann@example.com").attributes
    assert ann == {"seats": 5, "vip": True, "tags": ["a", "b"], "zip": "01067"}
    assert person(workspace, "bob@example.com").attributes == {"late": "x"}


def test_a_workbook_is_read_and_its_formulas_are_refused_by_row(workspace: Workspace) -> None:
    rows = [["E-Mail", "Vorname", "Seats", "Aktiv", "PLZ"], ["ann@example.com", "Ann", 5, True, "01067"]]
    rows += [["=HYPERLINK(A1)", "Bob", 6, False, "1"], ["cy@example.com", "Cy", 7.0, False, "10115"]]
    result = take_file(workspace, workbook(workspace.root / "people.xlsx", rows))
    assert (result.created, result.invalid, result.delimiter) == (2, 1, "workbook")
    assert result.faults[0][0] == 3 and "formula" in result.faults[0][1]
    ann = person(workspace, "ann@example.com")
    assert (ann.first_name, ann.attributes) == ("Ann", {"seats": 5, "aktiv": True, "plz": "01067"})


@pytest.mark.parametrize(
    ("sheet", "members", "words"),
    [
        ("<sheetData/>", {"bomb": bytes(120_000_000)}, "unpacks"),
        ('<sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>', {}, "too many"),
        ("<sheetData/>", {}, "no cells"),
        ("<sheetData><row", {}, "cannot be read"),
    ],
)
def test_a_bomb_a_far_corner_and_an_empty_sheet_are_refused_with_a_remedy(
    workspace: Workspace, sheet: str, members: dict[str, bytes], words: str
) -> None:
    file = packed(workspace.root / "people.xlsx", sheet, **members)
    with pytest.raises(InputError, match=words) as told:
        take_file(workspace, file)
    assert "people.xlsx" in told.value.message and told.value.remedy


def test_a_cut_workbook_is_refused(workspace: Workspace) -> None:
    file = workbook(workspace.root / "people.xlsx", [["email"], ["a@example.com"]])
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(InputError) as told:
        take_file(workspace, file)
    assert told.value.remedy


MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LEID,EUID,TAGS"


def test_mailchimps_cleaned_and_left_become_suppressions_never_subscriptions(workspace: Workspace) -> None:
    take(workspace, f"{MAILCHIMP}\nann@example.com,Ann,B,4,,2024-03-14 09:14:00,1,2,vip\n", "subscribed_1.csv")
    take(workspace, f"{MAILCHIMP},UNSUB_TIME\nbob@example.com,,,1,,,3,4,,2025-01-01 10:00:00\n", "unsubscribed_1.csv")
    take(workspace, f"{MAILCHIMP},CLEAN_TIME\ncy@example.com,,,1,,,5,6,,2025-01-01 10:00:00\n", "cleaned_1.csv")
    take(workspace, f"{MAILCHIMP}\ndi@example.com,,,1,,,7,8,\n", "nonsubscribed_1.csv")
    assert states(workspace) == {
        "ann@example.com": "subscribed",
        "bob@example.com": "unsubscribed",
        "cy@example.com": "unsubscribed",
    }
    reasons = {name: block(workspace, f"{name}@example.com") for name in ("ann", "bob", "cy", "di")}
    assert reasons["ann"] is None and reasons["di"] is None
    assert reasons["bob"] and reasons["bob"].reason is SuppressionReason.UNSUBSCRIBED_ALL
    assert reasons["cy"] and reasons["cy"].reason is SuppressionReason.BAD_ADDRESS
    assert reasons["cy"].evidence == "cleaned_1.csv:2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            '1,a@example.com,Ann B,"{""city"": ""Ulm"", ""tags"": [""x""]}",enabled,2024-01-02 03:04:05 +0000 UTC,\n'
            "2,b@example.com,Bob,{},blocklisted,,\n3,c@example.com,Cy,{},disabled,,\n",
            {"a@example.com": "subscribed", "b@example.com": "unsubscribed"},
        ),
        (
            "Email address,First name,Email status,Email permission status,Phone - mobile\n"
            "a@example.com,Ann,Active,Implicit,0170 1234567\nb@example.com,Bob,Unsubscribed,,\n"
            "c@example.com,Cy,,,\nd@example.com,Di,Awaiting Confirmation,,\n",
            {"a@example.com": "subscribed", "b@example.com": "unsubscribed", "d@example.com": "pending"},
        ),
        (
            "id\tEmail\tIs this subscriber confirmed\tIs this subscriber blacklisted\tEntered\tList Membership\n"
            "1\ta@example.com\t1\t0\t2024-01-02 03:04:05\tnews\n2\tb@example.com\t1\t1\t\t\n"
            "3\td@example.com\t0\t0\t\t\n",
            {"a@example.com": "subscribed", "b@example.com": "unsubscribed", "d@example.com": "pending"},
        ),
        (
            "Email,First name,Last name,Data,Status,External ID\n"
            'a@example.com,Ann,B,"{""age"": 34}",active,\nb@example.com,Bob,C,,unreachable,\n',
            {"a@example.com": "subscribed", "b@example.com": "unsubscribed"},
        ),
        (
            '"Id","LastName","FirstName","Email","HasOptedOutOfEmail","EmailBouncedDate"\n'
            '"1","B","Ann","a@example.com","0",""\n"2","C","Bob","b@example.com","1",""\n'
            '"3","D","Cy","c@example.com","0","2024-01-01T00:00:00.000Z"\n',
            {"a@example.com": "subscribed", "b@example.com": "unsubscribed", "c@example.com": "unsubscribed"},
        ),
    ],
    ids=["listmonk", "constantcontact", "phplist", "keila", "salesforce"],
)
def test_other_programs_exports_mean_what_they_meant_there(
    workspace: Workspace, text: str, expected: dict[str, str]
) -> None:
    result = take(workspace, text, "export.csv")
    assert result.invalid == 0 and result.source and states(workspace) == expected
    assert {address for address in kept(workspace) if block(workspace, address)} == {
        address for address, state in expected.items() if state == "unsubscribed"
    }


def test_listmonks_attributes_become_attributes(workspace: Workspace) -> None:
    take(
        workspace,
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '1,a@example.com,Ann,"{""city"": ""Ulm"", ""Tags"": [""x"", ""y""], ""deep"": {""a"": 1}}",enabled,,\n'
        "2,b@example.com,Bob,not json,enabled,,\n",
    )
    attributes = person(workspace, "a@example.com").attributes
    assert attributes | {"listmonk_uuid": 0} == {
        "city": "Ulm", "tags": ["x", "y"], "deep": '{"a": 1}', "listmonk_uuid": 0
    }  # fmt: skip
    assert set(kept(workspace)) == {"a@example.com"}


def test_listmonks_names_dates_and_known_attributes_fill_our_own_fields(workspace: Workspace) -> None:
    take(
        workspace,
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '1,a@example.com,Ann Maria Baker,"{""Language"": ""de"", ""mobile"": ""+49 30 5550100"", ""zip"": 1067, '
        '""address"": {""city"": ""Ulm""}, ""vip"": true}",enabled,2024-01-02 03:04:05.123456 +0200 CEST,\n'
        '2,b@example.com,"Berg, Bo","{""timezone"": ""Europe/Oslo"", ""language"": ""Klingon""}",enabled,,\n',
    )
    ann, bo = person(workspace, "a@example.com"), person(workspace, "b@example.com")
    assert (ann.first_name, ann.last_name, ann.language, ann.phone) == ("Ann", "Maria Baker", "de", "+49305550100")
    assert ann.attributes == {"listmonk_uuid": 1, "zip": 1067, "address_2": '{"city": "Ulm"}', "vip": True}
    assert (bo.first_name, bo.last_name, bo.zone, bo.language) == ("Bo", "Berg", "Europe/Oslo", None)
    with workspace.database.read() as session:
        given = session.exec(select(Consent).where(col(Consent.customer_id) == ann.id)).one()
    assert (given.at.isoformat(), given.words) == ("2024-01-02T01:04:05.123456+00:00", "")


def test_tags_of_other_programs_are_lists_whole_words_and_all(workspace: Workspace) -> None:
    rows = 'ann@example.com,Ann,B,4,,,1,2,"""Customer"",""VIP, gold"",""a """"b"""""""\nbo@example.com,Bo,,,,,3,4,x\n'
    take(workspace, f"{MAILCHIMP}\n{rows}", "subscribed_1.csv")
    assert person(workspace, "ann@example.com").attributes["tags"] == ["Customer", "VIP, gold", 'a "b"']
    assert person(workspace, "bo@example.com").attributes["tags"] == ["x"]
    head = "id\tEmail\tIs this subscriber blacklisted\tList Membership"
    take(workspace, f'{head}\n1\tcy@example.com\t0\t"news\noffers"\n', "phplist.tsv")
    assert person(workspace, "cy@example.com").attributes["list_membership"] == ["news", "offers"]
    take(workspace, f"{MAILCHIMP}\ndi@example.com,,,,,,5,6,a;b\n", "again.csv", mapping={"TAGS": "-"})
    assert "tags" not in person(workspace, "di@example.com").attributes


@pytest.mark.parametrize(
    "heading",
    ["Unsubscribed from all email", "EMAIL_BLACKLISTED", "Deaktiviert am", "Opt-out date", "Date de désinscription"],
)
def test_whoever_left_in_a_program_that_nobody_knows_here_has_left(workspace: Workspace, heading: str) -> None:
    take(workspace, f"email,{heading}\nann@example.com,\nbob@example.com,2025-01-02\ncy@example.com,no\n")
    assert states(workspace) == {
        "ann@example.com": "subscribed",
        "bob@example.com": "unsubscribed",
        "cy@example.com": "subscribed",
    }


def test_whoever_a_crm_says_bounced_or_left_is_not_subscribed(workspace: Workspace) -> None:
    head = "Record ID,First Name,Email,Unsubscribed from all email,Email hard bounce reason,Invalid email address"
    rows = "1,Ann,a@b.de,false,,false\n2,Bo,b@b.de,true,,\n3,Cy,c@b.de,false,UNKNOWN_USER,\n4,Di,d@b.de,false,,true\n"
    take(workspace, f"{head}\n{rows}", "hubspot.csv")
    took = {"a@b.de": "subscribed", "b@b.de": "unsubscribed", "c@b.de": "unsubscribed", "d@b.de": "unsubscribed"}
    assert states(workspace) == took
    blocks = [block(workspace, address) for address in took]
    bad = SuppressionReason.BAD_ADDRESS
    assert [one and one.reason for one in blocks] == [None, None, bad, bad]
    take(workspace, "Email,Email subscription\ne@b.de,Subscribed\nf@b.de,Unsubscribed\n", "brevo.csv")
    assert states(workspace) == took | {"e@b.de": "subscribed", "f@b.de": "unsubscribed"}


def test_an_address_books_several_numbers_and_addresses_are_kept_and_nobody_is_refused_for_them(
    workspace: Workspace,
) -> None:
    google = (
        "First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Value,Phone 2 - Value,Address 1 - Street,"
        "Address 1 - City,Address 1 - Postal Code,Address 1 - Country\n"
        "Ann,B,* Home,g1@b.de ::: g1b@b.de,+49 170 1111111 ::: +49 170 2222222,030 123456,,,,DE\n"
        "Bo,Berg,,,,,Elm St 1,Berlin,10115,DE\n"
    )
    result = take(workspace, google, "contacts.csv")
    assert (result.created, result.by_hand, result.faults) == (2, 1, [])
    assert result.warnings == {"further addresses in a cell": 1}
    ann = person(workspace, "g1@b.de")
    assert (ann.phone, ann.country) == ("+491701111111", "DE")
    with workspace.database.read() as session:
        more = contacts_by_customer(session, [ann.id or 0])[ann.id or 0]
    assert {value for _, _, value in more} >= {"+491702222222", "030123456"}
    outlook = (
        "First Name,Last Name,Home Street,Home City,Home Postal Code,Home Country/Region,Business Phone,Mobile Phone,"
        "E-mail Address\nCy,C,,,,Germany,030 55555,0170 7777777,o1@b.de\nDi,D,Elm 2,Ulm,89073,Germany,,,\n"
    )
    result = take(workspace, outlook, "outlook.csv")
    assert (result.created, result.by_hand, result.faults) == (2, 1, [])
    cy = person(workspace, "o1@b.de")
    assert (cy.phone, cy.country, cy.attributes) == ("01707777777", "DE", {})
    german = "Vorname;Nachname;Telefon geschäftlich;Mobiltelefon;E-Mail-Adresse\nÄnne;Ö;0221 555555;;d1@b.de\n"
    take(workspace, german.encode("cp1252"), "outlook-de.csv")
    assert person(workspace, "d1@b.de").phone == "0221555555"


@pytest.mark.parametrize("kind", ["Marketing Information", "Newsletter"])
def test_who_opted_out_of_a_crms_marketing_mail_leaves_the_list_and_who_did_of_other_kinds_is_named(
    workspace: Workspace, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were subscribed. That they want no answers on a case, or no letter of one salesman, is another matter."""
    head = f"Email,Opted out of email: {kind},Opted out of email: One to One"
    result = take(workspace, f"{head}\na@b.de,false,true\nb@b.de,true,\nc@b.de,,\n", "hubspot.csv")
    assert states(workspace) == {"a@b.de": "subscribed", "b@b.de": "unsubscribed", "c@b.de": "subscribed"}
    assert block(workspace, "b@b.de") is None, "of this kind alone"
    tell_import(result)
    said = capsys.readouterr().out
    assert "“Opted out of email: One to One” sounds like people who left, and nobody is stopped by it" in said
    assert said.count("sounds like people who left") == 1


def test_a_day_that_a_program_writes_for_none_is_an_empty_cell(workspace: Workspace) -> None:
    rows = "a@b.de,3/14/75,0000-00-00,0/0/00,0/0/00\nb@b.de,0/0/00,2024-01-02,,7/1/24\nc@b.de,0/0/00,,,\n"
    take(workspace, f"email,Birthday,since,opted out,Anniversary\n{rows}", "outlook.csv", types={"since": "day"})
    assert set(states(workspace).values()) == {"subscribed"}, "0/0/00 said that they had left"
    kept = [person(workspace, f"{name}@b.de").attributes for name in "abc"]
    assert kept == [{"birthday": "3/14/75"}, {"since": "2024-01-02", "anniversary": "7/1/24"}, {}]
    lone = "\n".join(f"p{number}@b.de,0/0/00,{number}" for number in range(300))
    take(workspace, f"email,Birthday,nr\n{lone}\n", "many.csv")
    assert person(workspace, "p7@b.de").attributes == {"nr": 7}
    take(workspace, "email,Birthday\na@b.de,0/0/00\n", "again.csv", ways=["replace"])
    assert "birthday" not in person(workspace, "a@b.de").attributes


def test_of_two_columns_that_say_who_left_both_count(workspace: Workspace) -> None:
    rows = "ann@example.com,yes,\nbob@example.com,,2025-01-02\ncy@example.com,,\n"
    take(workspace, f"email,Opt out,Unsubscribed at\n{rows}")
    assert states(workspace) == {
        "ann@example.com": "unsubscribed",
        "bob@example.com": "unsubscribed",
        "cy@example.com": "subscribed",
    }


def test_an_archive_of_files_is_refused_with_what_is_in_it(workspace: Workspace) -> None:
    file = workspace.root / "audience.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/subscribed_1.csv", MAILCHIMP)
        archive.writestr("x/unsubscribed_1.csv", MAILCHIMP)
    with pytest.raises(InputError, match="a ZIP archive") as told:
        take_file(workspace, file)
    assert told.value.remedy.endswith("one by one: x/subscribed_1.csv, x/unsubscribed_1.csv")


def test_how_files_of_a_source_are_read_is_kept(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="nothing is known"):
        take(workspace, "Wer,Nr\na@example.com,7\n", source="crm")
    take(workspace, "Wer,Nr\na@example.com,7\n", source="crm", mapping={"Wer": "address"}, types={"Nr": "text"})
    take(workspace, "Wer,Nr,Neu\nb@example.com,8,1\n", source="crm", ways=["nr=fill-empty"])
    assert person(workspace, "b@example.com").attributes == {"nr": "8", "neu": 1}
    take(workspace, "Wer,Nr\nb@example.com,9\n", source="crm")
    assert person(workspace, "b@example.com").attributes["nr"] == "8"


def test_a_declared_type_refuses_what_does_not_fit_it_by_name(workspace: Workspace) -> None:
    text = 'email,seats,tags\na@example.com,5,"x, y"\nb@example.com,many,\n'
    result = take(workspace, text, types={"seats": "whole", "tags": "list"})
    assert result.faults == [(3, "seats is 'many', which is no whole number")]
    assert person(workspace, "a@example.com").attributes == {"seats": 5, "tags": ["x", "y"]}
    with pytest.raises(UsageError, match="no such column"):
        take(workspace, text, types={"sets": "whole"})
    with pytest.raises(UsageError, match="no such type"):
        take(workspace, text, types={"seats": "bignum"})


@pytest.mark.parametrize(
    ("ways", "first_name", "phone", "attributes"),
    [
        ([], "Anna", "030123456", {"plan": "pro", "seats": 6, "tags": ["a", "b"]}),
        (["replace"], "Anna", None, {"seats": 6, "tags": ["b"]}),
        (["fill-empty"], "Ann", "030123456", {"plan": "pro", "seats": 5, "tags": ["a"]}),
        (["fill-empty", "seats=replace"], "Ann", "030123456", {"plan": "pro", "seats": 6, "tags": ["a"]}),
    ],
)
def test_a_known_person_is_merged_replaced_or_filled_field_by_field(
    workspace: Workspace, ways: list[str], first_name: str, phone: str | None, attributes: dict[str, object]
) -> None:
    kinds = {"tags": "list"}
    take(workspace, "email,vorname,telefon,plan,seats,tags\na@example.com,Ann,030 123456,pro,5,a\n", types=kinds)
    result = take(
        workspace, "email,vorname,telefon,plan,seats,tags\na@example.com,Anna,,,6,b\n", types=kinds, ways=ways
    )
    ann = person(workspace, "a@example.com")
    assert (ann.first_name, ann.phone, ann.attributes) == (first_name, phone, attributes)
    assert (ann.phone_end is None) is (phone is None)
    assert result.updated == (ways != ["fill-empty"])


def test_a_preview_shows_what_would_become_of_rows_and_writes_nothing(workspace: Workspace) -> None:
    take(workspace, "email,vorname\na@example.com,Ann\n")
    result = take(
        workspace, "email,vorname\nb@example.com,Bob\na@example.com,Anna\nc@example.com,Cy\n", preview=2, dry_run=True
    )
    assert [(one["row"], one["what"], one["values"]) for one in result.preview] == [
        (2, "created", {"first_name": "Bob"}),
        (3, "updated", {"first_name": "Anna"}),
    ]
    assert result.preview[1]["before"] == {"first_name": "Ann"} and set(kept(workspace)) == {"a@example.com"}
