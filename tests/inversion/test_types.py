"""The inversion's file: nothing is lost on the way, and a file that lies is refused with a sentence."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from engine.errors import InversionDamaged
from engine.inversion.types import CROP_SIZE, Inversion, from_bytes, to_bytes


def test_round_trip_keeps_every_value(inversion: Inversion) -> None:
    read = from_bytes(to_bytes(inversion))
    assert read.id == inversion.id
    assert (read.model, read.geometry, read.box) == (
        "default",
        inversion.geometry,
        inversion.box,
    )
    assert np.array_equal(read.crop, inversion.crop)
    for name in (
        "w_plus",
        "parameters",
        "landmarks",
        "generated_landmarks",
        "invertibility_mask",
        "alignment_flow",
    ):
        assert torch.equal(getattr(read, name), getattr(inversion, name)), name


def test_the_same_inversion_has_the_same_bytes(inversion: Inversion) -> None:
    assert to_bytes(inversion) == to_bytes(from_bytes(to_bytes(inversion)))


def test_another_method_is_another_inversion_and_still_read(inversion: Inversion) -> None:
    older = dataclasses.replace(inversion, method=0)
    assert older.id != inversion.id
    assert from_bytes(to_bytes(older)).id == older.id


def test_what_found_the_mask_is_kept(inversion: Inversion) -> None:
    found = dataclasses.replace(inversion, detector="decomposer", inverters_digest="ab" * 32)
    read = from_bytes(to_bytes(found))
    assert (read.detector, read.inverters_digest, read.id) == ("decomposer", "ab" * 32, found.id)
    others = dataclasses.replace(found, inverters_digest="cd" * 32)
    assert len({inversion.id, found.id, others.id}) == 3


def test_it_fits_a_parasite_when_the_crop_is_a_photograph(inversion: Inversion) -> None:
    smooth = np.linspace(0, 255, CROP_SIZE).astype(np.uint8)
    crop = np.broadcast_to(smooth[None, :, None], (CROP_SIZE, CROP_SIZE, 3)).copy()
    assert len(to_bytes(dataclasses.replace(inversion, crop=crop))) * 4 / 3 < 4_000_000


def png(size: tuple[int, int], mode: str = "RGB") -> torch.Tensor:
    data = io.BytesIO()
    Image.new(mode, size).save(data, "PNG")
    return torch.frombuffer(bytearray(data.getvalue()), dtype=torch.uint8)


def tampered(data: bytes, change: Callable[[dict, dict], None]) -> bytes:
    length = int.from_bytes(data[:8], "little")
    facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["likeness"])
    tensors = load(data)
    del facts["sha256"]  # or it would tell every lie
    change(tensors, facts)
    return save({key: value.contiguous() for key, value in tensors.items()}, {"likeness": json.dumps(facts)})


LIES: dict[str, Callable[[dict, dict], None]] = {
    "a tensor is missing": lambda t, m: t.pop("w_plus"),
    "another shape": lambda t, m: t.update(landmarks=torch.zeros(467, 2)),
    "another type": lambda t, m: t.update(w_plus=t["w_plus"].double()),
    "not finite": lambda t, m: t.update(w_plus=t["w_plus"] * float("nan")),
    "a flow and a mask of different sizes": lambda t, m: t.update(alignment_flow=torch.zeros(2, 8, 8).half()),
    "a mask that is not square": lambda t, m: t.update(
        invertibility_mask=torch.zeros(4, 8, dtype=torch.uint8), alignment_flow=torch.zeros(2, 4, 8).half()
    ),
    "a geometry without extent": lambda t, m: t.update(geometry=torch.zeros(4, dtype=torch.float64)),
    "a crop of another size": lambda t, m: t.update(crop_png=png((64, 64))),
    "a crop that is grey": lambda t, m: t.update(crop_png=png((CROP_SIZE, CROP_SIZE), "L")),
    "a crop that is no picture": lambda t, m: t.update(crop_png=torch.zeros(99, dtype=torch.uint8)),
    "another crop than the id says": lambda t, m: t.update(crop_png=png((CROP_SIZE, CROP_SIZE))),
    "landmarks that are one point": lambda t, m: t.update(landmarks=torch.full((468, 2), 0.5)),
    "landmarks far away": lambda t, m: t.update(landmarks=t["landmarks"] * 1e30),
    "parameters far away": lambda t, m: t.update(parameters=t["parameters"] * 1e6),
    "a larger mask": lambda t, m: t.update(invertibility_mask=torch.zeros(300, 300, dtype=torch.uint8)),
    "a box that is not finite": lambda t, m: m.update(box=[0, 0, float("nan"), 1]),
    "an error that is no number": lambda t, m: m.update(landmark_error=float("nan")),
    "more steps than there are": lambda t, m: m.update(refine_steps=10**30),
    "another id": lambda t, m: m.update(id="0" * 64),
    "another format": lambda t, m: m.update(format="likeness-model"),
    "a later version": lambda t, m: m.update(version=2),
    "a box that is none": lambda t, m: m.update(box=[1, 2]),
    "a model without a name": lambda t, m: m.update(model=None),
    "a detector that nobody knows": lambda t, m: m.update(detector="guess", inverters_digest="ab" * 32),
    "networks without a detector": lambda t, m: m.update(inverters_digest="ab" * 32),
    "a digest that is none": lambda t, m: m.update(detector="samm", inverters_digest="AB"),
    "networks that the id does not know": lambda t, m: m.update(detector="samm", inverters_digest="ab" * 32),
    "no number": lambda t, m: m.update(refine_steps="many"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused(inversion: Inversion, lie: str) -> None:
    honest = to_bytes(inversion)
    try:
        data = tampered(honest, LIES[lie])
    except InversionDamaged:  # pragma: no cover - the change itself must be possible
        pytest.fail("the test could not make its lie")
    with pytest.raises(InversionDamaged):
        from_bytes(data)


@pytest.mark.parametrize("cut", [0, 4, 8, 200, -1])
def test_a_file_cut_short_is_refused(inversion: Inversion, cut: int) -> None:
    with pytest.raises(InversionDamaged):
        from_bytes(to_bytes(inversion)[:cut])


def test_a_header_that_claims_more_than_there_is(inversion: Inversion) -> None:
    data = (2**62).to_bytes(8, "little") + to_bytes(inversion)[8:]
    with pytest.raises(InversionDamaged):
        from_bytes(data)


@pytest.mark.parametrize("place", ["w_plus", "landmarks", "crop_png", "invertibility_mask", "alignment_flow"])
def test_one_byte_flipped_in_any_tensor_is_found(inversion: Inversion, place: str) -> None:
    data = bytearray(to_bytes(inversion))
    length = int.from_bytes(data[:8], "little")
    begin, end = json.loads(data[8 : 8 + length])[place]["data_offsets"]
    data[8 + length + (begin + end) // 2] ^= 1
    with pytest.raises(InversionDamaged, match="not those that were written"):
        from_bytes(bytes(data))


def test_a_file_from_before_the_checksum_is_read(inversion: Inversion) -> None:
    assert from_bytes(tampered(to_bytes(inversion), lambda tensors, facts: None)).id == inversion.id
