"""Settings…: the window in which the engine is set up and looked after. It needs no image and leaves none."""

from __future__ import annotations

from .asking import FOLDER, ask, desktop
from .gimpfu_compat import Refusal, register
from .job import ModelsWork
from .procedures import ABOUT, MENU
from .words import _

HELP = _(
    "A window of the Likeness engine opens: what it computes on, how much memory it takes and when "
    "it ends; what is kept of faces, and how to forget it; where things are; logs and diagnostics. "
    "GIMP goes on meanwhile; closing the window ends the procedure."
)


def refuse():
    """plug-in-likeness-settings, from a script."""
    raise Refusal(_("This opens a window, for which a person is needed. Scripts write settings.json."))


def open_window():
    """Filters ▸ Likeness ▸ Settings…"""
    ask(ModelsWork(FOLDER, desktop(), "settings").run)
    return (), {}


def declare() -> None:
    """Declare it to GIMP."""
    register(
        "plug-in-likeness-settings",
        _("Set up the engine that Likeness works with, and look after what it keeps"),
        HELP,
        *ABOUT,
        _("_Settings…"),
        "",
        [],
        [],
        refuse,
        menu=MENU,
        interactive=open_window,
    )
