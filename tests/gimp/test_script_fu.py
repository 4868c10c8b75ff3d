"""The procedures called from Script-Fu, as plugin/README.md shows it, in a real GIMP 3."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.gimp.desk import Desk

pytestmark = pytest.mark.gimp

SMILE = r'"{\"smile\": 1.0}"'


def edited(desk: Desk, arguments: str) -> str:
    """What a script says that edits the photograph and tells the new layers' names."""
    return desk.script_fu(
        f"""
        (script-fu-use-v3)
        (let* ((image (gimp-file-load RUN-NONINTERACTIVE "{desk.share}/astronaut.png"))
               (drawables (gimp-image-get-layers image))
               (layers (plug-in-likeness-edit #:run-mode RUN-NONINTERACTIVE #:image image #:drawables drawables
                                              {arguments})))
          (gimp-message (string-append "layers: " (number->string (vector-length layers))))
          (gimp-message (string-append "name: " (gimp-item-get-name (vector-ref layers 0))))
          (gimp-message (string-append "top: " (gimp-item-get-name (vector-ref (gimp-image-get-layers image) 0)))))
        """
    )


def test_an_edit(desk: Desk) -> None:
    said = edited(desk, f"#:edits {SMILE}")
    for part in ("layers: 1", "name: Likeness: smile +1.0 (face 1)", "top: Likeness: smile +1.0 (face 1)"):
        assert part in said, said[-2000:]


def test_an_edit_in_a_group(desk: Desk) -> None:
    said = edited(desk, f'#:edits {SMILE} #:result "group"')
    for part in ("layers: 1", "name: Likeness: smile +1.0 (face 1)", "top: Likeness\n"):
        assert part in said, said[-2000:]


def test_what_cannot_be_done_is_said(desk: Desk) -> None:
    said = edited(desk, '#:edits "{" ')
    assert "The argument “edits” cannot be used: it is no JSON." in said, said[-2000:]
    assert not re.search(r"layers: \d", said), "the script itself is repeated with the error"


def test_a_folder(desk: Desk) -> None:
    folder = desk.share / "from script-fu"
    folder.mkdir()
    shutil.copy(desk.share / "astronaut.png", folder)
    said = desk.script_fu(
        f"""
        (script-fu-use-v3)
        (let* ((results (plug-in-likeness-batch #:folder "{folder}" #:output "{folder}/edited" #:edits {SMILE}
                                                #:preset "fast")))
          (gimp-message (string-append "edited: " (number->string (car results)))))
        """
    )
    assert "edited: 1" in said, said[-2000:]
    assert (folder / "edited" / "astronaut.png").is_file()
