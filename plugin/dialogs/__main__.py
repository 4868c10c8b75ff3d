"""One dialog: `python -m plugin.dialogs JOB`, started by the engine with LIKENESS_HOME in the environment; or, with
`models` or `settings` in the place of the job, a window that answers none.

Exit codes: 0 when the engine got its answer (also a cancel) or the window was closed, 2 for a wrong call,
3 when there is no display, 4 when the engine cannot be reached. The last line on stderr says why.
"""

from __future__ import annotations

import re
import signal
import sys

from engine.errors import LikenessError
from engine.messages import DialogRequest
from engine.paths import Home
from engine.settings import load_settings
from plugin.dialogs.display import NO_DISPLAY, NO_DISPLAY_SENTENCE, choose_platform
from plugin.likeness.client import EngineProblem

WRONG_CALL, NO_ENGINE = 2, 4


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # closes at once; connections end, so jobs are cancelled
    if len(arguments) != 1 or not re.fullmatch(r"[0-9a-f]{32}|models|settings", arguments[0]):
        print("usage: python -m plugin.dialogs JOB | models | settings", file=sys.stderr)
        return WRONG_CALL
    if not choose_platform():
        print(NO_DISPLAY_SENTENCE, file=sys.stderr)
        return NO_DISPLAY
    from plugin.dialogs.opening import (  # Qt only now: there is a display
        open_dialog,
        open_models,
        open_settings,
    )
    from plugin.dialogs.session import connector

    home = Home.from_environment()
    connect = connector(home.root)
    if arguments == ["models"]:
        return open_models(connect, home)
    if arguments == ["settings"]:
        return open_settings(connect, home)
    try:
        request = DialogRequest.model_validate(connect().job_request(arguments[0]))
        usual_steps = load_settings(home).refine_steps
    except (EngineProblem, LikenessError, ValueError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return NO_ENGINE
    return open_dialog(request, arguments[0], connect, home, usual_steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
