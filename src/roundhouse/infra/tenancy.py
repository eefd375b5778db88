"""Which rows a caller may see: those of its tenant, narrowed to its user and app where it has them."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.core.types import Caller


def visible(table: sa.Table, caller: Caller) -> sa.ColumnElement[bool]:
    """The condition on a table with the columns `site_id`, `user_id` and `app_id`."""
    conditions = [table.c.site_id == caller.site_id]
    if caller.user_id is not None:
        conditions.append(table.c.user_id == caller.user_id)
    if caller.app_id is not None:
        conditions.append(table.c.app_id == caller.app_id)
    return sa.and_(*conditions)
