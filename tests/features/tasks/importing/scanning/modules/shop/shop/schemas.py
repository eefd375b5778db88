from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import cv2
import yaml
from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch

KETTLE = {"name": "Ấm đun nước", "price": 12}


class Kind(str, enum.Enum):
    TOOL = "tool"
    TOY = "toy"


class Named(BaseModel):
    name: str = Field(..., min_length=1, description="名字")


class Item(Named):
    """What is sold."""

    model_config = ConfigDict(json_schema_extra={"examples": [KETTLE]})

    price: float = Field(gt=0)
    kind: Kind = Kind.TOOL
    parts: list[Item] = []
    until: datetime | None = None
    size: Literal["s", "m"] | None = None
    pair: tuple[int, str] = (1, "a")
    labels: dict[str, int] = Field(default_factory=dict)
    code: Annotated[str, Field(alias="Code", pattern="^[a-z]+$")] = "x"
    _hidden: int = 0


@dataclass
class Shipping:
    to: str
    fast: bool = False
    notes: list[str] = field(default_factory=list)


class Order(BaseModel):
    items: list[Item]


class Receipt(BaseModel):
    id: int
    order: Order


def current(x_customer: Annotated[str, Header()], debug: Annotated[bool, Query()] = False) -> str: ...
