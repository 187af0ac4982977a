"""Every channel: handles and numbers of customers, what a message repeats, and answers given in public."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id", "kind", "network", "value"),
    )
    op.create_index("ix_contact_value", "contact", ["kind", "value"], unique=False)
    op.create_index("ix_contact_ending", "contact", ["ending"], unique=False)
    op.add_column("customer", sa.Column("phone_end", sa.String(), nullable=True))
    op.execute(
        "UPDATE customer SET phone_end = substr(phone, length(phone) - 7) WHERE length(replace(phone, '+', '')) >= 8"
    )
    op.create_index("ix_customer_phone_end", "customer", ["phone_end"], unique=False)
    op.add_column("inbound", sa.Column("network", sa.String(), nullable=False, server_default=""))
    op.add_column("inbound", sa.Column("repost_of", sa.String(), nullable=False, server_default=""))
    op.add_column("inbound", sa.Column("foreign_token", sa.Boolean(), nullable=False, server_default=sa.false()))
    # by hand: alembic would copy the whole table on SQLite to add the reference, with the raw bytes of every message
    op.execute("ALTER TABLE inbound ADD COLUMN copy_of INTEGER REFERENCES inbound (id)")
    op.create_index("ix_inbound_copy_of", "inbound", ["copy_of"], unique=False)
    op.add_column("case_entry", sa.Column("link", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("case_entry") as table:
        table.drop_column("link")
    op.drop_index("ix_inbound_copy_of", "inbound")
    with op.batch_alter_table("inbound") as table:
        for column in ("foreign_token", "copy_of", "repost_of", "network"):
            table.drop_column(column)
    op.drop_index("ix_customer_phone_end", "customer")
    op.drop_column("customer", "phone_end")
    op.drop_table("contact")
