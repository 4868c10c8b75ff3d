"""plug-in-likeness-batch: a folder of photographs, edited alike. For scripts only: it has neither menu nor window."""

from __future__ import annotations

from .asking import FOLDER, ask
from .batch_work import AS_IN_THE_SETTINGS, PRESETS, BatchWork
from .gimpfu_compat import PF_FILENAME, PF_INT, PF_RADIO, PF_STRING, Refusal, register
from .parasite import ALL_FACES
from .procedures import ABOUT, MODEL, parsed
from .words import _

HELP = _(
    "The faces of all photographs in a folder are edited alike; the results go into another folder, "
    "under the same names. What is there already from the same photograph with the same edits is "
    "passed over, so a batch that was stopped goes on. Photographs that cannot be edited are named "
    "at the end, the others are edited nevertheless. The work is done by the Likeness engine on this "
    "machine, beside the one that works for the dialogs. No window opens."
)


def batch(folder, output, edits, preset, model):
    """How many were edited, how many were done before, and why the others were not."""
    strengths = parsed(edits)
    if list(strengths) != [ALL_FACES]:
        raise Refusal(_('A batch edits all faces alike: pass their strengths alone, such as {"smile": 1.0}.'))
    if not strengths[ALL_FACES]:
        raise Refusal(_('The argument “edits” is empty. Pass strengths such as {"smile": 1.0}.'))
    for path, what in ((folder, _("photographs")), (output, _("results"))):
        if not path:
            raise Refusal(_("The folder of the {what} is missing. Pass one on this machine.").format(what=what))
    outcome = ask(BatchWork(FOLDER, folder, output, strengths[ALL_FACES], preset, model).run)
    return outcome.edited, outcome.passed_over, "\n".join(outcome.failed)


def declare() -> None:
    """Declare it to GIMP."""
    register(
        "plug-in-likeness-batch",
        _("Edit the faces of all photographs in a folder"),
        HELP,
        *ABOUT,
        "",
        "",
        [
            (PF_FILENAME, "folder", _("_Folder of the photographs"), None),
            (PF_FILENAME, "output", _("Folder of the _results, which is made where it is missing"), None),
            (PF_STRING, "edits", _('_Edits: a JSON object such as {"smile": 1.0}'), "{}"),
            (
                *(PF_RADIO, "preset", _("_Preset: how thoroughly the faces are inverted"), AS_IN_THE_SETTINGS),
                [(label, name) for name, label in PRESETS.items()],
            ),
            MODEL,
        ],
        [
            (PF_INT, "edited", _("How many photographs were edited")),
            (PF_INT, "passed-over", _("How many had been done before")),
            (PF_STRING, "failed", _("A line for each photograph that could not be edited: its name, and why")),
        ],
        batch,
    )
