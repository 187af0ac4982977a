"""Whose words a message holds, in one indexed column: copies of one matter are found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound", sa.Column("author", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE inbound SET author = CASE WHEN sender <> '' THEN lower(sender) WHEN handle <> '' THEN '@' || handle"
        " ELSE phone END WHERE machine = 'human'"
    )
    op.create_index("ix_inbound_author", "inbound", ["author"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_inbound_author", "inbound")
    op.drop_column("inbound", "author")
