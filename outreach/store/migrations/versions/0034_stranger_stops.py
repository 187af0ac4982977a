"""What people said who are no customers of this database since a backup of it was put back, by keyed hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stranger_stop",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("mailing_list.id"), nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=True),
    )
    op.create_index("ix_stranger_stop_address_key", "stranger_stop", ["address_key"])


def downgrade() -> None:
    op.drop_table("stranger_stop")
