"""The `gimpfu` way of declaring a procedure, on GIMP 3. It needs nothing of Likeness but `gimpfu_values.py` beside it.

    from likeness.gimpfu_compat import *

    def soften(image, layer, amount):
        ...
        return [new_layer]

    register(
        "python_fu_soften", "Soften a layer", "Longer help", "Author", "Holder", "2026", "_Soften…", "RGB*",
        [
            (PF_IMAGE, "image", "The image", None),
            (PF_DRAWABLE, "drawable", "The layer to soften", None),
            (PF_SPINNER, "amount", "_Amount", 0.5, (0.0, 1.0, 0.1)),
        ],
        [(PF_LAYERS, "layers", "The new layers")],
        soften,
        menu="<Image>/Filters/Blur",
    )
    main()

Parameters are (type, name, text, default, extra), a result is (type, name, text). As in `gimpfu`, a procedure begins
with PF_IMAGE and PF_DRAWABLE, or has neither: then it needs no image. What the types become:

    type                                in GIMP 3               the function gets; extra
    PF_IMAGE                            the procedure's image   Gimp.Image
    PF_DRAWABLE                         its one drawable        Gimp.Drawable; more than one selected is an error
    PF_DRAWABLES (new)                  its drawables           a list of them
    PF_INT, PF_INT8, PF_INT16, PF_INT32 an integer              int; (minimum, maximum), or none
    PF_FLOAT, PF_SLIDER, PF_SPINNER,
    PF_ADJUSTMENT                       a double                float; (minimum, maximum), a third entry is not used
    PF_STRING, PF_TEXT, PF_VALUE        a string                str
    PF_BOOL, PF_TOGGLE                  a boolean               bool
    PF_COLOR, PF_COLOUR                 a colour                Gegl.Color; the default is (red, green, blue) of 0 to
                                                                255, or a name (GIMP 3.0 tells callers black)
    PF_RADIO                            a choice, its nicks the the value that was chosen; ((label, value), …)
                                        values as strings
    PF_OPTION                           a choice, its nicks the the index of what was chosen; (label, …)
                                        labels
    PF_FILE, PF_FILENAME                a file, there or not    its path, or ""; the default is not used
    PF_DIRNAME                          a folder that is there  its path, or ""; the default is not used
    PF_LAYER, PF_LAYERS (new)           results only: one layer, an array of layers; besides them PF_INT, PF_FLOAT,
                                        PF_STRING and PF_BOOL can be results

Of `gimpfu` also stays: the function gets plain values; interactively a dialog asks for them (GIMP's own, made when it
is needed), with “repeat” the last values are taken, from a script nothing is asked. The menu stands in `menu` or,
before the last slash, in the label; with neither the procedure is for scripts. Underscores in names become dashes. New:

- `interactive=` is a function that is called instead, with the same values and without GIMP's dialog, when a
  person chose the menu entry. It returns (results, values to remember for “repeat”, by name).
- `Refusal(sentence)` raised by a function reaches the person or the calling script as that sentence;
  `Cancelled` ends the procedure with the status CANCEL. Any other exception is a defect: it is reported by
  name, and its traceback goes to the console.

Not covered: PF_LAYER, PF_CHANNEL and PF_VECTORS as parameters, PF_REGION, fonts, brushes, patterns, gradients and
palettes, load and save procedures, `on_query=` and `on_run=`, `gimp` and `pdb` (a function calls GIMP 3's own
interface), and `gimpfu`'s own undo handling.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402

from . import gimpfu_values  # noqa: E402
from .gimpfu_values import *  # noqa: E402, F403
from .gimpfu_values import (  # noqa: E402
    PF_DRAWABLE,
    PF_DRAWABLES,
    PF_IMAGE,
    add_argument,
    add_result,
    boxed,
    check_parameter,
    check_result,
    value_of,
)
from .words import _  # noqa: E402

__all__ = [*gimpfu_values.__all__, "Cancelled", "Refusal", "main", "register"]


class Refusal(Exception):
    """The procedure cannot do what was asked. Its text is for people: what is the matter, and what to do."""


class Cancelled(Exception):
    """The person changed their mind."""


@dataclass(frozen=True)
class Declaration:
    """One call of `register`."""

    name: str
    blurb: str
    help: str
    author: str
    copyright: str
    date: str
    label: str
    imagetypes: str
    params: list[tuple]
    results: list[tuple]
    function: Callable[..., Any]
    menu: str
    interactive: Callable[..., Any] | None

    @property
    def drawables(self) -> str:
        """PF_DRAWABLE or PF_DRAWABLES: how the function takes what is selected; "" where it takes no image."""
        return self.params[1][0] if self.params[:1] and self.params[0][0] == PF_IMAGE else ""

    @property
    def arguments(self) -> list[tuple]:
        """The parameters after the image and the drawables."""
        return self.params[2:] if self.drawables else self.params


_declared: dict[str, Declaration] = {}


def register(
    name: str,
    blurb: str,
    help: str,
    author: str,
    copyright: str,
    date: str,
    label: str,
    imagetypes: str,
    params: list[tuple],
    results: list[tuple],
    function: Callable[..., Any],
    menu: str = "",
    interactive: Callable[..., Any] | None = None,
) -> None:
    """Declare a procedure (see the module's text). Raises `ValueError` on a declaration that cannot be kept."""
    if label.startswith("<"):
        menu, _, label = label.rpartition("/")
    params, results = ([_dashed(entry) for entry in entries] for entries in (params, results))
    kinds = [param[0] for param in params]
    if kinds[:1] == [PF_IMAGE] and kinds[1:2] not in ([PF_DRAWABLE], [PF_DRAWABLES]):
        raise ValueError(f"{name}: after PF_IMAGE comes PF_DRAWABLE or PF_DRAWABLES")
    name = name.replace("_", "-")
    declared = Declaration(
        *(name, blurb, help, author, copyright, date, label, imagetypes, params, results),
        *(function, menu, interactive),
    )
    for param in declared.arguments:
        check_parameter(param)
    for result in results:
        check_result(result)
    _declared[name] = declared


def _dashed(entry):
    kind, name, *more = entry
    return (kind, name.replace("_", "-"), *more)


def main() -> None:
    """Hand over to GIMP, which asks for the declared procedures or runs one."""
    Gimp.main(_DeclaredPlugIn.__gtype__, sys.argv)


class _DeclaredPlugIn(Gimp.PlugIn):
    def do_set_i18n(self, _name):
        return False

    def do_query_procedures(self):
        return list(_declared)

    def do_create_procedure(self, name):
        declared = _declared[name]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run, declared)
        procedure.set_image_types(declared.imagetypes)
        procedure.set_sensitivity_mask(_sensitivity(declared))
        procedure.set_documentation(declared.blurb, declared.help, name)
        procedure.set_attribution(declared.author, declared.copyright, declared.date)
        if declared.menu:
            procedure.set_menu_label(declared.label)
            procedure.add_menu_path(declared.menu)
        for param in declared.arguments:
            add_argument(procedure, param)
        for result in declared.results:
            add_result(procedure, *result)
        return procedure


