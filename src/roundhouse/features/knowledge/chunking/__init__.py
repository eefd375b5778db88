"""From blocks to passages, which are found and cited, and from passages to chunks, which get vectors. Pure functions.

A passage is a piece of the document's text as it stands there: `text[start:end]` of the whole. Nothing of the text is
in no passage.
"""
