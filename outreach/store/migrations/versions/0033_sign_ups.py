"""Which addresses were typed into a sign-up page, by keyed hashes, so that nobody is asked too often."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sign_up",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("mailing_list.id"), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("place", sa.String(), nullable=False),
    )
    op.create_index("ix_sign_up_address_key", "sign_up", ["address_key"])
    op.create_index("ix_sign_up_at", "sign_up", ["at"])


def downgrade() -> None:
    op.drop_table("sign_up")
