"""The few blocked domains are found without a walk over all blocked addresses, whatever language a server sorts by."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

DOMAINS = sa.text("substr(address_key, 1, 1) = '@'")


def upgrade() -> None:
    op.create_index(
        "ix_suppression_domains",
        "suppression",
        ["address_key"],
        unique=False,
        sqlite_where=DOMAINS,
        postgresql_where=DOMAINS,
    )


def downgrade() -> None:
    op.drop_index("ix_suppression_domains", table_name="suppression")
