"""`python -m engine batch`: a folder of photographs, edited alike."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
from pydantic import ValidationError

from engine import __version__
from engine.batch.cluster import connect
from engine.batch.local import LocalWorker
from engine.batch.plan import LOCK, Journal, Task, key_of, photographs_of, read_photograph
from engine.batch.team import Ended, Team, Worker, answered
from engine.cli.report import Events, Outcome, Silence, reporter
from engine.errors import BadRequest, Busy, LikenessError
from engine.messages import EditRequest
from engine.paths import Home
from engine.settings import load_settings
from engine.storage import shared_mode, write_whole

Json = dict[str, Any]


def batch(options: argparse.Namespace) -> Outcome:
    """Edit all photographs of a folder that are not done yet; exit code 1 where one failed."""
    photographs = photographs_of(options.folder)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    if output.samefile(options.folder):
        raise BadRequest("That would overwrite the photographs.", "Choose another folder for the results.")
    if options.attended:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands ignore it
        threading.Thread(target=_stop_with_the_input, daemon=True).start()
    try:
        # Ray says on stdout what becomes of its workers.
        with filelock.FileLock(output / LOCK, timeout=0), contextlib.redirect_stdout(sys.stderr):
            return _batch(options, photographs, output)
    except filelock.Timeout:
        raise Busy(f"Another batch is writing into {output}.", "Wait for its end, or stop it.") from None


def _batch(options: argparse.Namespace, photographs: list[Path], output: Path) -> Outcome:
    home = Home.from_environment()
    start = _workers(options.ray, home)
    request = _request(options, home)
    began = time.monotonic()
    progress = Events() if options.attended else reporter(options.json)
    progress.say("Looking at the model")
    first = start()
    team = Team(start, first, options.jobs)
    try:
        model = answered(first.ask({"check": request})[0])
        journal, settings = Journal(output), request | model | {"version": __version__}
        tasks, broken = _planned(photographs, settings)
        todo = [task for task in tasks if not journal.is_done(task.source.name, task.key)]
        ends = list(broken)
        for ended in team.run(todo, request):
            if ended.error is None:
                target = output / ended.task.source.name
                write_whole(target, ended.data, shared_mode(target))
                journal.add(ended.task.source.name, ended.task.key)
            ends.append(ended)
            _tell(progress, len(ends), len(todo) + len(broken), ended, time.monotonic() - began)
    finally:
        team.close()
        progress.close()
    return _outcome(ends, len(tasks) - len(todo), output, time.monotonic() - began)


def _workers(address: str | None, home: Home) -> Callable[[], Worker]:
    return connect(address) if address else lambda: LocalWorker(home)


def _request(options: argparse.Namespace, home: Home) -> Json:
    """Everything that determines a result but for the photograph; nothing is left to the settings of a worker.

    Raises `BadRequest` for what is out of range, or no name.
    """
    settings = load_settings(home)
    request = {
        "edits": dict(options.edits),
        "face": options.face,
        "refine_steps": settings.refine_steps if options.refine_steps is None else options.refine_steps,
        "model": options.model or settings.model,
        "keep_identity": options.keep_identity,
        "blend": options.blend,
    }
    try:
        EditRequest.model_validate(request | {"picture": "0" * 64})
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    return request


def _planned(photographs: list[Path], settings: Json) -> tuple[list[Task], list[Ended]]:
    """The tasks, and those that end before they begin."""
    tasks, broken = [], []
    for path in photographs:
        try:
            tasks.append(Task(path, key_of(read_photograph(path), settings)))
        except LikenessError as error:
            broken.append(Ended(Task(path, ""), {}, b"", error))
    return tasks, broken


def _tell(progress: Silence, done: int, count: int, ended: Ended, seconds: float) -> None:
    message, left = f"{done} of {count}: {ended.task.source.name}", seconds / done * (count - done)
    progress.event(
        {"event": "progress", "fraction": done / count, "message": message, "seconds_left": round(left, 1)}
    )


def _stop_with_the_input() -> None:
    """Whoever started this has gone when its end of our standard input is closed: then as after Ctrl+C."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _outcome(ends: list[Ended], passed_over: int, output: Path, seconds: float) -> Outcome:
    ends = sorted(ends, key=lambda ended: ended.task.source.name)
    edited = [{"name": one.task.source.name} | one.facts for one in ends if one.error is None]
    failed = [{"name": one.task.source.name} | one.error.to_dict() for one in ends if one.error]
    data = {
        "output": str(output.absolute()),
        "edited": edited,
        "passed_over": passed_over,
        "failed": failed,
        "seconds": round(seconds, 3),
    }
    lines = [
        f"{len(edited)} edited, {passed_over} done before, {len(failed)} failed, {seconds:.1f} s: {output}"
    ]
    lines += [f"{one['name']}: {note}" for one in edited for note in one["notes"]]
    lines += [f"{one['name']}: {one['sentence']} {one['remedy']}".rstrip() for one in failed]
    return Outcome(data, "\n".join(lines), exit_code=1 if failed else 0)
