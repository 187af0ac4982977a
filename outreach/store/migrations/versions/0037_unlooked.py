"""What made no case and nobody has looked at, in a small index: it is counted every few minutes."""

from alembic import op
from sqlalchemy import text

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rows = text("reviewed_at IS NULL AND case_id IS NULL AND copy_of IS NULL")
    columns = ["machine", "category", "received_at"]
    op.create_index("ix_inbound_unlooked", "inbound", columns, sqlite_where=rows, postgresql_where=rows)


def downgrade() -> None:
    op.drop_index("ix_inbound_unlooked", table_name="inbound")
