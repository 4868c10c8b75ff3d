"""Between the settings' window and the home: settings are written at once, all else goes through the lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import LikenessError
from plugin.dialogs.chore_session import ChoreSession
from plugin.dialogs.chores import Json
from plugin.dialogs.settings_state import SettingsState
from plugin.dialogs.state import Problem
from plugin.dialogs.upkeep import LOGS, Upkeep
from plugin.likeness.words import _, said


class SettingsSession(ChoreSession):
    """Commands of `python -m engine` do what lasts."""

    def __init__(self, state: SettingsState, upkeep: Upkeep) -> None:
        super().__init__(state, lambda: upkeep)
        self.state = state
        self._upkeep = upkeep

    def refresh(self, asked: bool = False) -> None:
        self.submit(lambda upkeep, _: upkeep.look(), _("Looking at what is there"), self.state.looked, asked)

    def change(self, changes: Mapping[str, Any]) -> None:
        """A file of some lines: no thread for that. What cannot be written stands in the window."""
        if not changes:
            return
        try:
            self.state.changed(self._upkeep.change(**changes))
        except LikenessError as error:
            self.state.failed(Problem(error.code, said(error.sentence), said(error.remedy)))
        except OSError as error:
            self.state.failed(
                Problem(
                    "internal",
                    _("The settings cannot be written: {error}.").format(error=error),
                    _("Try again."),
                )
            )

    def forget(self) -> None:
        """All inversions, and the pictures that lie with them."""

        def done(answer: Json) -> None:
            self.state.forgotten(answer)
            self.refresh()

        self.submit(lambda upkeep, _: upkeep.run("forget", "--all"), _("Forgetting"), done)

    def collect(self, path: str) -> None:
        """Look for what may be wrong, and write what helps to find it."""
        self.submit(
            lambda upkeep, _: upkeep.run("doctor", "--bundle", path),
            _("Looking at everything that Likeness stands on"),
            self.state.collected,
        )

    def stop_engine(self) -> None:
        """It ends with its windows; this one is among them when GIMP has opened it."""
        self.submit(
            lambda upkeep, _: upkeep.run("stop"), _("The engine is ending"), lambda _: self.refresh(asked=True)
        )

    def show_log(self, name: str) -> None:
        """Show it, or hide it when it is shown."""
        assert name in LOGS
        if self.state.log == name:
            self.state.hide_log()
        else:
            self.state.show_log(name, self._upkeep.log(name))
