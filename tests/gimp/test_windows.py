"""The plug-in in a GIMP 3 with windows: menu, dialog, Apply, layer, undo; and what is killed on the way.

The pictures that this leaves in build/screenshots are meant to be looked at.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.gimp.desk import PHOTOS, Desk, until
from tests.gimp.windows import Screen, WindowGimp, shows_something

pytestmark = pytest.mark.gimp

EDIT_DIALOG, INVERT_DIALOG = "^Edit Face", "^Invert Face"
NAMES = "[one.get_name() for one in image.get_layers()]"
REMEMBERED = "[[name for name in names if name.startswith('likeness-')] for names in parasites(image)]"
SELECT = "image.set_selected_layers([image.get_layers()[0]])"
STATE = "[(one['name'], one['mask'], one['pixels'], one['note'] and one['note']['edits']) for one in whole(image)['layers']]"


def dialog_ready(desk: Desk, screen: Screen, title: str) -> str:
    """Wait for the dialog and until its first rendering is done."""
    window = screen.window(title, 90)
    time.sleep(1)
    assert until(lambda: len(desk.jobs()) <= 1, 90), "only the dialog's own job is left"
    screen.activate(window)
    time.sleep(0.5)
    return window


def test_from_the_menu_to_the_layer(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    before = gimp.ask(STATE)
    screen.keys("alt+r", "End", "Right", pause=0.5)
    menu = screen.shoot("gimp-1-menu")
    screen.keys("Return")

    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    assert "astronaut" in screen.title(dialog)
    screen.shoot("gimp-2-dialog")
    assert slowest_answer(gimp) < 1.0, "GIMP answers while the dialog is open"
    move_a_slider(desk, screen, dialog)
    screen.shoot("gimp-3-dialog-edited")
    screen.keys("ctrl+Return")

    desk.came_to_rest()
    (name, mask, _, edits), photograph = gimp.ask(STATE)
    assert name.startswith("Likeness: ")
    assert name.endswith("(face 1)")
    assert mask
    assert any(edits.values())
    assert [photograph] == before
    screen.activate(gimp.main)
    time.sleep(1)
    layer = screen.shoot("gimp-4-layer")
    assert Image.open(menu).tobytes() != Image.open(layer).tobytes()

    done = gimp.ask(STATE)
    screen.keys("ctrl+z", pause=1)
    assert gimp.ask(STATE) == before, "one undo step takes layer, mask and parasite away"
    screen.shoot("gimp-5-undone")
    screen.keys("ctrl+y", pause=1)
    assert gimp.ask(STATE) == done, "and one redo brings them back"


def slowest_answer(gimp: WindowGimp) -> float:
    slowest = 0.0
    for _ in range(10):
        begin = time.monotonic()
        gimp.ask("image.get_layers()[0].get_name()")
        slowest = max(slowest, time.monotonic() - begin)
    return slowest


def move_a_slider(desk: Desk, screen: Screen, dialog: str) -> None:
    """By keys: find “smile”, go to its slider, push it to the right; wait for the rendering."""
    screen.activate(dialog)
    screen.keys("ctrl+f")
    screen.type("smile")
    screen.keys("Tab", *["Right"] * 6, pause=0.1)
    time.sleep(1)
    assert until(lambda: len(desk.jobs()) <= 1, 60)


def test_an_edit_is_taken_up_again_and_undone_in_one_step(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    gimp.ask_later("edit(image, layer, {'smile': 1.0}, face=1); None").result(120)
    gimp.ask(SELECT)
    before = gimp.ask(STATE)
    assert len(before) == 2
    screen.activate(gimp.main)
    gimp.choose("Return")
    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    screen.shoot("gimp-6-taken-up-again")
    move_a_slider(desk, screen, dialog)
    screen.keys("ctrl+Return")
    desk.came_to_rest()
    after = gimp.ask(STATE)
    assert [after[0][1], after[1]] == [before[0][1], before[1]], "mask and photograph stay"
    assert after[0][3]["smile"] > 1.0
    screen.activate(gimp.main)
    screen.keys("ctrl+z", pause=1)
    assert gimp.ask(STATE) == before


def test_forgetting_from_the_menu_is_undone_in_one_step(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    gimp.ask("from forgetting import parasites, remember; remember(image, 'likeness-image', b'0' * 32)")
    gimp.ask("[remember(one, 'likeness-inversion') for one in image.get_layers()]; None")
    before = gimp.ask(REMEMBERED)
    assert before == [["likeness-image"], ["likeness-inversion"]]
    gimp.choose("Down")  # after Edit
    screen.shoot("gimp-9-forget")
    screen.keys("Return")
    assert until(lambda: not any(gimp.ask(REMEMBERED)), 30)
    assert until(lambda: not desk.plugins(), 30)
    screen.activate(gimp.main)
    screen.keys("ctrl+z", pause=1)
    assert gimp.ask(REMEMBERED) == before


def test_invert_from_the_menu_and_repeat(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("grace_hopper.jpg")
    gimp.choose("Down", "Down", "Return")  # Edit, Forget, Invert
    dialog_ready(desk, screen, INVERT_DIALOG)
    screen.shoot("gimp-7-invert-dialog")
    screen.keys("ctrl+Return")
    desk.came_to_rest()
    assert gimp.layers()[0] == "Likeness: face 1"
    gimp.ask("image.set_selected_layers([image.get_layers()[1]])")
    screen.activate(gimp.main)
    screen.keys("ctrl+f")
    assert until(lambda: len(gimp.layers()) == 3, 60), "repeat takes the accepted values, without a dialog"
    assert not desk.dialogs()


def test_face_2_is_taken_up_again_and_remembered_for_repeat_only(
    desk: Desk, screen: Screen, gimp: WindowGimp
) -> None:
    gimp.open("two.png")
    gimp.ask_later("edit(image, layer, {'smile': 1.0}, face=2); None").result(120)
    gimp.ask(SELECT)
    screen.activate(gimp.main)
    gimp.choose("Return")
    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    move_a_slider(desk, screen, dialog)
    screen.keys("ctrl+Return")
    desk.came_to_rest()
    name, _, _, edits = gimp.ask(STATE)[0]
    assert name.endswith("(face 2)")
    assert gimp.ask("note(image.get_layers()[0])['face']") == 2
    gimp.ask("image.set_selected_layers([layer])")
    screen.activate(gimp.main)
    screen.keys("ctrl+f")
    assert until(lambda: len(gimp.layers()) == 3, 60)
    assert {one[0].split(" #")[0] for one in gimp.ask(STATE)[:2]} == {
        name
    }  # GIMP numbers a name's second layer
    assert gimp.ask(STATE)[1][3] == edits

    gimp.open("astronaut.png")  # another photograph, with one face: nothing of the other's is brought along
    gimp.choose("Return")
    dialog_ready(desk, screen, EDIT_DIALOG)
    screen.keys("ctrl+Return")
    desk.came_to_rest(30)
    assert gimp.layers()[0] == "Likeness: face 1"


def test_escape_changes_nothing(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    before = gimp.ask("(whole(image), image.is_dirty())")
    status = gimp.ask_later("call('plug-in-likeness-edit', image, [layer], mode=Gimp.RunMode.INTERACTIVE)")
    dialog_ready(desk, screen, EDIT_DIALOG)
    screen.keys("Escape")
    assert status.result(30)["status"] == "cancel"
    assert gimp.ask("(whole(image), image.is_dirty())") == before
    assert not desk.jobs()


def test_an_indexed_image_is_offered_the_conversion(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    none, generate = "Gimp.ConvertDitherType.NONE", "Gimp.ConvertPaletteType.GENERATE"
    gimp.ask(f"image.convert_indexed({none}, {generate}, 64, False, False, ''); None")
    before = gimp.ask("whole(image)['mode']")
    assert before[0] == "indexed"
    gimp.choose("Return")
    question = screen.window("^Likeness$", 20)
    time.sleep(0.5)
    screen.shoot("gimp-8-indexed")
    screen.activate(question)
    screen.keys("Return")
    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    move_a_slider(desk, screen, dialog)
    screen.keys("ctrl+Return")
    assert until(lambda: len(gimp.layers()) == 2 and not desk.plugins(), 60)
    assert gimp.ask("whole(image)['mode']")[0] == "rgb"
    screen.activate(gimp.main)
    screen.keys("ctrl+z", pause=1)
    assert gimp.ask("whole(image)['mode']") == before
    assert len(gimp.layers()) == 1


def test_f37_the_image_is_closed_or_the_layer_deleted_meanwhile(
    desk: Desk, screen: Screen, gimp: WindowGimp
) -> None:
    """The accepted result is not lost: it comes in a new image."""
    for deed in ("displays[-1].delete()", "image.remove_layer(layer)"):
        gimp.open("two.png")
        gimp.ask("image.insert_layer(Gimp.Layer.copy(layer), None, 1); None")
        gimp.ask("image.set_selected_layers([layer])")
        images = gimp.ask("[one.get_id() for one in Gimp.get_images()]")
        screen.activate(gimp.main)
        gimp.choose("Return")
        dialog = dialog_ready(desk, screen, EDIT_DIALOG)
        gimp.ask(f"{deed}; None")
        move_a_slider(desk, screen, dialog)
        screen.keys("ctrl+Return")
        desk.came_to_rest()
        new = f"[one for one in Gimp.get_images() if one.get_id() not in {images}]"
        names = gimp.ask(f"[one.get_name() for one in {new}[0].get_layers()]")
        assert names[0].startswith("Likeness: smile"), deed
        assert names[-1] == "Photograph"
        told = screen.window("^GIMP Message$", 10)
        time.sleep(0.5)
        screen.shoot("gimp-9-new-image")
        screen.activate(told)
        screen.keys("Escape")


def test_f40_a_script_never_opens_a_window(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("two.png")
    before = set(screen.windows())
    kinds: set[str] = set()
    windows: set[str] = set()
    result = gimp.ask_later("edit(image, layer, {'smile': 1.0})['status']")
    while not result.done():
        kinds |= {job["kind"] for job in desk.jobs()}
        windows |= set(screen.windows()) - before
        assert not desk.dialogs()
    assert result.result() == "success"
    assert kinds <= {"edit"}
    assert {screen.title(window) for window in windows} <= {""}


@pytest.mark.parametrize("moment", ["idle", "inverting"])
def test_f39_the_dialog_is_killed(desk: Desk, screen: Screen, gimp: WindowGimp, moment: str) -> None:
    photograph = Image.open(PHOTOS / "astronaut.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    photograph.save(desk.share / "turned.png")  # the engine has not seen it: it is to be inverted
    gimp.open("astronaut.png" if moment == "idle" else "turned.png")
    before = gimp.ask("(whole(image), image.is_dirty())")
    status = gimp.ask_later("call('plug-in-likeness-edit', image, [layer], mode=Gimp.RunMode.INTERACTIVE)")
    if moment == "idle":
        dialog_ready(desk, screen, EDIT_DIALOG)
    else:
        assert until(lambda: any(job["kind"] == "invert" for job in desk.jobs()), 60)
    for pid in desk.dialogs():
        os.kill(pid, signal.SIGKILL)
    assert status.result(10)["status"] == "cancel"
    assert gimp.ask("(whole(image), image.is_dirty())") == before
    assert until(lambda: not desk.jobs(), 5)
    assert until(lambda: not desk.plugins(), 5)


def test_f10_gimp_is_killed_with_a_dialog_open(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    gimp.choose("Return")
    dialog_ready(desk, screen, EDIT_DIALOG)
    assert desk.dialogs()
    gimp.process.kill()
    gimp.process.wait()
    assert until(lambda: not desk.plugins(), 5)
    assert until(lambda: not desk.dialogs(), 5)
    assert until(lambda: not desk.jobs(), 5)
    assert not screen.windows(EDIT_DIALOG)


def test_a_picture_of_nothing_is_told_from_one_of_something(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1000), "grey").save(tmp_path / "nothing.png")
    assert not shows_something(tmp_path / "nothing.png")
    assert shows_something(PHOTOS / "astronaut.png")
