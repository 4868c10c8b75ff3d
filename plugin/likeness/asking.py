"""Whom the procedures ask: the engine, while GIMP goes on, and a person whose image has a palette only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

from .client import EngineProblem, JobCancelled  # noqa: E402
from .gimpfu_compat import Cancelled, Refusal, widgets  # noqa: E402
from .job import Report  # noqa: E402
from .waiting import attend  # noqa: E402
from .words import _  # noqa: E402

Answered = TypeVar("Answered")
FOLDER = Path(__file__).resolve().parent

# What a window needs to know of the desktop; the engine passes nothing else on to its dialogs.
DESKTOP = re.compile(
    r"DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_RUNTIME_DIR|LANG|LANGUAGE|LC_[A-Z]+|QT_QPA_PLATFORM|QT_QPA_PLATFORMTHEME"
    r"|QT_[A-Z_]*SCALE[A-Z_]*|QT_[A-Z_]*SCALING|QT_FONT_DPI|QT_STYLE_OVERRIDE|XDG_CURRENT_DESKTOP|GTK_THEME"
    r"|XCURSOR_THEME|XCURSOR_SIZE"
)


def ask(run: Callable[[Report], Answered]) -> Answered:
    """Do a job's `run` while GIMP goes on. Raises `Cancelled`, and `Refusal` with what the engine has to say."""
    try:
        return attend(run, _("Likeness: asking the engine…"))
    except JobCancelled:
        raise Cancelled from None
    except EngineProblem as problem:
        raise Refusal(f"{problem.sentence} {problem.remedy}".strip()) from None


def desktop() -> dict[str, str]:
    """What a window needs of our environment."""
    found = {
        name: value for name, value in os.environ.items() if DESKTOP.fullmatch(name) and len(value) <= 4096
    }
    return dict(list(found.items())[:40])


def refuse_indexed(image: Gimp.Image) -> None:
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Refusal(
            _(
                "An indexed image takes no layer with a face: it has a palette only. Convert it first with Image "
                "▸ Mode ▸ RGB."
            )
        )


def offer_conversion() -> None:
    """Ask whether an indexed image may become an RGB image. Raises `Cancelled`."""
    GimpUi, Gtk = widgets()
    dialog = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        buttons=Gtk.ButtonsType.NONE,
        text=_("This image is indexed: it has a palette only, and takes no layer with a face."),
        secondary_text=_("It can be converted to RGB. One undo takes back the conversion and the new layer."),
    )
    dialog.set_title("Likeness")
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(_("Convert to _RGB"), Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    GimpUi.window_set_transient(dialog)
    response = dialog.run()
    dialog.destroy()
    if response != Gtk.ResponseType.OK:
        raise Cancelled
