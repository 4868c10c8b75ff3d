"""Turn OpenCV Zoo's YuNet from ONNX into the safetensors file beside this script.

Needs `onnx`, `numpy` and `safetensors`, in an environment of its own (onnx is no dependency of Likeness):

    python convert.py face_detection_yunet_2023mar.onnx yunet.safetensors

Two things change, neither of them a number: the first convolution's input channels are turned from BGR to
RGB, and the four heads of a level (cls 1, obj 1, bbox 4, kps 10 channels) are stacked into one of 16.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx  # pyright: ignore[reportMissingImports]
from onnx import numpy_helper  # pyright: ignore[reportMissingImports]
from safetensors.numpy import save_file

SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

# The graph's depthwise-separable units in the order of its nodes: backbone, neck (coarse to fine), heads.
BACKBONE = [
    f"backbone.{stage}.{unit}" for stage, units in enumerate((1, 2, 2, 2, 2, 2)) for unit in range(units)
]
NECK = ["neck.2", "neck.1", "neck.0"]
HEADS = [f"{head}.{level}" for head in ("cls", "bbox", "obj", "kps") for level in range(3)]
STACKED = ("cls", "obj", "bbox", "kps")  # the order of channels in a stacked head


def read_convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of every convolution, in the order in which the graph runs them."""
    graph = onnx.load(str(path)).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    return [(constants[n.input[1]], constants[n.input[2]]) for n in graph.node if n.op_type == "Conv"]


def name_tensors(convolutions: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Give the convolutions the names of `engine.faces.yunet.YuNet`."""
    (stem_weight, stem_bias), *rest = convolutions
    units = [*BACKBONE, *NECK, *HEADS]
    if len(rest) != 2 * len(units):
        raise ValueError(f"expected {2 * len(units) + 1} convolutions, found {len(convolutions)}")
    named = {"stem.weight": stem_weight[:, ::-1], "stem.bias": stem_bias}
    for k, unit in enumerate(units):
        for part, (weight, bias) in zip(("pointwise", "depthwise"), rest[2 * k : 2 * k + 2], strict=True):
            named[f"{unit}.{part}.weight"], named[f"{unit}.{part}.bias"] = weight, bias
    for level in range(3):
        for tensor in ("pointwise.weight", "pointwise.bias", "depthwise.weight", "depthwise.bias"):
            parts = [named.pop(f"{head}.{level}.{tensor}") for head in STACKED]
            named[f"heads.{level}.{tensor}"] = np.concatenate(parts)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def main(source: Path, target: Path) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        raise SystemExit(f"{source} is not the file this was written for (sha256 {digest})")
    tensors = name_tensors(read_convolutions(source))
    # One entry only: safetensors writes several in any order, and the file would not be reproducible.
    save_file(tensors, target, metadata={"source": f"{source.name}, sha256 {digest}, MIT"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
