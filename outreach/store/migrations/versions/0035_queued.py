"""On PostgreSQL keep who waits in a narrow table, so that a mail that was taken is written into no index any more."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

WITH_SENT, WITHOUT = "'queued', 'claimed', 'inflight', 'sent'", "'queued', 'claimed', 'inflight'"
QUEUED = (
    "CREATE TABLE queued_row (edition_id INTEGER NOT NULL, wave INTEGER NOT NULL, due_at TIMESTAMPTZ NOT NULL,"
    " id INTEGER NOT NULL, PRIMARY KEY (edition_id, wave, due_at, id))"
)
WAITING = "INSERT INTO queued_row SELECT edition_id, wave, due_at, id FROM delivery WHERE state = 'queued'"
NOTE = """
CREATE OR REPLACE FUNCTION note_queued() RETURNS trigger LANGUAGE plpgsql AS $note$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.state = 'queued' THEN
        DELETE FROM queued_row
        WHERE edition_id = OLD.edition_id AND wave = OLD.wave AND due_at = OLD.due_at AND id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = 'queued' THEN
        INSERT INTO queued_row VALUES (NEW.edition_id, NEW.wave, NEW.due_at, NEW.id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$note$
"""
ROOM, BEFORE = 45, 50
"""So full, in percent, is a page of the outbox when its rows are laid: at 50 one change in twenty found none left."""
MOVED = (
    "(NEW.state = 'queued' OR OLD.state = 'queued') AND NEW.state <> 'claimed' AND (NEW.state <> OLD.state"
    " OR NEW.edition_id <> OLD.edition_id OR NEW.wave <> OLD.wave OR NEW.due_at <> OLD.due_at)"
)
"""A claim is not among them: it takes all of its rows out at once, by itself."""
TRIGGERS = {
    "queued_in": ("INSERT", "NEW.state = 'queued'"),
    "queued_out": ("DELETE", "OLD.state = 'queued'"),
    "queued_moved": ("UPDATE", MOVED),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE delivery SET (fillfactor = {ROOM})")
    _phase(WITH_SENT)  # before the queue: from here on nobody changes a mail until all is done
    op.drop_index("ix_delivery_customer", table_name="delivery")
    op.execute("CREATE INDEX ix_delivery_customer ON delivery (customer_id)")
    op.execute(QUEUED)
    op.execute(WAITING)
    op.execute(NOTE)
    for name, (what, when) in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER {name} AFTER {what} ON delivery FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION note_queued()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE delivery SET (fillfactor = {BEFORE})")
    _phase(WITHOUT)
    op.drop_index("ix_delivery_customer", table_name="delivery")
    op.execute("CREATE INDEX ix_delivery_customer ON delivery (customer_id, sent_at)")
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON delivery")
    op.execute("DROP FUNCTION note_queued()")
    op.execute("DROP TABLE queued_row")


def _phase(together: str) -> None:
    """Have the phase computed so that these states are one, and lay the indexes that hold it."""
    for name in ("ix_delivery_work", "ix_delivery_doubt"):
        op.drop_index(name, table_name="delivery")
    op.execute(
        'ALTER TABLE delivery DROP COLUMN phase, ADD COLUMN phase VARCHAR COLLATE "C"'
        f" GENERATED ALWAYS AS (CASE WHEN state IN ({together}) THEN 'going' ELSE state END) STORED"
    )
    op.execute("CREATE INDEX ix_delivery_work ON delivery (edition_id, phase, wave, due_at, id)")
    op.execute("CREATE INDEX ix_delivery_doubt ON delivery (id) WHERE phase = 'in_doubt'")
