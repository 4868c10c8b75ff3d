"""What was measured of encoder, SAMM and decomposer, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from engine.evaluation.decomposition_figures import EncoderFigures, FlowFigures, MaskFigures
from engine.messages import Detector
from engine.weights.model_inverters import CHOICE


@dataclass(frozen=True)
class Report:
    """Of one generator.

    Attributes:
        model: its name; empty for the one that was trained here, or the embedded one.
        validated, tested: numbers of compositions that thresholds were chosen on, and that all was measured on.
        baselines: those of `masks` that are thresholds on a difference.
        masks: by method. flows, detectors: by network; what it is as a model's detector.
    """

    model: str
    validated: int
    tested: int
    baselines: tuple[str, ...]
    masks: dict[str, MaskFigures]
    flows: dict[str, FlowFigures]
    detectors: dict[str, Detector]
    encoder: EncoderFigures

    @property
    def leads(self) -> dict[str, float]:
        """By how much each network's intersection over union exceeds the better baseline's."""
        best = max(self.masks[name].iou for name in self.baselines)
        return {name: self.masks[name].iou - best for name in self.flows}

    @property
    def best(self) -> str:
        """Whose mask has the greatest intersection over union."""
        return max(self.masks, key=lambda name: self.masks[name].iou)

    @property
    def detector(self) -> Detector:
        """What should detect: landmarks and differences where no network beats a threshold."""
        return self.detectors.get(self.best, "landmarks")

    def as_json(self) -> dict[str, object]:
        read: dict[str, object] = json.loads(
            json.dumps(asdict(self) | {"leads": self.leads, "detector": self.detector})
        )
        return read

    def markdown(self) -> str:
        said = (
            f"{self.tested} held-out compositions, inverted by the encoder; the baselines' thresholds were chosen on "
            f"{self.validated} others. In-domain is what the truth says."
        )
        title = f"# Decomposition{f' of {self.model}' if self.model else ''}"
        tables = [self._masks(), self._kinds(), self._flows(), self._encoder()]
        return "\n\n".join([title, said, *tables, self._advice()])

    def _masks(self) -> str:
        rows = [
            [name, f"{one.iou:.3f}", _said(self.leads.get(name), "+.3f"), _said(one.auc, ".3f"),
             _said(one.false_share, ".3f"), f"{one.threshold:.3f}"]
            for name, one in self.masks.items()
        ]  # fmt: skip
        head = ("mask", "IoU", "above the better baseline", "ROC area", "marked where nothing is", "threshold")
        return _table(head, rows)

    def _kinds(self) -> str:
        kinds = sorted({kind for one in self.masks.values() for kind in one.by_kind})
        rows = [[kind, *(f"{one.by_kind[kind]:.3f}" for one in self.masks.values())] for kind in kinds]
        return _table(("IoU by kind", *self.masks), rows)

    def _flows(self) -> str:
        rows = [
            [name, _said(one.error_percent, ".2f"), _said(one.unaligned_percent, ".2f"), _said(one.ratio, ".2f"),
             f"{100 * one.improved:.0f} %", f"{one.psnr_unaligned:.2f}", f"{one.psnr:.2f}"]
            for name, one in self.flows.items()
        ]  # fmt: skip
        head = (
            "alignment", "error, % of the side", "of no alignment", "ratio", "pictures improved",
            "in-domain PSNR before", "after",
        )  # fmt: skip
        return _table(head, rows)

    def _encoder(self) -> str:
        one = self.encoder
        row = [f"{one.psnr:.2f}", f"{one.psnr_plain:.2f}"]
        row += [_said(one.landmarks_percent, ".2f"), _said(one.shape_percent, ".2f")]
        head = (
            "encoder", "in-domain PSNR of the photograph", "PSNR of the perfect inversion", "landmarks, % of the side",
            "its face's landmarks",
        )  # fmt: skip
        return _table(head, [["alone", *row]])

    def _advice(self) -> str:
        """How to use what measured best."""
        written = f'`detector = "{self.detector}"` into {CHOICE} beside the model'
        if self.best not in self.detectors:
            return f"No network finds the mask better than a threshold does: write {written}."
        weights = f"copy its weights beside the model as {self.detector}.safetensors, and write {written}"
        return f"The best mask is that of {self.best}. To use it, {weights}."


def _said(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
