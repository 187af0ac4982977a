"""Turns in lanes: several programs raise them at once without waiting for the workspace's row."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LANES = 16


def upgrade() -> None:
    op.create_table(
        "lane",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for lane in range(LANES):
        op.execute(f"INSERT INTO lane (id, turn) VALUES ({lane}, 0)")  # noqa: S608  a number of our own
    op.execute("UPDATE lane SET turn = COALESCE((SELECT turn FROM workspace), 0) WHERE id = 0")
    with op.batch_alter_table("workspace") as table:
        table.drop_column("turn")


def downgrade() -> None:
    with op.batch_alter_table("workspace") as table:
        table.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE workspace SET turn = (SELECT SUM(turn) FROM lane)")
    op.drop_table("lane")
