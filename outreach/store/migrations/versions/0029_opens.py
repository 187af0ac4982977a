"""Let an edition say that it counts opens, also where nobody opened it: the picture of its mails is its link 0."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO link (edition_id, number, url) SELECT id, 0, '' FROM edition"
        " WHERE CAST(frozen AS TEXT) LIKE '%{{ click_url }}/0.gif%'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM link WHERE number = 0")
