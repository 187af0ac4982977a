"""Where a workspace on SQLite lives, so that a copy of its folder is told from it."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workspace", sa.Column("home", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("workspace", "home")
