"""python killed.py POINT FOLDER PROGRAM ARGUMENTS: run the installer, and kill it before its POINTth change of FOLDER.

A change is whatever Python itself does to the file system below FOLDER, and every program that it starts. With
POINT 0 nothing is killed, and the last line of standard error is the number of changes.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR

point, folder, program = int(sys.argv[1]), sys.argv[2], sys.argv[3]
seen = 0


def watch(event: str, arguments: tuple[object, ...]) -> None:
    global seen
    if event == "open":
        path, _, flags = arguments
        is_change = isinstance(flags, int) and bool(flags & WRITING) and str(path).startswith(folder)
    elif event == "subprocess.Popen":
        is_change = True
    else:
        is_change = event in CHANGES and any(str(word).startswith(folder) for word in arguments)
    seen += is_change
    if is_change and seen == point:
        os.kill(os.getpid(), signal.SIGKILL)


sys.argv = sys.argv[3:]
sys.addaudithook(watch)
try:
    runpy.run_path(program, run_name="__main__")
finally:
    print(seen, file=sys.stderr)
