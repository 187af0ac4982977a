"""On PostgreSQL find what is held by the slices that were claimed: no claim is written into an index any more."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

COMPARED = ("public_id", "address_key", "domain_key")
"""Only ever compared as they are: by their bytes, which costs less than by a language's rules."""
SLICES = (
    'CREATE TABLE held_slice (id BIGSERIAL PRIMARY KEY, owner VARCHAR COLLATE "C" NOT NULL, ids INTEGER[] NOT NULL)'
)
HELD = (
    "INSERT INTO held_slice (owner, ids) SELECT owner, array_agg(id) FROM delivery"
    " WHERE state IN ('claimed', 'inflight') AND lease_until IS NOT NULL AND owner IS NOT NULL GROUP BY owner"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index("ix_delivery_lease", table_name="delivery")  # first: from here on nobody claims until all is done
    op.execute(SLICES)
    op.execute(HELD)
    _compare("C")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TABLE held_slice")
    op.execute("CREATE INDEX ix_delivery_lease ON delivery (lease_until) WHERE lease_until IS NOT NULL")
    _compare("default")


def _compare(collation: str) -> None:
    changes = [f'ALTER COLUMN {name} TYPE VARCHAR COLLATE "{collation}"' for name in COMPARED]
    op.execute(f"ALTER TABLE delivery {', '.join(changes)}")
