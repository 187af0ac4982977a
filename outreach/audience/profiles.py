"""What other newsletter programs leave behind: the columns and states of their contact exports, ready to import.

Law: whoever had left, bounced or was blocked there is blocked here and never subscribed; whoever was on no list there
is kept without a subscription. Column names and states as those programs write them (listmonk 5, Keila 0.17, phpList
3.6, Mailchimp, Constant Contact and Salesforce as exported in 2025 and 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..records import SubscriptionState as State
from ..records import SuppressionReason
from .places import fold
from .standing import KEPT, Standing

ACTIVE = Standing(State.SUBSCRIBED)
LEFT = Standing(State.UNSUBSCRIBED, SuppressionReason.UNSUBSCRIBED_ALL)
BOUNCED = Standing(State.UNSUBSCRIBED, SuppressionReason.BAD_ADDRESS)
BLOCKED = Standing(State.UNSUBSCRIBED, SuppressionReason.IMPORTED)
WAITING = Standing(State.PENDING)


@dataclass(frozen=True)
class Profile:
    """How to read one program's export.

    `needs`: headings that only its files have together; any one of these sets is enough. `fields`: what a heading
    means. `states`: what each word of its status column says; `empty`: what no word says. `names`: what the beginning
    of the file's name says of every row in it. `types`: of columns whose cells alone would not tell it.
    """

    name: str
    title: str
    needs: tuple[tuple[str, ...], ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, Standing] = field(default_factory=dict)
    empty: Standing | None = None
    names: Mapping[str, Standing] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def standing(self, word: str) -> Standing | None:
        """What a cell of the status column says; None for a word that this program does not write."""
        return _folded(self.states).get(fold(word)) if word.strip() else self.empty

    def of_file(self, name: str) -> Standing | None:
        """What the file's name says of all rows in it: Mailchimp puts people who left into a file of their own."""
        plain = name.lower()
        return next((said for start, said in self.names.items() if plain.startswith(start)), None)

    def mapping(self, headings: Sequence[str]) -> dict[str, str]:
        """Meaning by heading, for those of its headings that this file has."""
        known = {fold(heading): heading for heading in headings}
        return {known[fold(head)]: meaning for head, meaning in self.fields.items() if fold(head) in known}

    def typed(self, headings: Sequence[str], but: Mapping[str, str]) -> dict[str, str]:
        """Types by heading, for those of its headings that this file has and that nobody maps otherwise."""
        known, told = {fold(heading): heading for heading in headings}, {fold(heading) for heading in but}
        wanted = {head: kind for head, kind in self.types.items() if fold(head) in known and fold(head) not in told}
        return {known[fold(head)]: kind for head, kind in wanted.items()}


