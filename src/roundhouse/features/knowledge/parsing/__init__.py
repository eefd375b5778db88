"""Documents become blocks, in a child process: many formats, one shape, limits on all that a file may cost."""

from roundhouse.features.knowledge.parsing.reading import parse_document, render_page
from roundhouse.features.knowledge.parsing.shapes import (
    BLOCKS_NAME,
    PageOrder,
    ParsingLimits,
    ParsingOrder,
    Picture,
)

__all__ = [
    "BLOCKS_NAME",
    "PageOrder",
    "ParsingLimits",
    "ParsingOrder",
    "Picture",
    "parse_document",
    "render_page",
]
