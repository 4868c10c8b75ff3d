"""Numbers of a request are numbers, as its description says: not true, not "1"."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.messages import JobRequest, Picture
from engine.service.models import ModelsRequest

ID = "0" * 64
JOB: TypeAdapter[Any] = TypeAdapter(JobRequest)
MODELS: TypeAdapter[Any] = TypeAdapter(ModelsRequest)
PICTURE = TypeAdapter(Picture)
EDIT = {"kind": "edit", "picture": ID}
DIRECTIONS = {"do": "directions", "name": "default"}


def job(**values: Any) -> dict[str, Any]:
    return EDIT | values


@pytest.mark.parametrize("number", [True, "1"])
@pytest.mark.parametrize(
    ("adapter", "make"),
    [
        (JOB, lambda n: job(face=n)),
        (JOB, lambda n: job(faces=[n])),
        (JOB, lambda n: job(refine_steps=n)),
        (JOB, lambda n: job(edits={"smile": n})),
        (JOB, lambda n: job(face_edits={ID: {"number": n}})),
        (JOB, lambda n: job(keep_identity=n)),
        (JOB, lambda n: {"kind": "invert", "picture": ID, "face": n}),
        (JOB, lambda n: {"kind": "invert", "picture": ID, "refine_steps": n}),
        (JOB, lambda n: {"kind": "restore", "picture": ID, "region": ID, "refine_steps": n}),
        (JOB, lambda n: {"kind": "dialog", "window": "edit", "picture": ID, "face": n}),
        (JOB, lambda n: {"kind": "dialog", "window": "edit", "picture": ID, "refine_steps": n}),
        (PICTURE, lambda n: {"id": ID, "width": n, "height": 1, "format": "Y u8"}),
        (PICTURE, lambda n: {"id": ID, "width": 1, "height": n, "format": "Y u8"}),
        (MODELS, lambda n: DIRECTIONS | {"count": n}),
        (MODELS, lambda n: DIRECTIONS | {"scale": [["smile", n]]}),
    ],
)
def test_only_numbers_are_numbers(adapter: TypeAdapter[Any], make: Any, number: object) -> None:
    with pytest.raises(ValidationError, match="a number belongs here"):
        adapter.validate_python(make(number))
    for right in (1, 1.0):
        adapter.validate_python(make(right))


def test_a_preview_is_as_strict() -> None:
    for wrong in (True, "64"):
        with pytest.raises(ValidationError, match="a number belongs here"):
            JOB.validate_python(job(preview=wrong))
    assert JOB.validate_python(job(preview=64.0)).preview == 64
