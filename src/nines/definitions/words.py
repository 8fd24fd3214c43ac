"""What all shapes are made of: names, ratios, lengths, numbers, and the rule that no field is unknown."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63),
    Field(description="Lower-case letters, digits and hyphens, at most 63."),
]
Ratio = Annotated[str | float | int, Field(description='"99.9%" or 0.999; a bare 99.9 is refused.')]
Length = Annotated[str, Field(description="A duration like 30s, 5m, 6h, 30d or 4w.")]
Number = Annotated[int | float | str, Field(description="A number, read exactly as written.")]


class Shape(BaseModel):
    """What all shapes share: no unknown fields, names as in the file."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=False)
