"""Messages on their way, how alerts stand, and how far minutes were judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=63), nullable=False),
        sa.Column("thread", sa.String(length=400), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("objective", sa.String(length=130), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("route", sa.String(length=63), nullable=False),
        sa.Column("group", sa.String(length=400), nullable=False),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("put_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("said", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", "target", name="one_delivery"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="outbox_of_tenant"),
    )
    op.create_index("outbox_due", "outbox", ["state", "due_at"])
    op.create_index("outbox_threads", "outbox", ["tenant", "target", "thread", "number"])
    op.create_table(
        "alerts",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="one_alert"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="alerts_of_tenant"),
    )
    op.create_table(
        "ticks",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="one_tick"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="ticks_of_tenant"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("ticks")
    op.drop_table("alerts")
    op.drop_index("outbox_threads", "outbox")
    op.drop_index("outbox_due", "outbox")
    op.drop_table("outbox")
