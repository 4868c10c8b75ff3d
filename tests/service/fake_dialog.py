"""A dialog without a window. What it does hangs on the request's title:

accept    it accepts an edit            nothing   it says that nothing was accepted
close     it ends without an answer     fail      it prints a reason and ends with code 3
wait      it waits to be ended          deaf      it waits and ignores SIGTERM

It leaves a note in LIKENESS_HOME/dialog.json: its pid and its environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from plugin.likeness.client import Client


def main() -> int:
    home, job = Path(os.environ["LIKENESS_HOME"]), sys.argv[1]
    client = Client.connect(home)
    request = client.job_request(job)
    if request["title"] == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note = home / "dialog.part"
    note.write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}))
    note.replace(home / "dialog.json")
    if request["title"] == "accept":
        edit = {"kind": "edit", "picture": request["picture"], "edits": {"seconds": 0.1}}
        client.answer(job, {"accepted": edit, "result": "group"})
    elif request["title"] == "nothing":
        client.answer(job, {"accepted": None})
    elif request["title"] == "fail":
        print("some noise\nThere is no display.", file=sys.stderr)
        return 3
    elif request["title"] in ("wait", "deaf"):
        time.sleep(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
