"""When a merging of two customers was taken back, and by whom."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customer_merge", sa.Column("undone_at", UtcDateTime(), nullable=True))
    op.add_column("customer_merge", sa.Column("undone_by", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("customer_merge", "undone_by")
    op.drop_column("customer_merge", "undone_at")
