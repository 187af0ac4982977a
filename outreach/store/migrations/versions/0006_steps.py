"""Steps that a person decides on: what each does, who said yes or no, and the edition that it came into."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("step") as table:
        table.add_column(sa.Column("edition_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("effect", sa.JSON(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("decided_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("decided_by", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("decision", sa.String(), nullable=False, server_default=""))
        table.create_foreign_key("step_edition_id_fkey", "edition", ["edition_id"], ["id"])
        table.create_index("ix_step_campaign", ["campaign_id"], unique=False)
        table.create_index("ix_step_state", ["state", "at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("step") as table:
        table.drop_index("ix_step_state")
        table.drop_index("ix_step_campaign")
        table.drop_constraint("step_edition_id_fkey", type_="foreignkey")
        for column in ("decision", "decided_by", "decided_at", "effect", "edition_id"):
            table.drop_column(column)
