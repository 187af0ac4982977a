"""How each list asks for consent, when an implied one lapses, and how people would rather be written to."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mailing_list") as table:
        table.add_column(sa.Column("words", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("double_opt_in", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("implied_days", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("clicks", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("opens", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("subscription", sa.Column("until", UtcDateTime(), nullable=True))
    op.create_table(
        "wish",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("no_topics", sa.JSON(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id"),
    )


def downgrade() -> None:
    op.drop_table("wish")
    op.drop_column("subscription", "until")
    with op.batch_alter_table("mailing_list") as table:
        for name in ("opens", "clicks", "implied_days", "double_opt_in", "words"):
            table.drop_column(name)
