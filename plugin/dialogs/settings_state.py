"""What the settings' window knows, without Qt: the settings, where things are, and what was done about them."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.settings import Settings
from plugin.dialogs.chores import ChoreState, Json
from plugin.dialogs.figures import MINUTE, device_name, duration_of, size_of
from plugin.dialogs.observable import Topic
from plugin.dialogs.upkeep import EngineFacts, Found, Place
from plugin.likeness.words import _

GPU = "mps" if sys.platform == "darwin" else "cuda"
LEAST_MEMORY = 1000  # MB that the worker needs to start
AT_START = ("device", "memory_megabytes", "idle_seconds")  # what an engine reads when it starts


class SettingsState(ChoreState):
    """Told what was found and what the hand does; widgets observe it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.settings: Settings | None = None
        self.places: tuple[Place, ...] = ()
        self.engine: EngineFacts | None = None
        self.log = ""  # the name of the one that is shown
        self.log_text = ""
        self.notes: dict[str, str] = {}  # what *Forget* and *Collect* had to say
        self._started = self._changed = 0.0  # the engine; what it reads then; on the clock

    # --- what follows from what is known ------------------------------------------------------------------

    @property
    def device(self) -> str:
        """auto, cpu or gpu."""
        device = self.settings.device if self.settings else "auto"
        return device if device in ("auto", "cpu") else "gpu"

    @property
    def idle_minutes(self) -> int:
        """Rounded up; 0: never."""
        return math.ceil(self.settings.idle_seconds / MINUTE) if self.settings else 0

    @property
    def is_outdated(self) -> bool:
        """The running engine goes by settings that were changed here since."""
        return self.engine is not None and self._started < self._changed

    @property
    def engine_line(self) -> str:
        engine = self.engine
        if engine is None:
            return _("The engine does not run. GIMP starts it when it is needed.")
        device = (
            _(", on the {device_name}").format(device_name=device_name(engine.device)) if engine.device else ""
        )
        busy = _(", at work") if engine.jobs else ""
        return _("Version {version} runs since {duration}{device}{busy}.").format(
            version=engine.version, duration=duration_of(engine.uptime_seconds), device=device, busy=busy
        )

    def place(self, name: str) -> Place | None:
        return next((place for place in self.places if place.name == name), None)

    # --- what the hand wants ------------------------------------------------------------------------------

    def device_wish(self, choice: str) -> Mapping[str, Any]:
        """The change that makes `device` so."""
        if choice == self.device:
            return {}
        return {"device": GPU if choice == "gpu" else choice}

    def memory_wish(self, megabytes: int) -> Mapping[str, Any]:
        """0: no limit; less than the worker needs becomes what it needs."""
        limit = max(LEAST_MEMORY, megabytes) if megabytes else 0
        is_so = self.settings is not None and limit == self.settings.memory_megabytes
        return {} if is_so else {"memory_megabytes": limit}

    def idle_wish(self, minutes: int) -> Mapping[str, Any]:
        return {} if minutes == self.idle_minutes else {"idle_seconds": minutes * MINUTE}

    # --- what happens -------------------------------------------------------------------------------------

    def looked(self, found: Found) -> None:
        self.settings, self.places, self.engine = found.settings, found.places, found.engine
        if found.engine is not None:
            self._started = self.clock() - found.engine.uptime_seconds
        self.tell(Topic.STAGE)

    def changed(self, settings: Settings) -> None:
        """The settings are written."""
        before, self.settings, self.problem = self.settings, settings, None
        if any(getattr(before, name, None) != getattr(settings, name) for name in AT_START):
            self._changed = self.clock()
        self.tell(Topic.STAGE)

    def forgotten(self, answer: Json) -> None:
        self.notes["forget"] = _(
            "Removed: inversions {inversions}, pictures {pictures}; {size} are free again. Layers in GIMP "
            "keep what they remember: Filters ▸ Likeness ▸ Forget Faces takes it from them."
        ).format(inversions=answer["inversions"], pictures=answer["pictures"], size=size_of(answer["bytes"]))

    def collected(self, answer: Json) -> None:
        """A bundle is written, and what doctor had found."""
        wrong = [one for one in answer["findings"] if one["level"] != "ok"]
        lines = [f"{one['subject']}: {one['sentence']} {one['remedy']}".strip() for one in wrong]
        said = [
            _("Written: {bundle}. No picture, no name and no password is in it.").format(
                bundle=answer["bundle"]
            )
        ]
        self.notes["collect"] = "\n".join([*said, *(lines or [_("Nothing wrong was found.")])])
        self.tell(Topic.STAGE)

    def show_log(self, name: str, text: str) -> None:
        self.log, self.log_text = name, text.rstrip() or _("Nothing has been logged.")
        self.tell(Topic.STAGE)

    def hide_log(self) -> None:
        self.log = self.log_text = ""
        self.tell(Topic.STAGE)
