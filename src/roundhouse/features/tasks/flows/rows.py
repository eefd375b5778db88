"""Tables of flows and of breakers."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

flows = sa.Table(
    "flows",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    # The newest. Of a deleted flow the versions stay, for the tasks that run by them and for the numbers to go on.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Column("deleted_at_s", sa.Double),
    sa.UniqueConstraint("site_id", "name"),
)

flow_versions = sa.Table(
    "flow_versions",
    metadata,
    sa.Column("flow_id", sa.String(40), sa.ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
)

breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("target", sa.String(220), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    # Calls of the last minute: [Unix time, whether it failed].
    sa.Column("calls", sa.JSON, nullable=False),
    sa.Column("opened_at_s", sa.Double),
    sa.Column("open_s", sa.Double, nullable=False),
    sa.Column("probe", sa.String(200)),
    sa.Column("probe_until_s", sa.Double),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.UniqueConstraint("site_id", "target"),
)

# What steps gave, whole and as it was: the attempts of the trace are without secrets, and large values lie in files.
flow_outputs = sa.Table(
    "flow_outputs",
    metadata,
    sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    # Empty: a run of the whole flow that failed; its output says which, and the last tries of it.
    sa.Column("step", sa.String(60), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("output", sa.JSON, nullable=False),
)
