"""The models of a scripted engine: what `POST /v1/models` answers, without files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

Json = dict[str, Any]
PHOTO = Path(__file__).parent.parent / "photos" / "astronaut.png"
TERMS = (
    "NVIDIA's source code licences for StyleGAN2 and StyleGAN2-ADA. What limits your use, section 3.3 (Use Limitation):\n"
    "“The Work and any derivative works thereof only may be used or intended for use non-commercially. […]”"
)
LINES = [
    "Generator: 1024 px, widths 512 512 512 512 512 256 128 64 32 from 4 px on.",
    "Latents: w_plus 18 × 512, 8 mapping layers; latent average in the file.",
    "Licence: NVIDIA (non-commercial).",
    "Missing: an encoder (e4e, pSp or ReStyle); without one an inversion begins at the average face.",
    "It inverts by optimisation from the average face, and edits by painting new pixels.",
]


class FakeShelf:
    """Models by name; the directions of each."""

    def __init__(self) -> None:
        self.requests: list[Json] = []
        self.models: dict[str, Json] = {}
        self.used = "default"
        self.have = 0
        self.directions: dict[str, list[Json]] = {"default": [_direction("smile", "Smile", "")]}
        self._put("default", embedded=True)
        self._put("portraits")

    def _put(self, name: str, embedded: bool = False) -> None:
        lines = ["Generator: 128 px.", "Licence: none needed; it comes with Likeness."] if embedded else LINES
        facts = {"resolution": 128 if embedded else 1024, "licence": "GPL"}
        self.models[name] = {
            "name": name,
            "embedded": embedded,
            "bytes": 14_000_000 if embedded else 121_000_000,
            "problem": "",
            "facts": facts,
            "lines": lines,
        }
        if not embedded:
            self.directions[name] = [
                _direction(f"pca-{n}", label, f"pca-{n}")
                for n, label in ((1, "Smile (PCA 1)"), (2, "Age (PCA 2)"), (3, "PCA 3"))
            ]

    def answer(self, request: Json, add: Callable[[np.ndarray], Json]) -> Json:
        do = request["do"]
        if do == "import":
            self._put(request["name"])
            files = ", ".join(PurePath(file).name for file in request["files"])
            return _made(request["name"], f"Read from {files}.")
        if do == "download":
            self._put(request["name"])
            return _made(request["name"], "20 directions were discovered.")
        if do == "remove":
            del self.models[request["name"]]
            return {"removed": request["name"]}
        if do == "use":
            self.used = request["name"]
            return {"model": self.used}
        if do == "directions":
            return self._change(request, add)
        return {"models": list(self.models.values()), "model": self.used, "catalogue": [self._offer()]}

    def _offer(self) -> Json:
        return {
            "name": "ffhq-1024",
            "description": "StyleGAN2 on FFHQ, 1024 px, NVIDIA's PyTorch file (StyleGAN2-ADA)",
            "bytes": 381_624_121,
            "have": self.have,
            "fetched": False,
            "licences": [
                {"name": "NVIDIA Source Code Licence", "text": TERMS, "address": "https://example.org"}
            ],
        }

    def _change(self, request: Json, add: Callable[[np.ndarray], Json]) -> Json:
        directions = self.directions[request["name"]]
        touched: set[str] = set()
        for direction in directions:
            name = direction["name"]
            if name in request.get("flip", []):
                direction["scale"] *= -1
                touched.add(name)
            direction["scale"] *= dict(request.get("scale", [])).get(name, 1.0)
            direction["hidden"] |= name in request.get("hide", [])
            direction["hidden"] &= name not in request.get("show", [])
            direction["name"] = dict(request.get("rename", [])).get(name, name)
        wanted = directions if request["strips"] == "all" else [d for d in directions if d["name"] in touched]
        strips = {d["name"]: add(_strip(d["scale"])) for d in wanted if d["vector"]}
        answer = [dict(direction) for direction in directions]
        return {"directions": answer, "correlations": {}, "notes": [], "strips": strips}


def _direction(name: str, label: str, vector: str) -> Json:
    return {"name": name, "label": label, "vector": vector, "hidden": False, "scale": 1.0}


def _made(name: str, note: str) -> Json:
    return {"name": name, "lines": LINES, "notes": [note]}


def _strip(scale: float) -> np.ndarray:
    """Five times a face, warmer with the strength."""
    face = Image.open(PHOTO).convert("RGB").crop((150, 30, 310, 190)).resize((128, 128))
    pixels = np.asarray(face, np.float32)
    row = [pixels + np.array([14, 2, -14]) * strength * scale for strength in (-2, -1, 0, 1, 2)]
    return np.ascontiguousarray(np.concatenate(row, 1).clip(0, 255).astype(np.uint8))