def _sensitivity(declared):
    mask = Gimp.ProcedureSensitivityMask
    return {"": mask.ALWAYS, PF_DRAWABLE: mask.DRAWABLE}.get(declared.drawables, mask.DRAWABLE | mask.DRAWABLES)


def _run(procedure, run_mode, image, drawables, config, declared):
    status = Gimp.PDBStatusType
    try:
        results = _call(procedure, run_mode, image, drawables, config, declared)
        return _returned(procedure, declared, results)
    except Cancelled:
        return procedure.new_return_values(status.CANCEL, GLib.Error())
    except Refusal as refusal:
        return procedure.new_return_values(status.EXECUTION_ERROR, _error(str(refusal)))
    except Exception as defect:
        traceback.print_exc()
        sentence = _("{name} stopped on a defect of its own: {name_2}: {defect}").format(
            name=declared.name, name_2=type(defect).__name__, defect=defect
        )
        return procedure.new_return_values(status.EXECUTION_ERROR, _error(sentence))


def widgets():
    """GimpUi and Gtk, loaded when a window is wanted. Raises `Refusal` where there is no display."""
    gi.require_version("GimpUi", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import GimpUi, Gtk

    if not Gtk.init_check(None)[0]:
        raise Refusal(_("There is no display to open a window on."))
    GimpUi.init("likeness")
    return GimpUi, Gtk


def _error(sentence):
    return GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)


def _call(procedure, run_mode, image, drawables, config, declared):
    if declared.drawables == PF_DRAWABLE:
        if len(drawables) != 1:
            raise Refusal(_("Select one layer; {count} are selected.").format(count=len(drawables)))
        drawables = drawables[0]
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    if interactive and declared.interactive is None and declared.arguments and declared.menu:
        _ask(procedure, config, declared)
    values = [image, drawables] if declared.drawables else []
    values += [value_of(config, param) for param in declared.arguments]
    if not interactive or declared.interactive is None:
        return declared.function(*values)
    results, remembered = declared.interactive(*values)
    for name, value in remembered.items():
        config.set_property(name, value)
    return results


def _ask(procedure, config, declared):
    """GIMP's own dialog for the arguments. Raises `Cancelled`."""
    GimpUi, _ = widgets()
    dialog = GimpUi.ProcedureDialog.new(procedure, config, declared.label.replace("_", "").rstrip("…."))
    dialog.fill(None)
    accepted = dialog.run()
    dialog.destroy()
    if not accepted:
        raise Cancelled


def _returned(procedure, declared, results):
    """The procedure's return values: `results` is nothing, one value, or a tuple of them."""
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    if len(declared.results) == 1:
        results = (results,)
    for index, (declaration, result) in enumerate(zip(declared.results, results or (), strict=True), start=1):
        values.remove(index)
        values.insert(index, boxed(procedure, declaration[0], result))
    return values