def _folded(words: Mapping[str, Standing]) -> dict[str, Standing]:
    return {fold(word): said for word, said in words.items()}


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "listmonk",
            "listmonk",
            needs=(("uuid", "email", "name", "attributes", "status", "created_at", "updated_at"),),
            fields={"uuid": "listmonk_uuid", "name": "full_name", "attributes": "attributes",
                    "created_at": "consent_at", "updated_at": "-", "status": "status"},
            states={"enabled": ACTIVE, "disabled": KEPT, "blocklisted": BLOCKED},
        ),
        Profile(
            "mailchimp",
            "Mailchimp",
            needs=(("LEID", "EUID"), ("MEMBER_RATING", "OPTIN_TIME")),
            fields={"Email Address": "address", "First Name": "first_name", "Last Name": "last_name",
                    "Phone Number": "phone", "CONFIRM_TIME": "consent_at", "UNSUB_TIME": "opted_out",
                    "CLEAN_TIME": "bounced", "TIMEZONE": "zone", "CC": "country", "MEMBER_RATING": "member_rating",
                    "OPTIN_TIME": "-", "OPTIN_IP": "-", "CONFIRM_IP": "-", "LATITUDE": "-", "LONGITUDE": "-",
                    "GMTOFF": "-", "DSTOFF": "-", "LAST_CHANGED": "-", "LEID": "-", "EUID": "-",
                    "UNSUB_CAMPAIGN_TITLE": "-", "UNSUB_CAMPAIGN_ID": "-", "CLEAN_CAMPAIGN_TITLE": "-",
                    "CLEAN_CAMPAIGN_ID": "-", "TAGS": "tags", "NOTES": "notes"},
            types={"TAGS": "list"},
            names={"unsubscribed": LEFT, "cleaned": BOUNCED, "nonsubscribed": KEPT, "non-subscribed": KEPT},
        ),
        Profile(
            "constantcontact",
            "Constant Contact",
            needs=(("Email address", "Email status"), ("Email permission status",), ("Email update source",)),
            fields={"Email address": "address", "First name": "first_name", "Last name": "last_name",
                    "Email status": "status", "Email permission status": "-", "Email update source": "-",
                    "Confirmed Opt-Out Date": "opted_out", "Confirmed Opt-Out Source": "-",
                    "Confirmed Opt-Out Reason": "-", "Phone - mobile": "phone", "Phone - home": "phone:",
                    "Phone - work": "phone:", "Phone - other": "phone:", "Country - Home": "country",
                    "Company": "company", "Job title": "job_title", "Email Lists": "email_lists", "Tags": "tags",
                    "Source Name": "consent_how", "Created At": "consent_at", "Updated At": "-"},
            types={"Tags": "list", "Email Lists": "list"},
            states={"Active": ACTIVE, "Implicit": ACTIVE, "Explicit": ACTIVE, "Unsubscribed": LEFT, "Opt-out": LEFT,
                    "Awaiting Confirmation": WAITING, "Pending Confirmation": WAITING, "Temporary Hold": KEPT,
                    "No Permissions Set": KEPT, "No Permission Set": KEPT, "Not Set": KEPT, "Bounced": BOUNCED},
            empty=KEPT,
        ),
        Profile(
            "phplist",
            "phpList",
            needs=(("Is this subscriber blacklisted",), ("Is this user blacklisted",)),
            fields={"Email": "address", "Is this subscriber confirmed": "confirmed",
                    "Is this subscriber blacklisted": "opted_out", "Is this user confirmed": "confirmed",
                    "Is this user blacklisted": "opted_out", "Is this account disabled?": "not_subscribed",
                    "Entered": "consent_at", "Foreign Key": "foreign_key", "List Membership": "list_membership",
                    "id": "-", "Did this subscriber manually confirm": "-", "Number of bounces": "bounces",
                    "Last Modified": "-", "Unique ID": "-", "Send this subscriber HTML emails": "-",
                    "RSS Frequency": "-", "Additional data": "-", "Last time password was changed": "-"},
            types={"List Membership": "list"},
        ),
        Profile(
            "keila",
            "Keila",
            needs=(("Email", "First name", "Last name", "Data", "Status", "External ID"),),
            fields={"Email": "address", "First name": "first_name", "Last name": "last_name", "Data": "attributes",
                    "Status": "status", "External ID": "external_id"},
            states={"active": ACTIVE, "unsubscribed": LEFT, "unreachable": BOUNCED},
        ),
        Profile(
            "salesforce",
            "Salesforce",
            needs=(("HasOptedOutOfEmail",), ("Email Opt Out", "Contact ID"), ("EmailBouncedDate",)),
            fields={"Id": "salesforce_id", "Contact ID": "salesforce_id", "AccountId": "account_id",
                    "LeadSource": "lead_source", "MailingState": "mailing_state", "CreatedDate": "created_date",
                    "HasOptedOutOfFax": "-", "MasterRecordId": "-", "ReportsToId": "-", "PhotoUrl": "-",
                    "Email": "address", "FirstName": "first_name", "LastName": "last_name", "MobilePhone": "phone",
                    "Phone": "phone:", "HomePhone": "phone:", "OtherPhone": "phone:", "Mobile": "phone",
                    "Business Phone": "phone:", "Home Phone": "phone:", "HasOptedOutOfEmail": "opted_out",
                    "Email Opt Out": "opted_out", "EmailBouncedDate": "bounced", "Email Bounced Date": "bounced",
                    "IsEmailBounced": "bounced", "EmailBouncedReason": "-", "Email Bounced Reason": "-",
                    "DoNotCall": "do_not_call", "Do Not Call": "do_not_call", "MailingCountry": "country",
                    "Mailing Country": "country", "Mailing Country/Territory": "country",
                    "MailingStreet": "mailing_street", "MailingCity": "mailing_city",
                    "MailingPostalCode": "mailing_postal_code", "IsDeleted": "not_subscribed", "Title": "job_title",
                    "SystemModstamp": "-", "LastModifiedDate": "-", "LastModifiedById": "-", "CreatedById": "-",
                    "LastActivityDate": "-", "LastViewedDate": "-", "LastReferencedDate": "-", "OwnerId": "-"},
        ),
    )
}  # fmt: skip
"""The programs that are known, by the name that `--source` takes."""


def recognise(headings: Sequence[str]) -> Profile | None:
    """The program whose headings these are, where they leave no doubt."""
    present = {fold(heading) for heading in headings}
    for profile in PROFILES.values():
        if any(all(fold(head) in present for head in needed) for needed in profile.needs):
            return profile
    return None
