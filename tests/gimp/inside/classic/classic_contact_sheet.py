#!/usr/bin/env python3
# ruff: noqa: E402, F403, F405 (as scripts for gimpfu were written)
"""Test only, never shipped: a folder's pictures beside one another in a file. It needs no image."""

import os
import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio

sys.path.insert(0, str(Path(os.environ["LIKENESS_TEST_COMPAT"]).parent))
from likeness.gimpfu_compat import *

SCRIPT = Gimp.RunMode.NONINTERACTIVE


def contact_sheet(folder, pattern, size, filename):
    found = sorted(Path(folder).glob(pattern))
    sheet = Gimp.Image.new(size * max(1, len(found)), size, Gimp.ImageBaseType.RGB)
    for number, path in enumerate(found):
        layer = Gimp.file_load_layer(SCRIPT, sheet, Gio.File.new_for_path(str(path)))
        sheet.insert_layer(layer, None, 0)
        layer.scale(size, size, False)
        layer.set_offsets(number * size, 0)
    Gimp.file_save(SCRIPT, sheet, Gio.File.new_for_path(filename), None)
    sheet.delete()
    return len(found)


register(
    "python_fu_test_contact_sheet",
    "Make a contact sheet",
    "Scale the pictures of a folder and save them in a row",
    "Author",
    "Author",
    "2007",
    "<Image>/Filters/Development/Likeness test/_Contact sheet...",
    "",
    [
        (PF_DIRNAME, "folder", "_Folder", ""),
        (PF_VALUE, "pattern", "_Pattern", "*.png"),
        (PF_INT32, "size", "_Size", 64),
        (PF_FILENAME, "filename", "_Save as", ""),
    ],
    [(PF_INT32, "count", "How many pictures")],
    contact_sheet,
)

main()
