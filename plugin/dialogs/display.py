"""Is there a display that a window can be opened on? Asked before Qt is loaded, which would end the process."""

from __future__ import annotations

import os
import sys

from plugin.likeness.words import _

NO_DISPLAY = 3  # exit code
NO_DISPLAY_SENTENCE = _("No window can be opened: there is no display that can be reached.")

NO_LIBRARIES_SENTENCE = _(
    "No window can be opened: libraries that Qt needs are missing. On Debian and Ubuntu, install "
    "libxcb-icccm4, libxcb-image0, libxcb-keysyms1, libxcb-render-util0, libxcb-xinerama0 and "
    "libxkbcommon-x11-0."
)


def choose_platform() -> bool:
    """On Linux, Qt needs X11 or Wayland; says whether one of them (or what the caller set) is there."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    if os.environ.get("DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "wayland"
        return True
    return False
