"""Turn MediaPipe's Face Mesh from TensorFlow Lite into the safetensors file beside this script.

Needs `tflite`, `numpy` and `safetensors`, in an environment of its own (tflite is no dependency of Likeness):

    python convert.py face_landmark.tflite facemesh.safetensors

The numbers stay as they are; only the axes change, from TensorFlow's order to torch's.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import tflite  # pyright: ignore[reportMissingImports]
from safetensors.numpy import save_file

SOURCE_SHA256 = "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"

TRUNK = [f"trunk.{k}" for k in range(14)]
POINTS = [f"points.{k}" for k in range(3)]


def block(prefix: str) -> list[str]:
    """The tensors of one block, in the order of the graph: depthwise, pointwise, activation."""
    return [f"{prefix}.depthwise", f"{prefix}.pointwise", f"{prefix}.activation"]


# The graph's weighted operators in the order in which it lists them. From the fork on, the branches `presence`
# and `points` take turns.
ORDER = [
    "stem.convolution", "stem.activation",
    *(name for prefix in (*TRUNK, "points.0", "points.1") for name in block(prefix)),
    "presence.0.depthwise", "points.2.depthwise", "presence.0.pointwise", "points.2.pointwise",
    "presence.0.activation", "points.2.activation",
    "presence.1.convolution", "points.3.convolution", "presence.1.activation", "points.3.activation",
    "presence.2.depthwise", "points.4.depthwise", "presence.2.pointwise", "points.4.pointwise",
    "presence.2.activation", "points.4.activation",
    "presence.3", "points.5",
]  # fmt: skip


def read_operators(path: Path) -> list[tuple[int, list[np.ndarray]]]:
    """(operator code, its constant inputs) of every operator that has weights, in the order of the graph."""
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    weighted = (
        tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D, tflite.BuiltinOperator.PRELU
    )  # fmt: skip
    found = []
    for k in range(graph.OperatorsLength()):
        operator = graph.Operators(k)
        code = model.OperatorCodes(operator.OpcodeIndex()).DeprecatedBuiltinCode()
        if code in weighted:
            tensors = [graph.Tensors(int(i)) for i in operator.InputsAsNumpy()[1:]]
            arrays = [
                model.Buffers(t.Buffer()).DataAsNumpy().view(np.float32).reshape(t.ShapeAsNumpy())
                for t in tensors
            ]
            found.append((code, arrays))
    return found


def name_tensors(operators: list[tuple[int, list[np.ndarray]]]) -> dict[str, np.ndarray]:
    """Give the weights the names and the axes of `engine.faces.facemesh.FaceMeshNetwork`."""
    named = {}
    for name, (code, arrays) in zip(ORDER, operators, strict=True):
        if code == tflite.BuiltinOperator.PRELU:
            named[f"{name}.weight"] = arrays[0].reshape(-1)
            continue
        # CONV_2D [out, kh, kw, in] → [out, in, kh, kw]; DEPTHWISE_CONV_2D [1, kh, kw, c] → [c, 1, kh, kw]
        axes = (0, 3, 1, 2) if code == tflite.BuiltinOperator.CONV_2D else (3, 0, 1, 2)
        named[f"{name}.weight"], named[f"{name}.bias"] = arrays[0].transpose(axes), arrays[1]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def main(source: Path, target: Path) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        raise SystemExit(f"{source} is not the file this was written for (sha256 {digest})")
    # One entry only: safetensors writes several in any order, and the file would not be reproducible.
    metadata = {"source": f"{source.name}, sha256 {digest}, Apache-2.0"}
    save_file(name_tensors(read_operators(source)), target, metadata=metadata)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
