"""The Responses API, without its memory, over chat completions.

A request carries its whole conversation; nothing is stored, so everything that refers to an earlier answer, to a
file or to a tool of OpenAI's own is refused by name. Answers and events have the form the official clients read.
"""

from roundhouse.features.gateway.responses.adapter import ResponsesAdapter

__all__ = ["ResponsesAdapter"]
