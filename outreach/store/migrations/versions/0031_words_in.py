"""The words by which people agree to a list, in several languages; and in which language they were shown."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("words_in", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("consent", sa.Column("language", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("consent", "language")
    op.drop_column("mailing_list", "words_in")
