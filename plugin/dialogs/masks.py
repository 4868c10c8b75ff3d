"""The masks of the picked faces under the hand: brush, threshold, feather. Without Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from plugin.dialogs.layers import FaceLayers
from plugin.dialogs.painting import Brush, Painting, Point, Stroke
from plugin.dialogs.works import Works


class Masks:
    """`picked` says which inverted faces are worked on; `told` is called after every change."""

    def __init__(self, works: Works, picked: Callable[[], list[FaceLayers]], told: Callable[[], None]) -> None:
        self.brush = Brush()
        self._works = works
        self._picked = picked
        self._told = told
        self._found: dict[str, Painting] = {}  # by inversion: the mask before any painting
        self._seen: dict[int, tuple[FaceLayers, Painting, FaceLayers]] = {}
        self._strokes: dict[int, Stroke] = {}

    def found(self, layers: FaceLayers) -> None:
        """A face came back; the first time, with the mask that was found."""
        if layers.inversion not in self._found and layers.asked_for[0].layer_mask is None:
            self._found[layers.inversion] = Painting.of(layers.shows)

    def of(self, layers: FaceLayers) -> Painting:
        """A face's mask as it is now."""
        return self._works[layers.number].painting or self._found[layers.inversion]

    @property
    def first(self) -> Painting | None:
        """That of the first picked face; None before it is there."""
        return next((self.of(layers) for layers in self._picked()), None)

    @property
    def are_painted(self) -> bool:
        return any(self._works[layers.number].painting is not None for layers in self._picked())

    def painted(self, layers: FaceLayers) -> FaceLayers:
        """A face as it looks with its mask of now, should the engine have answered with an earlier one."""
        painting = self.of(layers)
        if layers.asked_for[0].layer_mask == (None if painting.is_untouched else painting.picture):
            return layers
        seen = self._seen.get(layers.number)
        if seen is None or seen[0] is not layers or seen[1] is not painting:
            masked = layers.masked(painting.shows)
            seen = self._seen[layers.number] = (layers, painting, masked)
        return seen[2]

    # --- the hand -----------------------------------------------------------------------------------------

    def set_brush(self, brush: Brush) -> None:
        self.brush = brush
        self._told()

    def press(self, at: Point, shows: bool) -> None:
        """The brush comes down on a place in the photograph, to paint the edit or the photograph."""
        self._works.settle()
        brush = replace(self.brush, shows=shows)
        self._strokes = {f.number: Stroke(self.of(f), f.rect, brush) for f in self._picked()}
        self.draw(at)

    def draw(self, at: Point) -> None:
        """On to here; one stroke is one step back."""
        self._works.paint({number: stroke.to(at) for number, stroke in self._strokes.items()}, "stroke")
        self._told()

    def lift(self) -> None:
        self._strokes = {}
        self._works.settle()

    def settle(self) -> None:
        """A slider was let go; a stroke that is under way goes on."""
        if not self._strokes:
            self._works.settle()

    def adjust(self, threshold: float, feather: float) -> None:
        """Both as in `Painting`, for all picked faces."""
        adjusted = {f.number: self.of(f).adjust(threshold, feather) for f in self._picked()}
        self._works.paint(adjusted, "adjust")
        self._told()

    def reset(self) -> None:
        """The masks of the picked faces as they were found."""
        self._works.settle()
        self._works.paint({f.number: self._found[f.inversion] for f in self._picked()})
        self._told()
