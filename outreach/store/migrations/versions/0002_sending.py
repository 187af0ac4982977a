"""Sending that can be proved: relays, limits, bounces, waves, alerts, and the next server's answer."""

import sqlalchemy as sa
from alembic import op

from outreach.records.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _columns() -> None:
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("domain_key", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("onward", sa.String(), nullable=True))
        table.add_column(sa.Column("onward_words", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("onward_at", UtcDateTime(), nullable=True))
        table.create_index("ix_delivery_domain", ["domain_key", "id"], unique=False)
        table.drop_index("ix_delivery_work")
        table.create_index("ix_delivery_work", ["edition_id", "state", "wave", "due_at"], unique=False)
    with op.batch_alter_table("delivery_move") as table:
        table.add_column(sa.Column("relay", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("next_at", UtcDateTime(), nullable=True))
    with op.batch_alter_table("worker") as table:
        table.add_column(sa.Column("host", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("pid", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("edition") as table:
        table.add_column(sa.Column("waves", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("released_wave", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("released_at", UtcDateTime(), nullable=True))


def _relay_state() -> None:
    op.create_table(
        "relay_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("breaker", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcDateTime(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=True),
        sa.Column("last_good_at", UtcDateTime(), nullable=True),
        sa.Column("last_bad_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def _pace() -> None:
    op.create_table(
        "pace",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("factor", sa.Float(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_pace_paused_until", "pace", ["paused_until"], unique=False)


def _bounce() -> None:
    op.create_table(
        "bounce",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("domain_key", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("storm", sa.Boolean(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery_id", "source"),
    )
    op.create_index("ix_bounce_address", "bounce", ["address_key", "at"], unique=False)
    op.create_index("ix_bounce_at", "bounce", ["at"], unique=False)
    op.create_index("ix_bounce_delivery_id", "bounce", ["delivery_id"], unique=False)
    op.create_index("ix_bounce_domain", "bounce", ["domain_key", "at"], unique=False)


def _wave_look() -> None:
    op.create_table(
        "wave_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["edition.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_wave_look_edition_id", "wave_look", ["edition_id"], unique=False)


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("over_at", UtcDateTime(), nullable=True),
        sa.Column("over_told_at", UtcDateTime(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    still_open = sa.text("over_at IS NULL")
    op.create_index(
        "ix_alert_open",
        "alert",
        ["kind", "subject"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def upgrade() -> None:
    _columns()
    _relay_state()
    _pace()
    _bounce()
    _wave_look()
    _alert()


def downgrade() -> None:
    for name in ("alert", "wave_look", "bounce", "pace", "relay_state"):
        op.drop_table(name)
    with op.batch_alter_table("edition") as table:
        for column in ("released_at", "released_wave", "waves"):
            table.drop_column(column)
    with op.batch_alter_table("worker") as table:
        for column in ("pid", "host"):
            table.drop_column(column)
    with op.batch_alter_table("delivery_move") as table:
        for column in ("next_at", "relay"):
            table.drop_column(column)
    with op.batch_alter_table("delivery") as table:
        table.drop_index("ix_delivery_domain")
        table.drop_index("ix_delivery_work")
        table.create_index("ix_delivery_work", ["edition_id", "state", "due_at"], unique=False)
        for column in ("onward_at", "onward_words", "onward", "domain_key"):
            table.drop_column(column)
