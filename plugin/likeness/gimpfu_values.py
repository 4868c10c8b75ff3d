"""What each PF_ type of gimpfu_compat becomes in GIMP 3: arguments, their values, return values."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GObject  # noqa: E402

PF_INT = PF_INT8 = PF_INT16 = PF_INT32 = "int"
PF_FLOAT = PF_SLIDER = PF_SPINNER = PF_ADJUSTMENT = "float"
PF_STRING = PF_TEXT = PF_VALUE = "string"
PF_BOOL = PF_TOGGLE = "bool"
PF_COLOR = PF_COLOUR = "color"
PF_RADIO = "radio"
PF_OPTION = "option"
PF_FILE = PF_FILENAME = "file"
PF_DIRNAME = "folder"
PF_IMAGE = "image"
PF_DRAWABLE = "drawable"
PF_DRAWABLES = "drawables"
PF_LAYER = "layer"
PF_LAYERS = "layers"
__all__ = [name for name in globals() if name.startswith("PF_")]

INT_RANGE = (-(2**31), 2**31 - 1)
FLOAT_RANGE = (-1e9, 1e9)
BOTH = GObject.ParamFlags.READWRITE


def check_parameter(param: tuple) -> None:
    """Raise `ValueError` for a parameter that is not covered."""
    kind, name = param[:2]
    if kind not in _adders:
        raise ValueError(f"{name}: {kind!r} is not covered as a parameter")
    if kind in (PF_RADIO, PF_OPTION) and len(param) < 5:
        raise ValueError(f"{name}: the fifth entry names what can be chosen")


def check_result(result: tuple) -> None:
    """Raise `ValueError` for a result that is not covered."""
    if result[0] not in (*_boxes, PF_LAYERS):
        raise ValueError(f"{result[1]}: {result[0]!r} is not covered as a result")


# --- arguments --------------------------------------------------------------------------------------------


def add_argument(procedure: Gimp.Procedure, param: tuple) -> None:
    """Give a procedure the argument that a parameter stands for."""
    kind, name, text, default, *more = param
    _adders[kind](procedure, (name, text, text.replace("_", "")), default, *more)


def value_of(config: Gimp.ProcedureConfig, param: tuple):
    """An argument's value as the function gets it."""
    kind, name = param[:2]
    value = config.get_property(name)
    if kind == PF_RADIO:
        return next(one for _, one in param[4] if str(one) == value)
    if kind == PF_OPTION:
        return list(param[4]).index(value)
    if kind in (PF_FILE, PF_DIRNAME):
        return (value.get_path() or "") if value else ""
    return value


def _add_int(procedure, words, default, limits=INT_RANGE):
    procedure.add_int_argument(*words, *limits[:2], default, BOTH)


def _add_float(procedure, words, default, limits=FLOAT_RANGE):
    procedure.add_double_argument(*words, *limits[:2], default, BOTH)


def _add_string(procedure, words, default):
    procedure.add_string_argument(*words, default, BOTH)


def _add_bool(procedure, words, default):
    procedure.add_boolean_argument(*words, bool(default), BOTH)


def _add_color(procedure, words, default):
    Gegl.init(None)
    name = default if isinstance(default, str) else "#{:02x}{:02x}{:02x}".format(*default)
    procedure.add_color_argument(*words, False, Gegl.Color.new(name), BOTH)


def _add_radio(procedure, words, default, choices):
    _add_choice(procedure, words, [(str(value), label) for label, value in choices], str(default))


def _add_option(procedure, words, default, labels):
    _add_choice(procedure, words, [(label, label) for label in labels], labels[default])


def _add_choice(procedure, words, choices, default):
    choice = Gimp.Choice.new()
    for number, (nick, label) in enumerate(choices):
        choice.add(nick, number, label, "")
    procedure.add_choice_argument(*words, choice, default, BOTH)


def _add_file(procedure, words, _default):
    procedure.add_file_argument(*words, Gimp.FileChooserAction.ANY, True, None, BOTH)


def _add_folder(procedure, words, _default):
    procedure.add_file_argument(*words, Gimp.FileChooserAction.SELECT_FOLDER, True, None, BOTH)


_adders = {
    PF_INT: _add_int,
    PF_FLOAT: _add_float,
    PF_STRING: _add_string,
    PF_BOOL: _add_bool,
    PF_COLOR: _add_color,
    PF_RADIO: _add_radio,
    PF_OPTION: _add_option,
    PF_FILE: _add_file,
    PF_DIRNAME: _add_folder,
}


# --- return values ----------------------------------------------------------------------------------------


def add_result(procedure: Gimp.Procedure, kind: str, name: str, text: str) -> None:
    """Give a procedure the return value that a result stands for."""
    if kind == PF_INT:
        procedure.add_int_return_value(name, text, text, *INT_RANGE, 0, BOTH)
    elif kind == PF_FLOAT:
        procedure.add_double_return_value(name, text, text, *FLOAT_RANGE, 0.0, BOTH)
    elif kind == PF_STRING:
        procedure.add_string_return_value(name, text, text, "", BOTH)
    elif kind == PF_BOOL:
        procedure.add_boolean_return_value(name, text, text, False, BOTH)
    elif kind == PF_LAYER:
        procedure.add_layer_return_value(name, text, text, False, BOTH)
    else:
        procedure.add_core_object_array_return_value(name, text, text, Gimp.Layer.__gtype__, BOTH)


def boxed(procedure: Gimp.Procedure, kind: str, result) -> GObject.Value:
    """A result as a GValue."""
    return _boxed_layers(procedure, result) if kind == PF_LAYERS else _boxes[kind](result)


_boxes = {
    PF_INT: lambda value: GObject.Value(GObject.TYPE_INT, value),
    PF_FLOAT: lambda value: GObject.Value(GObject.TYPE_DOUBLE, value),
    PF_STRING: lambda value: GObject.Value(GObject.TYPE_STRING, value),
    PF_BOOL: lambda value: GObject.Value(GObject.TYPE_BOOLEAN, value),
    PF_LAYER: lambda value: GObject.Value(Gimp.Layer.__gtype__, value),
}


def _boxed_layers(procedure, layers):
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
