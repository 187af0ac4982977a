"""The ways in which a reply finds its case: without them each reply walked all cases and all that happened in them."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = (
    ("case_file", "author"),
    ("case_entry", "inbound_id"),
    ("case_entry", "delivery_id"),
    ("step", "case_id"),
)


def upgrade() -> None:
    for table, column in INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column], unique=False)


def downgrade() -> None:
    for table, column in INDEXES:
        op.drop_index(f"ix_{table}_{column}", table_name=table)
