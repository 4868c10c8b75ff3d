"""What a person gets in a GIMP 3 with windows: where results go, several faces, selections, windows of their own.

The pictures that this leaves in build/screenshots are meant to be looked at.
"""

from __future__ import annotations

import time

import pytest

from tests.gimp.desk import Desk, until
from tests.gimp.test_windows import EDIT_DIALOG, SELECT, dialog_ready, move_a_slider
from tests.gimp.windows import Screen, WindowGimp

pytestmark = pytest.mark.gimp

WHOLE = "whole(image)"
CHIP_OF_FACE_2 = (110, 28)  # in the dialog
FACE = (150, 40, 150, 150)  # of the astronaut, left in two.png


def apply(desk: Desk, screen: Screen) -> None:
    screen.keys("ctrl+Return")
    desk.came_to_rest()


def select(gimp: WindowGimp, *place: int) -> None:
    gimp.ask(f"image.select_rectangle(Gimp.ChannelOps.REPLACE, *{place}); None")


@pytest.mark.parametrize("result", ["group", "replace"])
def test_every_result_is_undone_in_one_step(screen: Screen, gimp: WindowGimp, result: str) -> None:
    gimp.open("two.png")
    before = gimp.ask(WHOLE)
    call = f"edit(image, layer, {{'smile': 1.0}}, result={result!r})['status']"
    assert gimp.ask_later(call).result(120) == "success"
    after = gimp.ask(WHOLE)
    assert after != before
    screen.activate(gimp.main)
    time.sleep(1)
    screen.shoot(f"gimp-10-{result}")
    screen.keys("ctrl+z", pause=1)
    assert gimp.ask(WHOLE) == before
    screen.keys("ctrl+y", pause=1)
    assert gimp.ask(WHOLE) == after


def test_the_result_that_the_dialog_says(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    """The dialog remembers the last choice; “repeat” takes it on."""
    remembered = desk.home / "dialog-edit.ini"
    remembered.unlink(missing_ok=True)
    remembered.write_text("[General]\nresult=group\n")
    try:
        gimp.open("astronaut.png")
        gimp.choose("Return")
        dialog_ready(desk, screen, EDIT_DIALOG)
        screen.shoot("gimp-11-result-of-the-dialog")
        apply(desk, screen)
        assert gimp.layers() == ["Likeness", "Background"]
        gimp.ask("image.set_selected_layers([layer])")
        screen.activate(gimp.main)
        screen.keys("ctrl+f")
        assert until(lambda: len(gimp.layers()) == 3, 60)
        assert gimp.layers()[1].startswith("Likeness")
    finally:
        remembered.unlink(missing_ok=True)


def test_sliders_of_several_faces_are_repeated(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("two.png")
    gimp.choose("Return")
    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    move_a_slider(desk, screen, dialog)
    screen.tool("xdotool", "mousemove", "--window", dialog, *map(str, CHIP_OF_FACE_2), "click", "1")
    until(lambda: len(desk.jobs()) > 1, 5)
    assert until(lambda: len(desk.jobs()) <= 1, 60), "face 2 is inverted"
    time.sleep(1)
    screen.keys("ctrl+f", "ctrl+a")
    screen.type("smile")
    screen.keys("Return", *["Left"] * 3, pause=0.1)  # from the search on to the slider
    time.sleep(1)
    screen.shoot("gimp-12-sliders-of-two-faces")
    apply(desk, screen)
    own = "[note(one)['edits'] for one in image.get_layers()[:-1]]"
    edits = gimp.ask(own)
    assert edits[0]["smile"] > 0 > edits[1]["smile"]
    names = gimp.layers()[:2]
    screen.activate(gimp.main)
    screen.keys("ctrl+z", pause=1)
    gimp.ask("image.set_selected_layers([layer])")
    screen.keys("ctrl+f")
    assert until(lambda: len(gimp.layers()) == 3, 60)
    assert gimp.layers()[:2] == names
    assert gimp.ask(own) == edits


def test_a_selection_says_which_faces_the_dialog_offers(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("two.png")
    select(gimp, *FACE)
    gimp.choose("Return")
    dialog_ready(desk, screen, EDIT_DIALOG)
    screen.shoot("gimp-13-one-face-selected")
    apply(desk, screen)
    (name, _) = gimp.layers()
    x, width = gimp.ask("(image.get_layers()[0].get_offsets()[1], image.get_layers()[0].get_width())")
    assert name.startswith("Likeness: face")
    assert x + width / 2 < 512


def test_a_selection_without_a_face_is_told(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("two.png")
    before = gimp.ask("(whole(image)['layers'], image.is_dirty())")
    select(gimp, 5, 5, 20, 20)
    gimp.choose("Return")
    told = screen.window("^GIMP Message$", 60)
    time.sleep(0.5)
    screen.shoot("gimp-14-no-face-selected")
    assert not desk.dialogs()
    screen.activate(told)
    screen.keys("Escape")
    assert gimp.ask("whole(image)['layers']") == before[0]


def test_asked_twice_there_are_two_windows(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    gimp.choose("Return")
    dialog_ready(desk, screen, EDIT_DIALOG)
    screen.activate(gimp.main)
    gimp.choose("Return")
    assert until(lambda: len(screen.windows(EDIT_DIALOG)) == 2, 60)
    assert until(lambda: len(desk.jobs()) == 2, 60), "both dialogs, and nothing else"
    screen.shoot("gimp-15-two-windows")
    first, second = screen.windows(EDIT_DIALOG)
    screen.activate(first)
    screen.keys("Escape")
    assert until(lambda: len(screen.windows(EDIT_DIALOG)) == 1, 20)
    assert gimp.layers() == ["Background"]
    screen.activate(second)
    time.sleep(0.5)
    apply(desk, screen)
    assert len(gimp.layers()) == 2


def test_the_mask_that_was_painted_in_gimp_is_the_dialogs(desk: Desk, screen: Screen, gimp: WindowGimp) -> None:
    gimp.open("astronaut.png")
    gimp.ask_later("edit(image, layer, {'smile': 1.0}, face=1); None").result(120)
    gimp.ask(SELECT)
    gimp.ask("mask = image.get_layers()[0].get_mask(); size = mask.get_width() * mask.get_height()")
    gimp.ask("set_pixels(mask, bytes([120]) * size, 'mask')")
    screen.activate(gimp.main)
    gimp.choose("Return")
    dialog = dialog_ready(desk, screen, EDIT_DIALOG)
    move_a_slider(desk, screen, dialog)
    screen.shoot("gimp-16-own-mask")
    apply(desk, screen)
    gimp.ask("mask = image.get_layers()[0].get_mask(); rows = pixels(mask, 'mask')")
    middle = gimp.ask("rows[mask.get_width() * (mask.get_height() // 2) + mask.get_width() // 2]")
    assert abs(middle - 120) <= 2
