#!/usr/bin/env python3
"""Test only, never shipped: a procedure of every kind that gimpfu_compat covers, declared the gimpfu way.

LIKENESS_TEST_COMPAT names the folder of the plug-in whose gimpfu_compat is tried.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["LIKENESS_TEST_COMPAT"]).parent))
from likeness.gimpfu_compat import (
    PF_BOOL,
    PF_DRAWABLE,
    PF_DRAWABLES,
    PF_FLOAT,
    PF_IMAGE,
    PF_INT,
    PF_LAYER,
    PF_SLIDER,
    PF_STRING,
    PF_TOGGLE,
    Cancelled,
    Refusal,
    main,
    register,
)

ABOUT = ("Author", "Holder", "2026")
IMAGE = (PF_IMAGE, "image", "The image", None)


def everything(image, drawable, number, size, text, yes, no):
    return number + 1, size * 2, text.upper(), not yes, drawable


def count(image, drawables):
    return len(drawables)


def fail(image, drawable, how):
    raise {"refuse": Refusal("It cannot be. Do otherwise."), "cancel": Cancelled(), "defect": KeyError("x")}[
        how
    ]


register(
    "plug-in-likeness-test-everything",
    "One of each",
    "One of each kind, longer",
    *ABOUT,
    "_Everything…",
    "RGB*",
    [
        IMAGE,
        (PF_DRAWABLE, "drawable", "The layer", None),
        (PF_INT, "number", "_Number", 3, (1, 9)),
        (PF_SLIDER, "size", "_Size", 0.5, (0.0, 1.0)),
        (PF_STRING, "text", "_Text", "abc"),
        (PF_BOOL, "yes", "_Yes", True),
        (PF_TOGGLE, "no", "N_o", False),
    ],
    [
        (PF_INT, "next-number", "The next number"),
        (PF_FLOAT, "doubled", "The size doubled"),
        (PF_STRING, "shouted", "The text in capitals"),
        (PF_BOOL, "opposite", "Not yes"),
        (PF_LAYER, "same-layer", "The layer"),
    ],
    everything,
    menu="<Image>/Filters/Development/Likeness test",
)
register(
    "plug-in-likeness-test-count",
    "Count the drawables",
    "Count the drawables",
    *ABOUT,
    "_Count",
    "*",
    [IMAGE, (PF_DRAWABLES, "drawables", "The layers", None)],
    [(PF_INT, "count", "How many")],
    count,
    menu="<Image>/Filters/Development/Likeness test",
)
register(
    "plug-in-likeness-test-fail",
    "Fail",
    "Fail in the way that was asked for",
    *ABOUT,
    "_Fail",
    "*",
    [IMAGE, (PF_DRAWABLE, "drawable", "The layer", None), (PF_STRING, "how", "_How", "refuse")],
    [],
    fail,
    menu="<Image>/Filters/Development/Likeness test",
)
main()
