"""Pixels from the engine to the screen: formats, the blend, the mask's overlay, where the picture lies."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtGui import QImage, QPainter

from engine.messages import FaceResult
from plugin.dialogs.layers import Fetcher, to_rgba
from plugin.dialogs.pyramid import Pyramid, to_image
from plugin.dialogs.scene import MASK_RED, OVERLAY_OPACITY, Scene
from plugin.dialogs.state import View
from plugin.dialogs.viewport import Viewport
from tests.plugin.fake_client import FakeClient, FakeEngine
from tests.plugin.hand import pixels_of


def drawn(scene: Scene, view: View, overlay: bool = False, zoom: float = 1.0) -> np.ndarray:
    """The scene on black, (h, w, 3), the picture's corner at the image's corner."""
    assert scene.photograph is not None
    width, height = round(scene.photograph.width * zoom), round(scene.photograph.height * zoom)
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(0)
    viewport = Viewport()
    viewport.set_widget(width, height)
    viewport.set_picture(scene.photograph.width, scene.photograph.height)
    viewport.zoom_to(zoom)
    painter = QPainter(image)
    scene.draw(painter, view, overlay, viewport)
    painter.end()
    return pixels_of(image)


@pytest.fixture
def scene(engine: FakeEngine) -> Scene:
    client = FakeClient(engine)
    result = client.run({"kind": "edit", "face": 1, "edits": {"smile": 2.0}}, lambda event: None)
    made = Scene()
    made.photograph = Pyramid.of(to_rgba("RGB u8", 512, 512, engine.pixels.tobytes()))
    made.show_faces([Fetcher().face(client, FaceResult.model_validate(result["faces"][0]))])
    return made


def face_of(engine: FakeEngine) -> tuple[FaceResult, np.ndarray, np.ndarray]:
    result = FakeClient(engine).run({"kind": "edit", "face": 1, "edits": {"smile": 2.0}}, lambda event: None)
    face = FaceResult.model_validate(result["faces"][0])
    layer, mask = engine.pictures[face.layer.id][1], engine.pictures[face.layer_mask.id][1]
    return face, layer[..., :3].astype(float), mask.astype(float)[..., None] / 255


@pytest.mark.parametrize(
    ("pixel_format", "data", "expected"),
    [
        ("RGB u8", bytes([1, 2, 3]), (1, 2, 3, 255)),
        ("RGBA u8", bytes([1, 2, 3, 4]), (1, 2, 3, 4)),
        ("Y u8", bytes([9]), (9, 9, 9, 255)),
        ("RGBA float", np.array([0, 0.5, 7, np.nan], np.float32).tobytes(), (0, 128, 255, 0)),
    ],
)
def test_every_format_becomes_rgba(pixel_format: str, data: bytes, expected: tuple[int, ...]) -> None:
    assert tuple(to_rgba(pixel_format, 1, 1, data)[0, 0]) == expected


def test_the_screen_shows_the_blend(app: object, engine: FakeEngine, scene: Scene) -> None:
    """photo + (layer − photo) · mask, to within the rounding of premultiplied alpha."""
    face, layer, mask = face_of(engine)
    x, y, w, h = face.rect
    expected = engine.pixels.astype(float)
    expected[y : y + h, x : x + w] += (layer - expected[y : y + h, x : x + w]) * mask
    assert np.abs(drawn(scene, View.RESULT) - expected).max() <= 2
    assert np.array_equal(drawn(scene, View.ORIGINAL), engine.pixels)


def test_red_is_what_stays_the_photographs(app: object, engine: FakeEngine, scene: Scene) -> None:
    face, _, mask = face_of(engine)
    x, y, w, h = face.rect
    stays = np.ones((512, 512, 1))
    stays[y : y + h, x : x + w] -= mask
    red = np.array([MASK_RED.red(), MASK_RED.green(), MASK_RED.blue()], float)
    expected = drawn(scene, View.RESULT) * (1 - OVERLAY_OPACITY * stays) + red * OVERLAY_OPACITY * stays
    assert np.abs(drawn(scene, View.RESULT, overlay=True) - expected).max() <= 4


def test_mask_view_is_grey_where_the_layer_shows(app: object, engine: FakeEngine, scene: Scene) -> None:
    shown = drawn(scene, View.MASK).astype(int)
    x, y, w, h = face_of(engine)[0].rect
    centre = shown[y + h // 2, x + w // 2]
    assert np.ptp(centre) <= 1
    assert shown[500, 5, 0] > shown[500, 5, 1] + 60


def test_overlapping_faces_do_not_hide_each_other(app: object, engine: FakeEngine) -> None:
    """Where one of two masks shows its layer, nothing is red."""
    engine.boxes = [(180, 70, 92, 118), (200, 90, 92, 118)]
    client, fetcher = FakeClient(engine), Fetcher()
    result = client.run({"kind": "edit", "face": 0}, lambda event: None)
    scene = Scene()
    scene.photograph = Pyramid.of(to_rgba("RGB u8", 512, 512, engine.pixels.tobytes()))
    scene.show_faces([fetcher.face(client, FaceResult.model_validate(f)) for f in result["faces"]])
    plain, red = (drawn(scene, View.RESULT, overlay).astype(int) for overlay in (False, True))
    for x, y, w, h in engine.boxes:
        row, column = int(y + h / 2), int(x + w / 2)
        assert np.abs(plain[row, column] - red[row, column]).max() <= 2


def test_a_smaller_preview_is_scaled_up_to_its_rect(app: object, engine: FakeEngine) -> None:
    client = FakeClient(engine)
    asked = {"kind": "edit", "face": 1, "preview": 64, "edits": {"smile": 3.0}}
    face = Fetcher().face(client, FaceResult.model_validate(client.run(asked, lambda event: None)["faces"][0]))
    assert max(face.result.shape[:2]) == 64
    scene = Scene()
    scene.photograph = Pyramid.of(to_rgba("RGB u8", 512, 512, engine.pixels.tobytes()))
    scene.show_faces([face])
    changed = np.abs(drawn(scene, View.RESULT).astype(int) - engine.pixels).max(axis=2) > 20
    rows, columns = np.nonzero(changed)
    x, _, w, h = face.rect
    assert x <= columns.min()
    assert columns.max() < x + w
    assert rows.max() - rows.min() > h / 2


def test_a_large_photograph_is_drawn_from_a_smaller_level(app: object) -> None:
    rgba = np.full((2000, 3000, 4), 255, np.uint8)
    rgba[::2, :, 0] = 0  # lines that would flicker if rows were skipped
    pyramid = Pyramid.of(rgba)
    assert [level.width() for level in pyramid.levels] == [3000, 1500, 750, 375]
    assert not pyramid.translucent
    scene = Scene()
    scene.photograph = pyramid
    reds = drawn(scene, View.ORIGINAL, zoom=0.2)[50:-50, 50:-50, 0]
    assert reds.min() > 110
    assert reds.max() < 145


def test_transparency_is_kept(app: object) -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    assert Pyramid.of(rgba).translucent
    assert to_image(rgba).pixelColor(0, 0).alpha() == 0


# --- where the picture lies -------------------------------------------------------------------------------


def viewport(picture: tuple[int, int] = (2000, 1000), widget: tuple[int, int] = (500, 500)) -> Viewport:
    made = Viewport()
    made.set_widget(*widget)
    made.set_picture(*picture)
    return made


def test_fit_follows_the_widget_until_somebody_zooms() -> None:
    made = viewport()
    assert made.zoom == pytest.approx((500 - 28) / 2000)
    made.set_widget(1000, 1000)
    assert made.zoom == pytest.approx((1000 - 28) / 2000)
    made.step(1)
    zoom = made.zoom
    made.set_widget(800, 800)
    assert made.zoom == zoom


def test_zooming_keeps_the_point_under_the_pointer() -> None:
    made = viewport()
    made.zoom_to(1.0)
    before = made.to_picture(300, 260)
    made.step(2, (300, 260))
    assert made.to_picture(300, 260) == pytest.approx(before)


def test_zoom_passes_through_full_size_and_toggles() -> None:
    made = viewport()
    made.zoom_to(0.9)
    made.step(1)
    assert made.zoom == 1.0
    made.toggle()
    assert made.fitted
    made.toggle()
    assert made.zoom == 1.0


def test_the_picture_cannot_be_lost() -> None:
    made = viewport()
    made.zoom_to(1.0)
    made.pan(1e6, -1e6)
    left, top = made.origin
    assert left < 500
    assert top + 1000 * made.zoom > 0


def test_a_face_is_brought_close_without_empty_margins() -> None:
    made = viewport()
    made.show(0, 0, 100, 100)
    assert made.origin == (0, 0)
    assert made.zoom == 2.0
    made.show(0, 0, 2000, 1000)
    assert made.fitted
