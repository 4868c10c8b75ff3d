"""Pictures of the dialogs, light and dark, on a scripted engine, into build/screenshots.

QT_QPA_PLATFORM=offscreen python -m tests.plugin.screenshots
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from PyQt5.QtWidgets import QApplication

from engine.messages import DialogRequest
from engine.paths import Home
from engine.settings import Settings
from plugin.dialogs.edit_window import EditWindow
from plugin.dialogs.invert_window import InvertWindow
from plugin.dialogs.opening import make_window
from plugin.dialogs.palette import DARK, LIGHT, Tones, dress
from plugin.dialogs.state import ALL_FACES, Stage, View
from plugin.dialogs.window import DialogWindow
from plugin.likeness.client import EngineProblem
from tests.plugin.conftest import JOB, PHOTO, app_for_tests, wait_ready, wait_until
from tests.plugin.fake_client import FakeEngine
from tests.plugin.hand import QTest

FOLDER = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@contextmanager
def opened(app: QApplication, tones: Tones, window: str, engine: FakeEngine) -> Iterator[DialogWindow]:
    dress(app, tones)
    title = "portrait.xcf ▸ “Background”"
    request = DialogRequest.model_validate({"window": window, "picture": engine.picture, "title": title})
    with tempfile.TemporaryDirectory() as home:
        made = make_window(request, JOB, engine.connect, Home(Path(home)), Settings().refine_steps, tones)
        made.resize(1240, 800)
        made.show()
        made.session.start()
        yield made
        made.abandon()


def save(window: DialogWindow, name: str) -> None:
    QApplication.processEvents()
    window.grab().save(str(FOLDER / f"{name}-{'dark' if window.tones.dark else 'light'}.png"))


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
    hopper = Image.open(PHOTO.with_name("grace_hopper.jpg")).convert("RGB").resize((437, 512))
    both = np.concatenate([photo(), np.asarray(hopper)], 1)
    engine = FakeEngine(both, boxes=[(655, 85, 155, 205), (180, 70, 92, 118)])
    with opened(app, tones, "invert", engine) as window:
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


def photo() -> np.ndarray:
    return np.asarray(Image.open(PHOTO).convert("RGB"))


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    app = app_for_tests()
    for tones in (LIGHT, DARK):
        for scene in (edit, edit_on_the_way, edit_broken, invert):
            scene(app, tones)
    print(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
