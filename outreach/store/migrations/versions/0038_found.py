"""Which customers an import found that were known already, so that the undo of an earlier one lets them stay."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customer_import", sa.Column("found", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("customer_import", "found")
