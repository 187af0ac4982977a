"""What an import did, so that it can be taken back; indexes of numbers and handles hold only those who have one."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_REACH = ("phone", "phone_end", "handle")


def upgrade() -> None:
    with op.batch_alter_table("customer_import") as table:
        table.add_column(sa.Column("state", sa.String(), nullable=False, server_default="done"))
        table.add_column(sa.Column("source", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("options", sa.JSON(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("created", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("by", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("finished_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("undone_at", UtcDateTime(), nullable=True))
    op.create_table(
        "import_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["customer_import.id"]),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_import_change_import_id", "import_change", ["import_id"], unique=False)
    op.create_index("ix_import_change_customer_id", "import_change", ["customer_id"], unique=False)
    for name in _REACH:
        told = sa.text(f"{name} IS NOT NULL")
        op.drop_index(f"ix_customer_{name}", "customer")
        op.create_index(f"ix_customer_{name}", "customer", [name], sqlite_where=told, postgresql_where=told)


def downgrade() -> None:
    for name in _REACH:
        op.drop_index(f"ix_customer_{name}", "customer")
        op.create_index(f"ix_customer_{name}", "customer", [name], unique=False)
    op.drop_table("import_change")
    with op.batch_alter_table("customer_import") as table:
        for name in ("undone_at", "finished_at", "by", "created", "options", "source", "state"):
            table.drop_column(name)
