"""Households and companies, and who is of which; lists and editions of which one of each household gets one mail."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("manager", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "key"),
        sa.UniqueConstraint("kind", "name_key"),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.ForeignKeyConstraint(["group_id"], ["customer_group.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id", "kind"),
    )
    op.create_index("ix_membership_group_id", "membership", ["group_id"], unique=False)
    op.add_column("mailing_list", sa.Column("one_per", sa.String(), nullable=False, server_default=""))
    op.add_column("edition", sa.Column("one_per", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("edition", "one_per")
    op.drop_column("mailing_list", "one_per")
    op.drop_table("membership")
    op.drop_table("customer_group")
