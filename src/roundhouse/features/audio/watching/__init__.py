"""Recordings that come by a folder: what is laid into it is taken in once, and its texts lie beside it at the end.

One process of an installation looks at a folder at a time. What was taken stands in the database, written in the
transaction in which the recording came in: whoever dies, whenever, the next one goes on and takes nothing twice.
"""

from __future__ import annotations

from roundhouse.features.audio.watching.settling import Settling
from roundhouse.features.audio.watching.taking import Taking
from roundhouse.features.audio.watching.watch import FolderWatch

__all__ = ["FolderWatch", "Settling", "Taking"]
