"""Who holds a row, and what is in doubt, in small indexes: in one of all states each mail moved three times."""

from alembic import op
from sqlalchemy import text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SOME = (
    ("ix_delivery_lease", "lease_until", "lease_until IS NOT NULL"),
    ("ix_delivery_doubt", "state", "state = 'in_doubt'"),
)


def upgrade() -> None:
    op.drop_index("ix_delivery_lease", table_name="delivery")
    for name, column, which in SOME:
        rows = text(which)
        op.create_index(name, "delivery", [column], unique=False, sqlite_where=rows, postgresql_where=rows)


def downgrade() -> None:
    for name, _, _ in SOME:
        op.drop_index(name, table_name="delivery")
    op.create_index("ix_delivery_lease", "delivery", ["state", "lease_until"], unique=False)
