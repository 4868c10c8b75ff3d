#!/usr/bin/env python3
"""Test only, never shipped: a persistent plug-in that runs Python for whoever connects to a unix socket.

One JSON string a line comes in, Python statements; the last one's value, if they end in an expression, goes out
as JSON. So a test can ask a GIMP with windows what its image holds.
"""

import ast
import json
import os
import socket
import sys

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio, GLib  # noqa: E402

NAME = "extension-likeness-test-bridge"


def run_code(code, names):
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "bridge", "exec"), names)
    return eval(compile(ast.Expression(last.value), "bridge", "eval"), names) if last else None


def run(procedure, config, data):
    path = os.environ.get("LIKENESS_TEST_BRIDGE")
    if not path:
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    names = {"Gimp": Gimp, "Gegl": Gegl, "Gio": Gio}

    def answer(fd, condition):
        connection, _ = server.accept()
        code = json.loads(connection.makefile("r").readline())
        try:
            reply = {"value": run_code(code, names)}
        except Exception as error:
            reply = {"error": repr(error)}
        connection.sendall(json.dumps(reply, default=repr).encode() + b"\n")
        connection.close()
        return True

    GLib.unix_fd_add_full(0, server.fileno(), GLib.IOCondition.IN, answer)
    procedure.persistent_ready()
    procedure.get_plug_in().persistent_enable()
    GLib.MainLoop().run()
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


class Bridge(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False

    def do_query_procedures(self):
        return [NAME]

    def do_create_procedure(self, name):
        procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, run, None)
        procedure.set_documentation("A bridge for tests", "A bridge for tests", name)
        procedure.set_attribution("Likeness", "Likeness", "2026")
        return procedure


Gimp.main(Bridge.__gtype__, sys.argv)
