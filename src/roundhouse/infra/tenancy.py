"""Which rows a caller may see: those of its tenant, narrowed to its user and app where it has them."""

from __future__ import annotations

import msgspec
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


def shared(table: sa.Table, caller: Caller) -> sa.ColumnElement[bool]:
    """`visible`, and besides the rows of its tenant that are no user's, or no app's: for reading what all share."""
    conditions = [table.c.site_id == caller.site_id]
    if caller.user_id is not None:
        conditions.append(sa.or_(table.c.user_id.is_(None), table.c.user_id == caller.user_id))
    if caller.app_id is not None:
        conditions.append(sa.or_(table.c.app_id.is_(None), table.c.app_id == caller.app_id))
    return sa.and_(*conditions)


def as_tenant(caller: Caller) -> Caller:
    """The caller without its user and app: to read the parts of a thing that it was found to share."""
    return msgspec.structs.replace(caller, user_id=None, app_id=None)


def visible_to(table: sa.Table) -> sa.ColumnElement[bool]:
    """`visible` for a statement that is built once and read by key; `who` gives its values.

    Not for a statement that looks for many rows: the database cannot see from it which index serves.
    """
    user, app = sa.bindparam("its_user", type_=sa.String), sa.bindparam("its_app", type_=sa.String)
    return sa.and_(
        table.c.site_id == sa.bindparam("its_site"),
        sa.or_(user.is_(None), table.c.user_id == user),
        sa.or_(app.is_(None), table.c.app_id == app),
    )


def who(caller: Caller) -> dict[str, str | None]:
    """The values of `visible_to`."""
    return {"its_site": caller.site_id, "its_user": caller.user_id, "its_app": caller.app_id}
