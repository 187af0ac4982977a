"""The desk: colleagues with their hours, notices to them, escalations, promises, answers kept ready."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _case() -> None:
    with op.batch_alter_table("case_file") as table:
        table.add_column(sa.Column("first_word_by", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("answered_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("answering_by", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("answering_until", UtcDateTime(), nullable=True))
    op.execute(
        "UPDATE case_file SET answered_at = (SELECT max(case_entry.at) FROM case_entry"
        " WHERE case_entry.case_id = case_file.id AND case_entry.kind = 'answer')"
    )


def _colleague() -> None:
    op.create_table(
        "colleague",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("starts", sa.String(), nullable=False),
        sa.Column("ends", sa.String(), nullable=False),
        sa.Column("days", sa.JSON(), nullable=False),
        sa.Column("holidays", sa.String(), nullable=False),
        sa.Column("off", sa.JSON(), nullable=False),
        sa.Column("telling", sa.String(), nullable=False),
        sa.Column("digest_on", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("colleague_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["colleague_id"], ["colleague.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("colleague_id", "case_id", "kind", "mark"),
    )
    for column in ("case_id", "told_at", "delivery_id"):
        op.create_index(f"ix_notice_{column}", "notice", [column], unique=False)


def _escalation() -> None:
    op.create_table(
        "escalation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("hours", sa.Float(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "level"),
    )


def _promise() -> None:
    op.create_table(
        "promise",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("case_id", "state"):
        op.create_index(f"ix_promise_{column}", "promise", [column], unique=False)


def _ready_answer() -> None:
    op.create_table(
        "ready_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def upgrade() -> None:
    _case()
    _colleague()
    _notice()
    _escalation()
    _promise()
    _ready_answer()


def downgrade() -> None:
    for name in ("ready_answer", "promise", "escalation", "notice", "colleague"):
        op.drop_table(name)
    with op.batch_alter_table("case_file") as table:
        for column in ("answering_until", "answering_by", "answered_at", "first_word_by"):
            table.drop_column(column)
