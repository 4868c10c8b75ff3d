#!/usr/bin/env python3
# ruff: noqa: E402, F403, F405 (as scripts for gimpfu were written)
"""Test only, never shipped: a mirrored copy of a layer, with both kinds of choices."""

import os
import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

sys.path.insert(0, str(Path(os.environ["LIKENESS_TEST_COMPAT"]).parent))
from likeness.gimpfu_compat import *

ABOVE, BELOW = 0, 1


def mirror(image, drawable, axis, place, visible, name):
    copy = drawable.copy()
    image.insert_layer(copy, None, image.get_item_position(drawable) + place)
    copy.transform_flip_simple((Gimp.OrientationType.HORIZONTAL, Gimp.OrientationType.VERTICAL)[axis], True, 0)
    copy.set_visible(visible)
    copy.set_name(name)
    return copy


register(
    "python-fu-test-mirror",
    "Mirror a layer",
    "Lay a mirrored copy above or below a layer",
    "Author",
    "Author",
    "2011",
    "_Mirror...",
    "*",
    [
        (PF_IMAGE, "image", "Input image", None),
        (PF_DRAWABLE, "drawable", "Input drawable", None),
        (PF_OPTION, "axis", "_Axis", 0, ("Horizontal", "Vertical")),
        (PF_RADIO, "place", "_Place", ABOVE, (("Above", ABOVE), ("Below", BELOW))),
        (PF_TOGGLE, "visible", "_Visible", 1),
        (PF_STRING, "name", "_Name", "Mirrored"),
    ],
    [(PF_LAYER, "copy", "The copy")],
    mirror,
    menu="<Image>/Filters/Development/Likeness test",
)

main()
