"""SQLAlchemy's asynchronous Core without its ORM.

The package `sqlalchemy.ext.asyncio` imports the whole ORM, which nothing here uses: 0.2 s of the start and 10 MiB.
Its module `engine` needs none of it, so that module is loaded alone. A later ordinary import of the package, by a
library that wants the ORM, still finds everything.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING

import sqlalchemy.ext

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
else:
    _PACKAGE = "sqlalchemy.ext.asyncio"
    _loaded = sys.modules.get(_PACKAGE)
    if _loaded is None:
        sys.modules[_PACKAGE] = module_from_spec(PathFinder.find_spec(_PACKAGE, sqlalchemy.ext.__path__))
    try:
        from sqlalchemy.ext.asyncio.engine import AsyncConnection, AsyncEngine, create_async_engine
    finally:
        if _loaded is None:
            del sys.modules[_PACKAGE]

__all__ = ["AsyncConnection", "AsyncEngine", "create_async_engine"]
