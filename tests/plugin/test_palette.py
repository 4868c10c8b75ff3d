"""Light or dark after the desktop."""

from __future__ import annotations

import pytest
from PyQt5.QtWidgets import QApplication

from plugin.dialogs.palette import DARK, LIGHT, Tones, tones_of
from plugin.dialogs.style import stylesheet


@pytest.mark.parametrize(
    ("environment", "tones"),
    [
        ({}, LIGHT),
        ({"GTK_THEME": "Adwaita:dark"}, DARK),
        ({"GTK_THEME": "Adwaita-dark"}, DARK),
        ({"GTK_THEME": "Adwaita"}, LIGHT),
        ({"GTK_THEME": "Adwaita:dark", "LIKENESS_PALETTE": "light"}, LIGHT),
        ({"LIKENESS_PALETTE": "dark"}, DARK),
    ],
)
def test_the_desktop_decides(app: QApplication, environment: dict[str, str], tones: Tones) -> None:
    app.setPalette(app.style().standardPalette())  # type: ignore[union-attr]
    assert tones_of(app, environment) is tones


@pytest.mark.parametrize("tones", [LIGHT, DARK])
def test_text_can_be_read(tones: Tones) -> None:
    """WCAG AA: 4.5 : 1 for what is to be read, on everything that it stands on."""
    for text, ground in (
        (tones.text, tones.window),
        (tones.text, tones.hover),
        (tones.dim, tones.window),
        (tones.dim, tones.field),
        (tones.on_accent, tones.accent),
        (tones.warning, tones.field),
    ):
        assert _contrast(text, ground) >= 4.5, (text, ground)
    assert "$" not in stylesheet(tones)


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
