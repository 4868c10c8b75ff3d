"""Vector set c: SAMM in its published form against the public code's answers."""

import re

import pytest
import torch

from engine.networks.samm import PublishedSAMM
from tests.networks import vectors

FEATURES = 5e-5
ALIGNMENTS = 1e-5  # flow and mask


def is_input(name: str) -> bool:
    # `style` is an argument of the published block that its published configuration never reads.
    return name == "style" or name.endswith(("_enc_feat", "_gen_feat"))


def samm(vector_set: vectors.VectorSet, level: str, cycles: int) -> PublishedSAMM:
    prefix = f"level{level}."
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in vector_set.weights.items()
        if name.startswith(prefix)
    }
    channels = vector_set.arrays[f"l{level}_enc_feat"].shape[1]
    model = PublishedSAMM(channels, cycles, vector_set.meta.get("warp_scale", 0.08))
    model.load_state_dict(weights)
    return model.eval()


def answer(vector_set: vectors.VectorSet, name: str) -> torch.Tensor:
    """What our SAMM says where the vectors have the array `name`."""
    match = re.fullmatch(r"l(\d+)(_noprev|_cycle(\d+))?_(out|align)", name)
    assert match, f"no test knows the array {name}"
    level, variant, cycles, output = match.groups()
    arrays = vector_set.arrays
    batch = len(arrays[name])
    coarser = None if variant == "_noprev" else arrays.get(f"l{int(level) - 1}_align")
    model = samm(vector_set, level, int(cycles or vector_set.meta.get("cycle_align", 2)))
    feature, alignment = model(
        arrays[f"l{level}_enc_feat"][:batch],
        arrays[f"l{level}_gen_feat"][:batch],
        None if coarser is None else coarser[:batch],
    )
    return feature if output == "out" else alignment


@pytest.mark.parametrize(("stem", "name"), vectors.cases("c", is_input))
def test_reference_samm(stem: str, name: str) -> None:
    vector_set = vectors.load(stem)
    with torch.no_grad():
        actual = answer(vector_set, name)
    tolerance = ALIGNMENTS if name.endswith("_align") else FEATURES
    vectors.assert_close(name, actual, vector_set.arrays[name], tolerance)
