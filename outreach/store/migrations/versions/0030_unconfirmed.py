"""How many sign-ups for a list were let go of because nobody confirmed them."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("unconfirmed", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("mailing_list", "unconfirmed")
