"""What the originals answer on the two photographs; made once, outside the project's environment.

Needs `onnxruntime`, `ai-edge-litert`, `pillow` and `numpy`:

    python make.py face_detection_yunet_2023mar.onnx face_landmark.tflite

The inputs are cut from the photographs without any resampling (`tests/faces/references.py` cuts the same), so that
they do not depend on a library's interpolation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingImports]
from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from references import PHOTOS, STRIDES, canvas_640, square_192  # noqa: E402


def detector_outputs(model: Path, canvas: np.ndarray) -> dict[str, np.ndarray]:
    """Per stride the rows of cls, obj, bbox, kps ([A,16]) that score above .05, and every 41st; and which."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    blob = np.ascontiguousarray(canvas[None, ::-1])  # the original takes BGR
    answers = map(np.asarray, session.run(None, {"input": blob}))
    outputs = dict(zip([o.name for o in session.get_outputs()], answers, strict=True))
    kept = {}
    for stride in STRIDES:
        rows = np.concatenate([outputs[f"{part}_{stride}"][0] for part in ("cls", "obj", "bbox", "kps")], 1)
        index = np.flatnonzero((np.sqrt(rows[:, 0] * rows[:, 1]) > 0.05) | (np.arange(len(rows)) % 41 == 0))
        kept[f"index_{stride}"], kept[f"rows_{stride}"] = index.astype(np.int32), rows[index]
    return kept


def mesh_outputs(model: Path, square: np.ndarray) -> dict[str, np.ndarray]:
    """points [468,3], presence []."""
    interpreter = Interpreter(str(model))
    interpreter.allocate_tensors()
    blob = np.ascontiguousarray(square.transpose(1, 2, 0)[None])
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], blob)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(o["index"]).reshape(-1) for o in interpreter.get_output_details()]
    points, presence = sorted(outputs, key=len, reverse=True)
    return {"points": points.reshape(468, 3), "presence": presence[0]}


if __name__ == "__main__":
    for name in PHOTOS:
        stem = Path(name).stem
        answers = {
            "yunet": detector_outputs(Path(sys.argv[1]), canvas_640(name)),
            "mesh": mesh_outputs(Path(sys.argv[2]), square_192(name)),
        }
        for network, arrays in answers.items():
            np.savez_compressed(HERE / f"{network}_{stem}.npz", allow_pickle=False, **arrays)
