"""The one client of the engine: for the plug-in, the dialogs and the command line. Standard library only.

    client = Client.connect(home)
    picture = client.send_picture(640, 480, "RGBA u8", pixels)
    result = client.run({"kind": "invert", "picture": picture["id"]}, on_event=print)
    shape, pixels = client.fetch_picture(result["faces"][0]["layer"]["id"])

Every call opens a connection of its own, so a client may be shared between threads. Before a token or a pixel
is sent, the connection file must be ours alone, and the process that answers must run as the same user or, over
TCP, prove that it knows the token.

The protocol is described in engine/service/README.md. Requests and results are plain dicts, shaped as in
engine/messages.py.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import quote

from .wire import PROTOCOL, Connection, EngineProblem, Json, check_protocol, read_connection_file
from .words import _, said

__all__ = ["BYTES_PER_PIXEL", "PROTOCOL", "Client", "EngineProblem", "JobCancelled", "Json"]

BYTES_PER_PIXEL = {"RGBA u8": 4, "RGBA float": 16, "RGB u8": 3, "Y u8": 1}

GREETING_SECONDS = 5.0
CALL_SECONDS = 60.0
WORKER_SECONDS = 600.0  # what the worker answers may wait behind a job


class JobCancelled(Exception):
    """The job was cancelled: by us, by its dialog, or because the engine stops."""


class Client:
    """A way to one running engine. Make it with `connect`."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._streams: set[Connection] = set()
        self._lock = threading.Lock()

    @classmethod
    def connect(cls, home_root: Path) -> Client:
        """Find the running engine of this home and greet it.

        Raises `EngineProblem`: `engine_unavailable` when nobody answers, `unauthorized` when what is there is
        not ours alone (nothing has been sent then), `version_mismatch` when it speaks another protocol.
        """
        facts = read_connection_file(Path(home_root) / "run" / "engine.json")
        check_protocol(facts)
        client = cls(facts["address"], facts["token"])
        if client.status(timeout=GREETING_SECONDS).get("boot_id") != facts.get("boot_id"):
            raise EngineProblem(
                "engine_unavailable", _("Another engine answers than the connection file names.")
            )
        return client

    # --- calls --------------------------------------------------------------------------------------------

    def status(self, timeout: float = CALL_SECONDS) -> Json:
        """`Status`: version, worker, jobs."""
        return self._json("GET", "/v1/status", timeout=timeout)

    def stop(self) -> None:
        """Ask the engine to end: its jobs are cancelled, its dialogs close."""
        self._call("POST", "/v1/stop")

    def directions(self, model: str | None = None) -> Json:
        """`DirectionList` of a model (None: the one in the settings)."""
        query = f"?model={quote(model, safe='')}" if model else ""
        return self._json("GET", f"/v1/directions{query}", timeout=WORKER_SECONDS)

    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes) -> Json:
        """Send raw pixels (rows from the top, tightly packed). Returns the `Picture` with its id."""
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Likeness-Width": str(width),
            "X-Likeness-Height": str(height),
            "X-Likeness-Format": pixel_format,
        }
        return self._json("POST", "/v1/pictures", pixels, headers)

    def fetch_picture(self, identity: str) -> tuple[Json, bytes]:
        """A picture and its raw pixels: ({"id", "width", "height", "format"}, bytes)."""
        data, headers = self._call("GET", f"/v1/pictures/{quote(identity, safe='')}")
        picture = {
            "id": identity,
            "width": int(headers["X-Likeness-Width"]),
            "height": int(headers["X-Likeness-Height"]),
            "format": headers["X-Likeness-Format"],
        }
        expected = picture["width"] * picture["height"] * BYTES_PER_PIXEL[picture["format"]]
        if len(data) != expected:
            raise EngineProblem(
                "internal",
                _("A picture of {expected} bytes arrived with {count}.").format(
                    expected=expected, count=len(data)
                ),
            )
        return picture, data

    def inversion(self, identity: str) -> bytes:
        """The safetensors file of an inversion in the engine's cache."""
        return self._call("GET", f"/v1/inversions/{quote(identity, safe='')}")[0]

    def add_inversion(self, data: bytes) -> Json:
        """Give the engine an inversion (a layer parasite's). Returns its `InversionInfo`."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._json("POST", "/v1/inversions", data, headers, timeout=WORKER_SECONDS)

    def forget(self, identity: str | None) -> Json:
        """Remove an inversion from the engine's cache (None: all), and pictures. Returns `Forgotten`."""
        one = f"/{quote(identity, safe='')}" if identity else ""
        return self._json("DELETE", f"/v1/inversions{one}")

    def cancel(self, job: str) -> None:
        """Cancel a job by its id; one that has ended stays as it is."""
        self._call("DELETE", f"/v1/jobs/{quote(job, safe='')}")

    def job_request(self, job: str) -> Json:
        """The `DialogRequest` that a dialog's process was started for."""
        return self._json("GET", f"/v1/jobs/{quote(job, safe='')}/request")

    def answer(self, job: str, answer: Json) -> None:
        """What the person decided in a dialog: a `DialogAnswer`."""
        self._call("POST", f"/v1/jobs/{quote(job, safe='')}/answer", *_encoded(answer))

    def models(self, request: Json, on_event: Callable[[Json], None]) -> Json:
        """Have models listed, imported, downloaded, changed: `engine/service/models.py`. As `run`."""
        return self._run("/v1/models", request, on_event)

    def models_dialog(
        self, environment: dict[str, str], on_event: Callable[[Json], None], window: str = "models"
    ) -> None:
        """Open the models' window, or “settings”, on the desktop that `environment` describes, until it is closed.
        As `run`."""
        self._run("/v1/models/dialog", {"environment": environment, "window": window}, on_event)

    def run(self, request: Json, on_event: Callable[[Json], None]) -> Json:
        """Run a job and return its result; `on_event` gets every event as it comes, in the calling thread.

        Whatever `on_event` raises ends the job and passes on. Raises `EngineProblem` when the job failed, and
        `JobCancelled` when it was cancelled, also by `hang_up` from another thread.
        """
        return self._run("/v1/jobs", request, on_event)

    def hang_up(self) -> None:
        """Cancel whatever `run` or `models` is waiting for, from another thread, by closing its connection."""
        with self._lock:
            for connection in self._streams:
                connection.hang_up()

    # --- the way there ------------------------------------------------------------------------------------

    def _run(self, path: str, request: Json, on_event: Callable[[Json], None]) -> Json:
        with contextlib.closing(self._events(path, request)) as events:
            for event in events:
                on_event(event)
                if event["event"] == "done":
                    return event["result"]
                if event["event"] == "failed":
                    raise problem_of(event["error"])
                if event["event"] == "cancelled":
                    break
        raise JobCancelled

    def _events(self, path: str, request: Json) -> Generator[Json, None, None]:
        """The events of a job, to its end. Closing the generator hangs up."""
        connection = Connection(self._address, self._token, CALL_SECONDS)
        with self._lock:
            self._streams.add(connection)
        try:
            with self._request(connection, "POST", path, *_encoded(request)) as response:
                if response.status != 200:
                    raise _refusal(response.read())
                connection.wait_without_end()
                while line := response.readline():
                    yield json.loads(line)
            raise ConnectionResetError("its answer broke off")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection.hung_up:
                raise JobCancelled from None
            raise _lost(error) from error
        finally:
            with self._lock:
                self._streams.discard(connection)
            connection.close()

    def _request(
        self, connection: Connection, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection.connect()  # checks who answers, before the token leaves
        greeting = {"Authorization": f"Bearer {self._token}", "X-Likeness-Protocol": str(PROTOCOL)}
        # An engine that refuses closes while we are still sending; its answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body=body, headers=headers | greeting)
        return connection.getresponse()

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = CALL_SECONDS,
    ) -> tuple[bytes, http.client.HTTPMessage]:
        connection = Connection(self._address, self._token, timeout)
        try:
            with self._request(connection, method, path, body, headers or {}) as response:
                data = response.read()
            if response.status >= 300:
                raise _refusal(data)
            return data, response.headers
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from error
        finally:
            connection.close()

    def _json(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = CALL_SECONDS,
    ) -> Json:
        data, _ = self._call(method, path, body, headers, timeout)
        try:
            return json.loads(data)
        except ValueError as error:
            raise _lost(error) from error


def _encoded(message: Json) -> tuple[bytes, dict[str, str]]:
    return json.dumps(message, allow_nan=False).encode(), {"Content-Type": "application/json"}


def _refusal(body: bytes) -> EngineProblem:
    try:
        return problem_of(json.loads(body))
    except (ValueError, KeyError, TypeError):
        return EngineProblem("internal", _("The engine refused without saying why."), _("See its log."))


def problem_of(error: Json) -> EngineProblem:
    """An error as it crossed the socket, in the language of whoever reads it. Raises `KeyError`."""
    return EngineProblem(str(error["code"]), said(str(error["sentence"])), said(str(error.get("remedy", ""))))


def _lost(error: Exception) -> EngineProblem:
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return EngineProblem("engine_unavailable", _("No engine is running."))
    return EngineProblem(
        "engine_unavailable",
        _("The engine does not answer ({error}).").format(error=error),
        _("Try again: it is started anew."),
    )
