"""What the tables of a recipe are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,60}$")]  # becomes a folder
Width = Annotated[int, Field(gt=0, le=1024, multiple_of=8)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class Table(BaseModel):
    """A table without names that nobody knows, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(Table):
    """A learning rate: linear warm-up, then half a cosine from `first` to `last`."""

    first: float = Field(gt=0)
    last: float = Field(gt=0)
    warm_up: int = Field(100, ge=0)  # steps
