"""The vocabularies: every word that a state, kind, channel or category column may hold.

Law: one word per thing; a word is added here before it is used anywhere.
"""

from __future__ import annotations

from enum import StrEnum


class Vocabulary(StrEnum):
    """Words that equal their own text, also as a key: an Enum hashes its members' names, and does it slowly."""

    __hash__ = str.__hash__


class Kind(Vocabulary):
    """What a mail is for. Service mail is what a person needs or asked for; a test goes to a colleague."""

    TIPS = "tips"
    NEWS = "news"
    OFFER = "offer"
    INVITATION = "invitation"
    SERVICE = "service"
    TEST = "test"


PROMOTION = frozenset({Kind.NEWS, Kind.OFFER, Kind.INVITATION})
"""Kinds that a person with an open complaint does not get."""
BULK = frozenset({Kind.TIPS, Kind.NEWS, Kind.OFFER, Kind.INVITATION})
"""Kinds that carry List-Id, List-Unsubscribe and need a subscription."""


class SubscriptionState(Vocabulary):
    PENDING = "pending"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


class ConsentAct(Vocabulary):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


class SuppressionReason(Vocabulary):
    """BOUNCES is a rest that lapses by itself; every other reason stays until a person takes it back."""

    ABUSE_REPORT = "abuse_report"
    BAD_ADDRESS = "bad_address"
    UNSUBSCRIBED_ALL = "unsubscribed_all"
    BY_HAND = "by_hand"
    IMPORTED = "imported"
    ERASED = "erased"
    BOUNCES = "bounces"


class AttributeKind(Vocabulary):
    """The type that an attribute is declared with; `audience.typed` says what each takes."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    TRUTH = "truth"
    LIST = "list"


class CampaignState(Vocabulary):
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class EditionState(Vocabulary):
    """planning: people are still being streamed; open: may be claimed; waiting: a person must decide."""

    PLANNING = "planning"
    OPEN = "open"
    WAITING = "waiting"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class SequenceState(Vocabulary):
    """draft: nobody has said yes to it yet; ended: nobody begins, and nobody gets a further step."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class EnrolmentState(Vocabulary):
    """going: has steps to come; finished: has had the last; left: ended before; standby: another of theirs is in it."""

    GOING = "going"
    FINISHED = "finished"
    LEFT = "left"
    STANDBY = "standby"


class SeatState(Vocabulary):
    """What somebody answered to a session's invitation; waiting: they would come, and no place is free."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    WAITING = "waiting"


class DeliveryState(Vocabulary):
    QUEUED = "queued"
    CLAIMED = "claimed"
    INFLIGHT = "inflight"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    WITHHELD = "withheld"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DeliveryEvent(Vocabulary):
    """What moves a delivery; `delivery.state` holds the table."""

    CLAIM = "claim"
    INTENT = "intent"
    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"
    RELEASE = "release"
    CANNOT_RENDER = "cannot_render"
    POISON = "poison"
    WITHHOLD = "withhold"
    SUPPRESS = "suppress"
    CANCEL = "cancel"
    EXPIRE = "expire"
    DUE = "due"
    EVIDENCE_SENT = "evidence_sent"
    EVIDENCE_FAILED = "evidence_failed"
    RESEND = "resend"
    STAND_IN = "stand_in"


class FailureClass(Vocabulary):
    """Why a delivery failed. Only BAD_ADDRESS ever suppresses an address."""

    BAD_ADDRESS = "bad_address"
    MAILBOX_FULL = "mailbox_full"
    REFUSED = "refused"
    TRANSIENT = "transient"
    POISON = "poison"
    OTHER = "other"


class Channel(Vocabulary):
    EMAIL = "email"
    MENTION = "mention"
    PHONE = "phone"
    LETTER = "letter"
    FORM = "form"
    FORUM = "forum"


class InboundState(Vocabulary):
    """stored: raw and committed; read: parsed, matched, sorted; unreadable: kept for a person."""

    STORED = "stored"
    READ = "read"
    UNREADABLE = "unreadable"


class Machine(Vocabulary):
    """What kind of machine mail it is; HUMAN means that a customer wrote it, COLLEAGUE that one of us did."""

    HUMAN = "human"
    BOUNCE = "bounce"
    DELAY = "delay"
    ABUSE_REPORT = "abuse_report"
    AUTH_REPORT = "auth_report"
    AUTO_REPLY = "auto_reply"
    CALENDAR = "calendar"
    RECEIPT = "receipt"
    COLLEAGUE = "colleague"
    OTHER = "other"


class Category(Vocabulary):
    COMPLAINT = "complaint"
    QUESTION = "question"
    THANKS = "thanks"
    UNSUBSCRIBE = "unsubscribe"
    CHANGE_OF_DATA = "change_of_data"
    SEMINAR_ANSWER = "seminar_answer"
    MACHINE = "machine"
    OTHER = "other"


class ModelState(Vocabulary):
    """Of what reviews have taught: at most one model is in force; a refused one never was."""

    IN_FORCE = "in_force"
    REPLACED = "replaced"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"


class Urgency(Vocabulary):
    """high: harm, money lost, legal threat, data breach; raised: accessibility, cancellation."""

    HIGH = "high"
    RAISED = "raised"
    NORMAL = "normal"


class ClueKind(Vocabulary):
    """Whose reply it is, surest first."""

    REPLY_TOKEN = "reply_token"
    RETURN_PATH = "return_path"
    MESSAGE_ID = "message_id"
    LINK_TOKEN = "link_token"
    RECIPIENT = "recipient"
    HANDLE = "handle"
    PHONE = "phone"
    SENDER = "sender"
    PERSON = "person"


class ContactKind(Vocabulary):
    """By what a customer is known beside their address. ADDRESS: another one, by its key; POST: a postal address."""

    HANDLE = "handle"
    PHONE = "phone"
    ADDRESS = "address"
    POST = "post"


class ImportState(Vocabulary):
    """running: also one that was killed; undone: what it did is taken back, undoing: partly so far."""

    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Changed(Vocabulary):
    """What of a customer who was known already an import changed."""

    FIELDS = "fields"
    TIE = "tie"
    CONTACT = "contact"
    BLOCK = "block"
    GROUP = "group"


class CaseState(Vocabulary):
    """`cases.case` holds the table of moves."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    SOLVED = "solved"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class CaseEvent(Vocabulary):
    ASSIGN = "assign"
    ANSWER = "answer"
    MESSAGE = "message"
    WAIT = "wait"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    DISMISS = "dismiss"


