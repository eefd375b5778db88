"""Documents become blocks, in a child process: many formats, one shape, limits on all that a file may cost.

Each child reads this file: what waits for it (`reading`) is not imported here.
"""

from roundhouse.features.knowledge.parsing.shapes import (
    BLOCKS_NAME,
    PageOrder,
    ParsingLimits,
    ParsingOrder,
    Picture,
)

__all__ = ["BLOCKS_NAME", "PageOrder", "ParsingLimits", "ParsingOrder", "Picture"]
