#!/usr/bin/env python3
# ruff: noqa: E402, F403, F405 (as scripts for gimpfu were written)
"""Test only, never shipped: a frame in a colour round a layer. The menu stands in the label."""

import os
import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

sys.path.insert(0, str(Path(os.environ["LIKENESS_TEST_COMPAT"]).parent))
from likeness.gimpfu_compat import *


def frame(img, drawable, width, frame_color):
    img.undo_group_start()
    inner = (drawable.get_width() - 2 * width, drawable.get_height() - 2 * width)
    img.select_rectangle(Gimp.ChannelOps.REPLACE, width, width, *inner)
    Gimp.Selection.invert(img)
    Gimp.context_push()
    Gimp.context_set_foreground(frame_color)
    drawable.edit_fill(Gimp.FillType.FOREGROUND)
    Gimp.context_pop()
    Gimp.Selection.none(img)
    img.undo_group_end()


register(
    "python_fu_test_frame",
    "Draw a frame",
    "Draw a frame in a colour along the border of a layer",
    "Author",
    "Author",
    "2009",
    "<Image>/Filters/Development/Likeness test/_Frame...",
    "RGB*, GRAY*",
    [
        (PF_IMAGE, "img", "Input image", None),
        (PF_DRAWABLE, "drawable", "Input drawable", None),
        (PF_ADJUSTMENT, "width", "_Width", 8, (1, 100, 1)),
        (PF_COLOR, "frame_color", "_Colour", (255, 0, 0)),
    ],
    [],
    frame,
)

main()
