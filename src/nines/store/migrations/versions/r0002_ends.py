"""Where journals end, so that a cut tail is seen; foreign keys; facts by kind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NOTHING_BEFORE = "0" * 64

#: Tables whose rows belong to a tenant; those that others point at come before them.
_OWNED = ("facts", "revisions", "people", "tokens", "links")


def upgrade() -> None:
    """Give tenants the end of their journals, and every row the tenant it belongs to."""
    op.add_column("tenants", sa.Column("facts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tenants", sa.Column("head", sa.String(length=64), server_default=_NOTHING_BEFORE, nullable=False))
    for table in _OWNED:
        op.execute(
            f"INSERT INTO tenants (name, created_at) SELECT DISTINCT tenant, 0 FROM {table} "  # noqa: S608
            "WHERE tenant NOT IN (SELECT name FROM tenants)"
        )
    newest = "SELECT {0} FROM facts f WHERE f.tenant = tenants.name ORDER BY f.number DESC LIMIT 1"
    op.execute(
        f"UPDATE tenants SET facts = ({newest.format('f.number')}), head = ({newest.format('f.hash')}) "  # noqa: S608
        "WHERE EXISTS (SELECT 1 FROM facts WHERE facts.tenant = tenants.name)"
    )
    for table in _OWNED:
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(f"{table}_of_tenant", "tenants", ["tenant"], ["name"])
    with op.batch_alter_table("payloads") as batch:
        batch.create_foreign_key("payloads_of_fact", "facts", ["tenant", "number"], ["tenant", "number"])
    op.execute(
        "DELETE FROM sessions WHERE NOT EXISTS "
        "(SELECT 1 FROM people WHERE people.tenant = sessions.tenant AND people.name = sessions.name)"
    )
    with op.batch_alter_table("sessions") as batch:
        batch.create_foreign_key("sessions_of_person", "people", ["tenant", "name"], ["tenant", "name"])
    op.create_index("facts_by_kind", "facts", ["tenant", "kind", "number"])
    op.create_index("revisions_in_order", "revisions", ["tenant", "id"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("revisions_in_order", "revisions")
    op.drop_index("facts_by_kind", "facts")
    for table, constraint in [
        ("sessions", "sessions_of_person"),
        ("payloads", "payloads_of_fact"),
        *((t, f"{t}_of_tenant") for t in reversed(_OWNED)),
    ]:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(constraint, type_="foreignkey")
    with op.batch_alter_table("tenants") as batch:
        batch.drop_column("head")
        batch.drop_column("facts")
