"""The `gimpfu` way of declaring a procedure, on GIMP 3.

    from .gimpfu_compat import PF_DRAWABLE, PF_FLOAT, PF_IMAGE, PF_LAYERS, main, register

    def soften(image, layer, amount):
        ...
        return [new_layer]

    register(
        "plug-in-soften", "Soften a layer", "Longer help", "Author", "Holder", "2026", "_Soften…", "RGB*",
        [
            (PF_IMAGE, "image", "The image", None),
            (PF_DRAWABLE, "drawable", "The layer to soften", None),
            (PF_FLOAT, "amount", "_Amount", 0.5, (0.0, 1.0)),
        ],
        [(PF_LAYERS, "layers", "The new layers")],
        soften,
        menu="<Image>/Filters/Blur",
    )
    main()

Parameters are (type, name, text, default) and for numbers a fifth entry (minimum, maximum); a result is (type,
name, text). As in `gimpfu`, a procedure begins with PF_IMAGE and PF_DRAWABLE or PF_DRAWABLES; without, it needs no image.

    PF_INT, PF_INT8, PF_INT16, PF_INT32    an integer argument
    PF_FLOAT, PF_SPINNER, PF_SLIDER        a double argument
    PF_STRING                              a string argument
    PF_BOOL, PF_TOGGLE                     a boolean argument
    PF_IMAGE                               the procedure's image: `Gimp.Image`
    PF_DRAWABLE                            the one selected drawable; more than one is an error
    PF_DRAWABLES                           the selected drawables: a list
    PF_LAYER, PF_LAYERS                    results only: one layer, and an array of layers

Of `gimpfu` also stays: the function gets plain values; interactively a dialog asks for them (GIMP's own, made
when it is needed), with “repeat” the last values are taken, from a script nothing is asked. New are:

- `interactive=` is a function that is called instead, with the same values and without GIMP's dialog, when a
  person chose the menu entry. It returns (results, values to remember for “repeat”, by name).
- `Refusal(sentence)` raised by a function reaches the person or the calling script as that sentence;
  `Cancelled` ends the procedure with the status CANCEL. Any other exception is a defect: it is reported by
  name, and its traceback goes to the console.
- Names are written with dashes, as GIMP 3 wants them.

Not covered: colours, fonts, files, palettes, choices and the other resources, load and save procedures,
`gimp.pdb`, and `gimpfu`'s own undo handling.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402

PF_INT = PF_INT8 = PF_INT16 = PF_INT32 = "int"
PF_FLOAT = PF_SPINNER = PF_SLIDER = "float"
PF_STRING = "string"
PF_BOOL = PF_TOGGLE = "bool"
PF_IMAGE = "image"
PF_DRAWABLE = "drawable"
PF_DRAWABLES = "drawables"
PF_LAYER = "layer"
PF_LAYERS = "layers"

INT_RANGE = (-(2**31), 2**31 - 1)
FLOAT_RANGE = (-1e9, 1e9)


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
    menu: str,
    interactive: Callable[..., Any] | None = None,
) -> None:
    """Declare a procedure (see the module's text). Raises `ValueError` on a declaration that cannot be kept."""
    kinds = [param[0] for param in params]
    if kinds[:1] == [PF_IMAGE] and kinds[1:2] not in ([PF_DRAWABLE], [PF_DRAWABLES]):
        raise ValueError(f"{name}: after PF_IMAGE comes PF_DRAWABLE or PF_DRAWABLES")
    for kind in kinds[2:] if kinds[:1] == [PF_IMAGE] else kinds:
        if kind not in (PF_INT, PF_FLOAT, PF_STRING, PF_BOOL):
            raise ValueError(f"{name}: {kind!r} is not covered as a parameter")
    for result in results:
        if result[0] not in (PF_INT, PF_FLOAT, PF_STRING, PF_BOOL, PF_LAYER, PF_LAYERS):
            raise ValueError(f"{name}: {result[0]!r} is not covered as a result")
    _declared[name] = Declaration(
        *(name, blurb, help, author, copyright, date, label, imagetypes, params, results),
        *(function, menu, interactive),
    )


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
        procedure.set_menu_label(declared.label)
        procedure.add_menu_path(declared.menu)
        for param in declared.arguments:
            _add_argument(procedure, *param)
        for result in declared.results:
            _add_result(procedure, *result)
        return procedure


def _sensitivity(declared):
    mask = Gimp.ProcedureSensitivityMask
    return {"": mask.ALWAYS, PF_DRAWABLE: mask.DRAWABLE}.get(declared.drawables, mask.DRAWABLE | mask.DRAWABLES)


def _add_argument(procedure, kind, name, text, default, limits=None):
    both = GObject.ParamFlags.READWRITE
    plain = text.replace("_", "")
    if kind == PF_INT:
        procedure.add_int_argument(name, text, plain, *(limits or INT_RANGE), default, both)
    elif kind == PF_FLOAT:
        procedure.add_double_argument(name, text, plain, *(limits or FLOAT_RANGE), default, both)
    elif kind == PF_STRING:
        procedure.add_string_argument(name, text, plain, default, both)
    else:
        procedure.add_boolean_argument(name, text, plain, default, both)


def _add_result(procedure, kind, name, text):
    both = GObject.ParamFlags.READWRITE
    if kind == PF_INT:
        procedure.add_int_return_value(name, text, text, *INT_RANGE, 0, both)
    elif kind == PF_FLOAT:
        procedure.add_double_return_value(name, text, text, *FLOAT_RANGE, 0.0, both)
    elif kind == PF_STRING:
        procedure.add_string_return_value(name, text, text, "", both)
    elif kind == PF_BOOL:
        procedure.add_boolean_return_value(name, text, text, False, both)
    elif kind == PF_LAYER:
        procedure.add_layer_return_value(name, text, text, False, both)
    else:
        procedure.add_core_object_array_return_value(name, text, text, Gimp.Layer.__gtype__, both)


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
        sentence = f"{declared.name} stopped on a defect of its own: {type(defect).__name__}: {defect}"
        return procedure.new_return_values(status.EXECUTION_ERROR, _error(sentence))


def widgets():
    """GimpUi and Gtk, loaded when a window is wanted. Raises `Refusal` where there is no display."""
    gi.require_version("GimpUi", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import GimpUi, Gtk

    if not Gtk.init_check(None)[0]:
        raise Refusal("There is no display to open a window on.")
    GimpUi.init("likeness")
    return GimpUi, Gtk


def _error(sentence):
    return GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)


def _call(procedure, run_mode, image, drawables, config, declared):
    if declared.drawables == PF_DRAWABLE:
        if len(drawables) != 1:
            raise Refusal(f"Select one layer; {len(drawables)} are selected.")
        drawables = drawables[0]
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    if interactive and declared.interactive is None and declared.arguments:
        _ask(procedure, config, declared)
    values = [image, drawables] if declared.drawables else []
    values += [config.get_property(param[1]) for param in declared.arguments]
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
        kind = declaration[0]
        values.remove(index)
        values.insert(index, _boxed(procedure, result) if kind == PF_LAYERS else _boxes[kind](result))
    return values


_boxes = {
    PF_INT: lambda value: GObject.Value(GObject.TYPE_INT, value),
    PF_FLOAT: lambda value: GObject.Value(GObject.TYPE_DOUBLE, value),
    PF_STRING: lambda value: GObject.Value(GObject.TYPE_STRING, value),
    PF_BOOL: lambda value: GObject.Value(GObject.TYPE_BOOLEAN, value),
    PF_LAYER: lambda value: GObject.Value(Gimp.Layer.__gtype__, value),
}


def _boxed(procedure, layers):
    """An array of layers as a GValue.

    GIMP 3's bindings can put an array of objects into a configuration but not into a GValue; a configuration of
    the procedure itself, which has the drawables, therefore carries it. `GObject.Object.get_property` is
    overridden by PyGObject with a version that unpacks; the one below it fills the GValue that it is given.
    """
    carrier = procedure.create_config()
    carrier.set_core_object_array("drawables", layers)
    value = GObject.Value(GObject.type_from_name("GimpCoreObjectArray"))
    introspected = GObject.Object.__mro__[1]
    introspected.get_property(carrier, "drawables", value)
    return value
