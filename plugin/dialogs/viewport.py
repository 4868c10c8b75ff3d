"""Where the picture lies in its widget: zoom, pan, fit. Plain arithmetic in device pixels, without Qt.

`zoom` is device pixels per pixel of the picture; `centre` is the point of the picture in the widget's middle.
"""

from __future__ import annotations

MARGIN = 14.0
LARGEST_FIT = 2.0  # a small picture is enlarged this far, not further
SMALLEST, LARGEST = 0.01, 16.0
STEP = 2**0.5
ROUND_A_FACE = 0.35  # what is shown round a face, as a part of its size on each side


class Viewport:
    """`fitted` follows the widget's size until somebody zooms or pans."""

    def __init__(self) -> None:
        self.picture = (1.0, 1.0)
        self.widget = (1.0, 1.0)
        self.zoom = 1.0
        self.centre = (0.5, 0.5)
        self.fitted = True

    def set_picture(self, width: float, height: float) -> None:
        self.picture = (width, height)
        self.fit()

    def set_widget(self, width: float, height: float) -> None:
        self.widget = (max(1.0, width), max(1.0, height))
        if self.fitted:
            self.fit()
        else:
            self._clamp()

    @property
    def fit_zoom(self) -> float:
        ratios = ((w - 2 * MARGIN) / p for w, p in zip(self.widget, self.picture, strict=True))
        return max(SMALLEST, min(LARGEST_FIT, *ratios))

    def fit(self) -> None:
        self.fitted = True
        self.zoom = self.fit_zoom
        self.centre = (self.picture[0] / 2, self.picture[1] / 2)

    def zoom_to(self, zoom: float, at: tuple[float, float] | None = None) -> None:
        """Zoom; the picture's point under `at` (widget; None: the middle) stays where it is."""
        at = at or (self.widget[0] / 2, self.widget[1] / 2)
        fixed = self.to_picture(*at)
        self.fitted = False
        self.zoom = max(SMALLEST, min(LARGEST, zoom))
        moved = self.to_picture(*at)
        self.centre = (self.centre[0] + fixed[0] - moved[0], self.centre[1] + fixed[1] - moved[1])
        self._clamp()

    def step(self, steps: float, at: tuple[float, float] | None = None) -> None:
        """Wheel and + −; passes through 100 %."""
        target = self.zoom * STEP**steps
        if (self.zoom < 0.999 < 1.001 < target) or (self.zoom > 1.001 > 0.999 > target):
            target = 1.0
        self.zoom_to(target, at)

    def toggle(self, at: tuple[float, float] | None = None) -> None:
        """Z: fit ⇄ 100 %."""
        if self.fitted:
            self.zoom_to(1.0, at)
        else:
            self.fit()

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by widget pixels."""
        self.fitted = False
        self.centre = (self.centre[0] - dx / self.zoom, self.centre[1] - dy / self.zoom)
        self._clamp()

    def show(self, x: float, y: float, width: float, height: float) -> None:
        """Bring this part of the picture close, with some of what is round it; never smaller than fit."""
        room = 1 + 2 * ROUND_A_FACE
        zoom = min(self.widget[0] / (width * room), self.widget[1] / (height * room), LARGEST_FIT)
        if zoom <= self.fit_zoom * 1.25:
            self.fit()
            return
        self.zoom_to(zoom)
        self.centre = (x + width / 2, y + height / 2)
        self._clamp(slack=0.0)

    def to_widget(self, x: float, y: float) -> tuple[float, float]:
        left, top = self.origin
        return left + x * self.zoom, top + y * self.zoom

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        return (
            self.centre[0] + (x - self.widget[0] / 2) / self.zoom,
            self.centre[1] + (y - self.widget[1] / 2) / self.zoom,
        )

    @property
    def origin(self) -> tuple[float, float]:
        """The picture's corner, on a whole pixel: at 100 % nothing is interpolated."""
        return (
            round(self.widget[0] / 2 - self.centre[0] * self.zoom),
            round(self.widget[1] / 2 - self.centre[1] * self.zoom),
        )

    def _clamp(self, slack: float = 1 / 6) -> None:
        """The picture's edges come no further in than `slack` of what is seen; a smaller one is centred."""
        centre = []
        for at, size, room in zip(self.centre, self.picture, self.widget, strict=True):
            seen = room / self.zoom
            low, high = seen * (0.5 - slack), size - seen * (0.5 - slack)
            centre.append(size / 2 if size <= seen else max(low, min(high, at)))
        self.centre = (centre[0], centre[1])
