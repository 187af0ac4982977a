"""The nouns, as SQLModel tables, and the vocabularies of their columns.

Law: no I/O and no Relationship(); a table says what is kept, never how it is found or changed.
"""

from .audience import Consent, Customer, CustomerImport, MailingList, Subscription, Suppression
from .cases import Case, CaseEntry
from .delivery import Delivery, DeliveryMove, Worker
from .newsletter import Asset, Campaign, Edition, Schedule, Tip
from .permission import YES, Permission, withhold
from .plan import Boost, Hold, Step
from .replies import Inbound, MailboxMark, Verdict
from .types import UtcDateTime, Word
from .words import (
    BULK,
    PROMOTION,
    CampaignState,
    CaseEvent,
    CaseState,
    Category,
    Channel,
    ClueKind,
    ConsentAct,
    DeliveryEvent,
    DeliveryState,
    EditionState,
    EntryKind,
    FailureClass,
    HoldState,
    InboundState,
    Kind,
    Machine,
    StepState,
    SubscriptionState,
    SuppressionReason,
    Urgency,
)
from .workspace import WorkspaceRow

__all__ = [
    "BULK",
    "PROMOTION",
    "YES",
    "Asset",
    "Boost",
    "Campaign",
    "CampaignState",
    "Case",
    "CaseEntry",
    "CaseEvent",
    "CaseState",
    "Category",
    "Channel",
    "ClueKind",
    "Consent",
    "ConsentAct",
    "Customer",
    "CustomerImport",
    "Delivery",
    "DeliveryEvent",
    "DeliveryMove",
    "DeliveryState",
    "Edition",
    "EditionState",
    "EntryKind",
    "FailureClass",
    "Hold",
    "HoldState",
    "Inbound",
    "InboundState",
    "Kind",
    "Machine",
    "MailboxMark",
    "MailingList",
    "Permission",
    "Schedule",
    "Step",
    "StepState",
    "Subscription",
    "SubscriptionState",
    "Suppression",
    "SuppressionReason",
    "Tip",
    "Urgency",
    "UtcDateTime",
    "Verdict",
    "Word",
    "Worker",
    "WorkspaceRow",
    "withhold",
]
