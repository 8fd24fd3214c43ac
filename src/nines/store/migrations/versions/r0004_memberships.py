"""Memberships: people of one tenant who may do things in another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "memberships",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("home", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "home", "name", name="one_membership"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="memberships_of_tenant"),
        sa.ForeignKeyConstraint(["home", "name"], ["people.tenant", "people.name"], name="memberships_of_person"),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("memberships")
