"""Models…: the window in which models are imported, downloaded and chosen. It needs no image and leaves none."""

from __future__ import annotations

from .asking import FOLDER, ask, desktop
from .gimpfu_compat import Refusal, register
from .job import ModelsWork
from .procedures import ABOUT, MENU
from .words import _

HELP = _(
    "A window of the Likeness engine opens: which models are installed, what they are and on what "
    "terms; files that you have become models, others are downloaded once you have accepted their "
    "terms, and edit directions get names. GIMP goes on meanwhile; closing the window ends the "
    "procedure."
)


def refuse():
    """plug-in-likeness-models, from a script."""
    raise Refusal(
        _("This opens a window, for which a person is needed. Scripts use `python -m engine models`.")
    )


def open_window():
    """Filters ▸ Likeness ▸ Models…"""
    ask(ModelsWork(FOLDER, desktop()).run)
    return (), {}


def declare() -> None:
    """Declare it to GIMP."""
    register(
        "plug-in-likeness-models",
        _("Import, download and choose the models that Likeness works with"),
        HELP,
        *ABOUT,
        _("_Models…"),
        "",
        [],
        [],
        refuse,
        menu=MENU,
        interactive=open_window,
    )
