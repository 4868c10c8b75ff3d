"""Pictures of the dialogs, light and dark, on a scripted engine, into build/screenshots.

QT_QPA_PLATFORM=offscreen python -m tests.plugin.screenshots [SCENE…]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QApplication

from engine.messages import DialogRequest
from engine.paths import Home
from engine.settings import Settings
from plugin.dialogs.chore_window import ChoreWindow
from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.opening import make_models_window, make_settings_window, make_window
from plugin.dialogs.palette import DARK, LIGHT, Tones, dress
from plugin.dialogs.state import ALL_FACES, Problem, Stage, View
from plugin.dialogs.upkeep import Upkeep
from plugin.dialogs.window import DialogWindow
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import JOB, PHOTO, app_for_tests, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import LEFT, QTest

FOLDER = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@contextmanager
def opened(
    app: QApplication, tones: Tones, window: str, engine: FakeEngine, **asked: object
) -> Iterator[DialogWindow]:
    dress(app, tones)
    title = "portrait.xcf ▸ “Background”"
    request = DialogRequest.model_validate(
        {"window": window, "picture": engine.picture, "title": title} | asked
    )
    with tempfile.TemporaryDirectory() as home:
        made = make_window(request, JOB, engine.connect, Home(Path(home)), Settings().refine_steps, tones)
        made.resize(1240, 800)
        made.show()
        made.session.start()
        yield made
        made.abandon()


def save(window: DialogWindow | ChoreWindow, name: str) -> None:
    QApplication.processEvents()
    QApplication.processEvents()  # what the first round made wider is laid out anew in the second
    window.grab().save(str(FOLDER / f"{name}-{shade(window.tones)}.png"))


def shade(tones: Tones) -> str:
    return "dark" if tones.dark else "light"


def edit(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "edit", FakeEngine(photo())) as window:
        assert isinstance(window, EditWindow)
        wait_ready(window)
        window.edits.move("smile", 1.2)
        window.edits.move("mouth_open", -0.3)
        wait_until(lambda: not window.edits.stale)
        for view in (View.MASK, View.GENERATED, View.RESULT):
            window.edits.look_at(view)
            save(window, f"edit-{view.name.lower()}")
        window.edits.toggle_overlay()
        save(window, "edit-overlay")
        window.edits.toggle_overlay()
        window.sliders.search.setText("age")
        window.sliders.rows["age"].slider.setFocus()
        save(window, "edit-search")


def edit_tools(app: QApplication, tones: Tones) -> None:
    """Split line, a figure being typed, a preset being named, and what is said beside them."""
    engine = FakeEngine(photo())
    with opened(app, tones, "edit", engine) as window:
        assert isinstance(window, EditWindow)
        wait_ready(window)
        engine.warning = "This face is small (38 pixels wide): an edit shows little of it."
        window.edits.take({"smile": 1.2, "wings": 1.0})
        wait_until(lambda: not window.edits.stale)
        window.edits.split_at(0.47)
        window.activateWindow()
        window.naming.ask()
        window.naming.field.setText("Holiday")
        window.identity.hold.setChecked(True)
        save(window, "edit-naming")
        window.naming.hide()
        row = window.sliders.rows["age"]
        row.slider.setFocus()
        QTest.keyClicks(row.slider, "1")
        QTest.keyClicks(row.figure, ",5x")
        save(window, "edit-figure")
        window.presets.save("Autumn", {"age": 1.0})
        window.presets.save("Holiday", {"smile": 1.0})
        window.presets.fill()
        window.presets.menu.popup(window.mapToGlobal(QPoint(500, 500)))
        QApplication.processEvents()
        window.presets.menu.grab().save(str(FOLDER / f"edit-presets-{shade(tones)}.png"))
        window.presets.menu.close()


def edit_mask(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "edit", FakeEngine(photo())) as window:
        assert isinstance(window, EditWindow)
        wait_ready(window)
        window.edits.move("smile", 1.5)
        window.edits.look_at(View.MASK)
        x, y, w, h = window.state.layers[1].rect
        masks = window.edits.masks
        for shows, path in ((True, ((0.1, 0.2), (0.3, 0.1), (0.5, 0.08))), (False, ((0.35, 0.6), (0.65, 0.6)))):
            masks.press((x + path[0][0] * w, y + path[0][1] * h), shows)
            for across, down in path[1:]:
                masks.draw((x + across * w, y + down * h))
            masks.lift()
        wait_until(lambda: not window.edits.stale)
        column, row = window.picture.viewport.to_widget(x + 0.75 * w, y + 0.3 * h)
        QTest.mousePress(window.picture, LEFT, pos=QPoint(int(column), int(row)))
        save(window, "edit-mask-brush")
        QTest.mouseRelease(window.picture, LEFT, pos=QPoint(int(column), int(row)))
        window.edits.toggle_overlay()
        save(window, "edit-mask-over-edit")


def edit_again(app: QApplication, tones: Tones) -> None:
    """A layer that is taken up again, with its mask: painted on in GIMP, and now here."""
    engine = FakeEngine(photo())
    layer_mask = np.full((210, 200), 255, np.uint8)
    layer_mask[:, :100] = 0
    again = {"inversions": [f"{1:064x}"], "edits": {"smile": 1.5}}
    with opened(app, tones, "edit", engine, layer_mask=engine.add(layer_mask, "Y u8")["id"], **again) as window:
        assert isinstance(window, EditWindow)
        wait_ready(window)
        window.edits.look_at(View.MASK)
        wait_until(lambda: not window.edits.stale)
        save(window, "edit-again-mask")
        x, y, w, h = window.state.layers[1].rect
        window.edits.masks.press((x + 0.3 * w, y + 0.3 * h), True)
        window.edits.masks.draw((x + 0.3 * w, y + 0.6 * h))
        window.edits.masks.lift()
        wait_until(lambda: not window.edits.stale)
        save(window, "edit-again-painted")


def edit_result(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "edit", FakeEngine(photo())) as window:
        wait_ready(window)
        window.result.actions_by_result["group"].trigger()
        save(window, "edit-result")
        window.result.menu.popup(window.mapToGlobal(QPoint(500, 500)))
        QApplication.processEvents()
        window.result.menu.grab().save(str(FOLDER / f"edit-result-menu-{shade(tones)}.png"))
        window.result.menu.close()
        window.resize(760, 560)
        save(window, "edit-result-small")


def edit_faces(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "edit", crowd()) as window:
        assert isinstance(window, EditWindow)
        wait_ready(window)
        window.edits.move("smile", 1.5)
        window.session.toggle_face(2)
        wait_ready(window)
        window.picture.marked = True
        save(window, "edit-faces")


def edit_on_the_way(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "edit", FakeEngine(photo(), step_seconds=0.5)) as window:
        wait_until(lambda: window.state.stage is Stage.INVERTING)
        QTest.qWait(1300)
        save(window, "edit-inverting")
        window.session.stop()
        wait_until(lambda: window.state.stage is Stage.STOPPED)
        save(window, "edit-stopped")


def edit_broken(app: QApplication, tones: Tones) -> None:
    engine = FakeEngine(photo())
    engine.problems["invert"] = EngineProblem(
        "out_of_memory",
        "The model does not fit into the memory of this graphics card.",
        "Set “device” to “cpu” in the settings, or close other programs that use the card.",
    )
    with opened(app, tones, "edit", engine) as window:
        wait_until(lambda: window.state.problem is not None)
        save(window, "edit-problem")


def invert(app: QApplication, tones: Tones) -> None:
    with opened(app, tones, "invert", crowd()) as window:
        assert isinstance(window, InvertWindow)
        wait_ready(window)
        window.session.choose(ALL_FACES)
        wait_ready(window)
        window.picture.marked = True
        for view in (View.RESULT, View.MASK, View.GENERATED):
            window.state.look_at(view)
            save(window, f"invert-{view.name.lower()}")
        window.presets.buttons[next(iter(window.presets.buttons))].click()
        save(window, "invert-preset")


def models(app: QApplication, tones: Tones) -> None:
    engine = FakeEngine(photo())
    dress(app, tones)
    with tempfile.TemporaryDirectory() as home:
        window = make_models_window(engine.connect, Home(Path(home)), tones)
        window.resize(1040, 720)
        window.show()
        window.session.start()
        wait_until(lambda: bool(window.state.models) and window.state.is_free)
        save(window, "models")
        window.state.select(window.state.models[1])
        window.session.show_directions("portraits")
        wait_until(lambda: window.state.is_free and bool(window.state.directions))
        window.state.listed(engine.shelf.answer({"do": "list"}, lambda _: {}))
        save(window, "models-directions")
        window.state.select(window.state.offers[0])
        save(window, "models-terms")
        window.offer_page.accepted.click()
        engine.step_seconds = 2.0
        window.offer_page.download.click()
        wait_until(lambda: "17%" in window.offer_page.far.text())
        save(window, "models-download")
        window.state.add_files(["/home/me/face.pkl", "/home/me/e4e_ffhq_encode.pt"])
        window.state.failed(
            Problem("file_unsafe", "face.pkl would run code: “os.system”.", "Do not use this file.")
        )
        save(window, "models-files")
        window.abandon()


def settings(app: QApplication, tones: Tones) -> None:
    dress(app, tones)
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
        home = Home(Path(folder))
        home.create()
        for number in range(12):
            (home.inversions / f"{number}.safetensors").write_bytes(bytes(2_800_000))
        (home.logs / "engine.log").write_text(LOG)
        window = make_settings_window(Upkeep(home, FakeEngine(photo()).connect), home, tones)
        window.show()
        window.session.start()
        wait_until(lambda: window.state.settings is not None and window.state.is_free)
        save(window, "settings")
        window.computing.device.buttons["cpu"].click()
        window.computing.memory.setValue(4000)
        window.computing.memory.setFocus()
        window.faces.forget.click()
        window.mending.logs.buttons["engine.log"].click()
        window.state.forgotten({"inversions": 12, "pictures": 3, "bytes": 33_600_000})
        window.state.collected({"bundle": "/home/me/likeness-diagnostics.zip", "findings": [FINDING]})
        save(window, "settings-changed")
        bar = window.scrolled.verticalScrollBar()
        assert bar is not None
        bar.setValue(bar.maximum())
        save(window, "settings-log")
        window.state.failed(
            Problem("disk_full", "The disk that holds /home/me is full.", "Make room, then try again.")
        )
        window.resize(420, 600)
        save(window, "settings-problem-small")
        window.abandon()


LOG = (
    "2026-01-01 12:00:00,000 WARNING likeness.service: the worker ended with code -9; it is started anew\n" * 9
)
FINDING = {
    "subject": "GIMP",
    "level": "warn",
    "sentence": "No profile of GIMP 3 was found.",
    "remedy": "Install GIMP 3 and start it once.",
}


def crowd() -> FakeEngine:
    """Two people, and a third face as something small that looks away."""
    hopper = Image.open(PHOTO.with_name("grace_hopper.jpg")).convert("RGB").resize((437, 512))
    both = np.concatenate([photo(), np.asarray(hopper)], 1)
    boxes = [(655.0, 85.0, 155.0, 205.0), (180.0, 70.0, 92.0, 118.0), (420.0, 330.0, 60.0, 70.0)]
    profile = [(440.0, 350.0), (446.0, 350.0), (452.0, 365.0), (440.0, 380.0), (446.0, 380.0)]
    return FakeEngine(both, boxes=boxes, points={3: profile})


def photo() -> np.ndarray:
    return np.asarray(Image.open(PHOTO).convert("RGB"))


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    app = app_for_tests()
    edits = (edit, edit_tools, edit_mask, edit_again, edit_result, edit_faces, edit_on_the_way, edit_broken)
    scenes = (*edits, invert, models, settings)
    for tones in (LIGHT, DARK):
        for scene in scenes:
            if scene.__name__ in (sys.argv[1:] or [scene.__name__]):
                scene(app, tones)
    print(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
