"""On PostgreSQL let no index hold the state of a mail that goes its way: each of its moves was written into six."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PHASE = (
    'ALTER TABLE delivery ADD COLUMN phase VARCHAR COLLATE "C" GENERATED ALWAYS AS'
    " (CASE WHEN state IN ('queued', 'claimed', 'inflight') THEN 'going' ELSE state END) STORED"
)
ROOM = 50
"""So full, in percent, is a page of the outbox when its rows are laid: the rest is for what becomes of them."""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name in ("ix_delivery_work", "ix_delivery_doubt"):
        op.drop_index(name, table_name="delivery")
    op.execute(f"ALTER TABLE delivery SET (fillfactor = {ROOM})")
    op.execute(PHASE)
    op.execute("CREATE INDEX ix_delivery_work ON delivery (edition_id, phase, wave, due_at, id)")
    op.execute("CREATE INDEX ix_delivery_doubt ON delivery (id) WHERE phase = 'in_doubt'")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name in ("ix_delivery_work", "ix_delivery_doubt"):
        op.drop_index(name, table_name="delivery")
    op.execute("ALTER TABLE delivery RESET (fillfactor)")
    op.execute("ALTER TABLE delivery DROP COLUMN phase")
    op.execute("CREATE INDEX ix_delivery_work ON delivery (edition_id, state, wave, due_at)")
    op.execute("CREATE INDEX ix_delivery_doubt ON delivery (state) WHERE state = 'in_doubt'")
