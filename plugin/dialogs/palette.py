"""Colours and the application's look: light or dark after the desktop, neutral greys round the picture.

PyQt5's wheels bring no GTK theme, so the desktop is asked: LIKENESS_PALETTE (light or dark) wins, then
GTK_THEME, then the desktop portal's colour scheme, then what Qt itself found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PyQt5.QtGui import QColor, QPalette
from PyQt5.QtWidgets import QApplication

from plugin.dialogs.style import stylesheet

PORTAL_MILLISECONDS = 250


@dataclass(frozen=True)
class Tones:
    """Every colour there is, as #rrggbb."""

    dark: bool
    window: str
    canvas: str  # round the picture
    field: str
    raised: str  # buttons
    hover: str
    line: str
    text: str
    dim: str
    faint: str  # disabled text, grooves
    accent: str
    on_accent: str
    warning: str


LIGHT = Tones(
    dark=False,
    window="#f3f3f3",
    canvas="#c9c9c9",
    field="#ffffff",
    raised="#fbfbfb",
    hover="#e6e6e6",
    line="#d2d2d2",
    text="#1f1f1f",
    dim="#5f5f5f",
    faint="#a9a9a9",
    accent="#2f6fc4",
    on_accent="#ffffff",
    warning="#a5401d",
)
DARK = Tones(
    dark=True,
    window="#2b2b2b",
    canvas="#1b1b1b",
    field="#212121",
    raised="#383838",
    hover="#444444",
    line="#3f3f3f",
    text="#e6e6e6",
    dim="#a3a3a3",
    faint="#6c6c6c",
    accent="#5b9bea",
    on_accent="#10161d",
    warning="#f0936b",
)


def tones_of(app: QApplication, environment: Mapping[str, str] = os.environ) -> Tones:
    """What the desktop uses."""
    return DARK if _is_dark(app, environment) else LIGHT


def dress(app: QApplication, tones: Tones) -> None:
    """Give the whole application its look."""
    app.setStyle("Fusion")
    palette = QPalette()
    for role, colour in {
        QPalette.ColorRole.Window: tones.window,
        QPalette.ColorRole.Base: tones.field,
        QPalette.ColorRole.AlternateBase: tones.window,
        QPalette.ColorRole.Button: tones.raised,
        QPalette.ColorRole.WindowText: tones.text,
        QPalette.ColorRole.Text: tones.text,
        QPalette.ColorRole.ButtonText: tones.text,
        QPalette.ColorRole.PlaceholderText: tones.dim,
        QPalette.ColorRole.ToolTipBase: tones.field,
        QPalette.ColorRole.ToolTipText: tones.text,
        QPalette.ColorRole.Highlight: tones.accent,
        QPalette.ColorRole.HighlightedText: tones.on_accent,
        QPalette.ColorRole.Link: tones.accent,
    }.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tones.faint))
    app.setPalette(palette)
    app.setStyleSheet(stylesheet(tones))


def _is_dark(app: QApplication, environment: Mapping[str, str]) -> bool:
    wish = environment.get("LIKENESS_PALETTE", "").lower()
    if wish in ("light", "dark"):
        return wish == "dark"
    theme = environment.get("GTK_THEME", "").lower()
    if theme:
        return theme.endswith(("dark", "-dark", ":dark"))
    if sys.platform == "linux" and app.platformName() != "offscreen":
        scheme = _portal_scheme()
        if scheme is not None:
            return scheme == 1
    return app.palette().color(QPalette.ColorRole.Window).lightness() < 128


def _portal_scheme() -> int | None:
    """org.freedesktop.appearance color-scheme: 1 dark, 2 light, 0 no preference; None: nobody answers."""
    try:
        from PyQt5.QtDBus import QDBus, QDBusConnection, QDBusMessage, QDBusVariant
    except ImportError:
        return None
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return None
    call = QDBusMessage.createMethodCall(
        "org.freedesktop.portal.Desktop",
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.Settings",
        "Read",
    )
    call.setArguments(["org.freedesktop.appearance", "color-scheme"])
    answer = bus.call(call, QDBus.CallMode.Block, PORTAL_MILLISECONDS)
    value: Any = next(iter(answer.arguments()), None)
    while isinstance(value, QDBusVariant):  # a variant in a variant
        value = value.variant()
    return value if isinstance(value, int) else None
