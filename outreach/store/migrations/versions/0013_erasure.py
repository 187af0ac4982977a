"""People who were erased are found quickly: what servers say late of their mail is emptied too."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FEW = sa.text("erased_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_customer_erased", "customer", ["erased_at"], unique=False, sqlite_where=FEW, postgresql_where=FEW
    )


def downgrade() -> None:
    op.drop_index("ix_customer_erased", table_name="customer")
