"""Answers that are gone on with, by servers that say again what was there before they go on."""

from __future__ import annotations


class Unrepeated:
    """Leaves out what was there already.

    llama.cpp puts the beginning that it was given in front of what it says; models that are not made for it often
    begin anew. A text is held back for as long as it could be such a repetition.

    Args:
        there: What was there; may be empty.
    """

    def __init__(self, there: str) -> None:
        self._there = there
        self._held = ""

    def feed(self, text: str) -> str:
        """What of a piece is new, with what was held back before it."""
        if not self._there:
            return text
        said = self._held + text
        if self._there.startswith(said) and said != self._there:
            self._held = said
            return ""
        new = said.removeprefix(self._there)
        self._there = self._held = ""
        return new

    def end(self) -> str:
        """What is still held back when the answer is complete: it was no repetition."""
        held, self._held = self._held, ""
        return held
