"""Checks answers, and inputs of flows, by JSON Schemas that strangers wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.capabilities.validating import make_checker, measure


class SchemaForms:
    """Implements `deciding.Forms`. Nothing is fetched, and the work of a check is bounded."""

    def check(self, schema: Mapping[str, Any], value: Any) -> None:
        """Raise Unprocessable, with a JSON pointer as `param`, unless the value fits."""

        def refuse(words: str) -> NoReturn:
            raise Unprocessable(f"It {words}.", param="")

        counts = measure(value, refuse)
        fault = make_checker(dict(schema), "form").first_fault(value, counts)
        if fault is not None:
            raise Unprocessable(fault[1], param=fault[0])

    def check_schema(self, schema: Any, param: str) -> None:
        """Raise Unprocessable unless it is a JSON Schema that can be used."""
        make_checker(schema, param)