class EntryKind(Vocabulary):
    MESSAGE = "message"
    ANSWER = "answer"
    NOTE = "note"
    MOVE = "move"
    ESCALATION = "escalation"
    PROMISE = "promise"
    ACKNOWLEDGEMENT = "acknowledgement"


class Telling(Vocabulary):
    """When a colleague is told of what is new in their cases: each time at once, every working morning, or never."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    NEVER = "never"


class NoticeKind(Vocabulary):
    """What a colleague is told of."""

    NEW = "new"
    ASSIGNED = "assigned"
    BACK = "back"
    OVERDUE = "overdue"
    PROMISE = "promise"
    ESCALATED = "escalated"


class PromiseState(Vocabulary):
    """suggested: read out of an answer, and nobody has looked at it yet; made: a person says that it was promised."""

    SUGGESTED = "suggested"
    MADE = "made"
    KEPT = "kept"
    DROPPED = "dropped"


class HoldState(Vocabulary):
    """suggested: the machine's view, lapses by itself; confirmed: a person agreed that it is a complaint."""

    SUGGESTED = "suggested"
    CONFIRMED = "confirmed"
    LIFTED = "lifted"


class CauseState(Vocabulary):
    OPEN = "open"
    FIXED = "fixed"


class ThanksState(Vocabulary):
    """kept: came in; asked: whether it may be quoted; allowed and refused: what its author said."""

    KEPT = "kept"
    ASKED = "asked"
    ALLOWED = "allowed"
    REFUSED = "refused"


class StepState(Vocabulary):
    APPLIED = "applied"
    PROPOSED = "proposed"
    REFUSED = "refused"
    UNDONE = "undone"


class BreakerState(Vocabulary):
    """closed: mail flows; open: nothing is handed to the relay until `retry_at`; half_open: one connection tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(Vocabulary):
    """What moves a relay's breaker. bad: one failure; trip: one too many, or one that a person must mend."""

    GOOD = "good"
    BAD = "bad"
    TRIP = "trip"
    PROBE = "probe"


class Onward(Vocabulary):
    """What the server behind our relay said, from the relay's log; none while nothing is known."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    BOUNCED = "bounced"


class WaveVerdict(Vocabulary):
    """go: the next wave is released; warn: so it is, and a person is told; stop: the rest waits for a person."""

    GO = "go"
    WARN = "warn"
    STOP = "stop"


class AlertKind(Vocabulary):
    WAVE_STOPPED = "wave_stopped"
    WAVE_WARNED = "wave_warned"
    IN_DOUBT = "in_doubt"
    BREAKER_OPEN = "breaker_open"
    DOMAIN_PAUSED = "domain_paused"
    MAILBOX = "mailbox"
    SILENT_DAEMON = "silent_daemon"
    EDITION_WAITS = "edition_waits"
    DATABASE = "database"
    JOB = "job"
    OFFER_WAITS = "offer_waits"
    EDITION_STOPPED = "edition_stopped"
    SIGN_UPS = "sign_ups"
    PROMISE = "promise"
    CASES = "cases"
