"""Start a program that the kernel kills when its parent dies. Run as a script by dialogs.py:

    python -I -S leash.py PARENT_PID COMMAND…

A dialog must not outlive the engine, even one that was killed; on Linux a process may ask for that, and the
wish survives exec. Elsewhere this only starts the program, which notices by its failing calls.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
