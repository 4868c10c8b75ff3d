"""The stylesheet: flat, neutral, one accent. Sizes are in units of the desktop's own font (em by Qt's px)."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin.dialogs.palette import Tones

_SHEET = Template("""
QWidget { color: $text; }
QWidget:disabled { color: $faint; }
#window, #panel, #panel QScrollArea, #sliderList { background: $window; }
#dim, #hint { color: $dim; }
#warning { color: $warning; }
#title { font-weight: 600; }

QPushButton { background: $raised; border: 1px solid $line; border-radius: 5px; padding: 5px 14px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { background: $window; color: $faint; }
QPushButton#primary { background: $accent; border-color: $accent; color: $on_accent; font-weight: 600; }
QPushButton#primary:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton#primary:focus { border-color: $text; }
QPushButton#primary:disabled { background: $window; border-color: $line; color: $faint; }

QPushButton#chip { border-radius: 12px; padding: 3px 10px; }
QPushButton#chip:checked { background: $accent; border-color: $accent; color: $on_accent; }
QPushButton#chip:checked:focus { border-color: $text; }

QPushButton#chip[doubtful="true"] { border-style: dashed; border-color: $faint; }

QPushButton#segment { border-radius: 0; border-left-width: 0; padding: 4px 14px; }
QPushButton#segment[place="first"] { border-left-width: 1px; border-top-left-radius: 5px;
    border-bottom-left-radius: 5px; }
QPushButton#segment[place="last"] { border-top-right-radius: 5px; border-bottom-right-radius: 5px; }
QPushButton#segment:checked { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton#segment:focus { color: $accent; }
QPushButton#segment:checked:focus { color: $on_accent; border-color: $text; }

QPushButton#quiet, QToolButton#quiet { background: transparent; border: 1px solid transparent; padding: 4px 7px;
    border-radius: 5px; }
QPushButton#quiet:hover, QToolButton#quiet:hover { background: $hover; }
QPushButton#quiet:focus, QToolButton#quiet:focus { border-color: $accent; }

QPushButton#quiet:checked { background: $hover; border-color: $accent; }
QPushButton#quiet::menu-indicator { width: 0; }
QMenu { background: $field; color: $text; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 5px 18px; border-radius: 4px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QMenu::item:disabled { color: $dim; }
QMenu::separator { height: 1px; background: $line; margin: 4px 6px; }

QPushButton#header { background: transparent; border: 1px solid transparent; border-radius: 4px;
    text-align: left; font-weight: 600; padding: 5px 4px; }
QPushButton#header:hover { background: $hover; }
QPushButton#header:focus { border-color: $accent; }

QLineEdit { background: $field; border: 1px solid $line; border-radius: 5px; padding: 5px 8px;
    selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus { border-color: $accent; }
QLineEdit#figure { background: transparent; border-color: transparent; padding: 1px 3px; }
QLineEdit#figure[resting="true"] { color: $dim; }
QLineEdit#figure:hover { border-color: $line; }
QLineEdit#figure:focus { background: $field; border-color: $accent; }
QLineEdit#figure[wrong="true"] { border-color: $warning; color: $warning; }
QLineEdit#figure:disabled { color: $faint; }

QListWidget { background: $field; border: 1px solid $line; border-radius: 6px; outline: none; }
QListWidget::item { border: none; padding: 6px 8px; }
QListWidget::item:selected { background: $accent; color: $on_accent; }
QListWidget::item:disabled { color: $dim; }
QSpinBox, QPlainTextEdit { background: $field; border: 1px solid $line; border-radius: 5px;
    padding: 4px 8px; selection-background-color: $accent; selection-color: $on_accent; }
QSpinBox:focus, QPlainTextEdit:focus { border-color: $accent; }
QSpinBox:disabled { background: $window; color: $faint; }
QCheckBox { spacing: 8px; }
QCheckBox:focus { color: $accent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $dim; border-radius: 3px; background: $field; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; }
QCheckBox::indicator:disabled { border-color: $faint; }
QCheckBox::indicator:checked:disabled { background: $faint; }

QProgressBar { background: $line; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }

#card { background: $field; border: 1px solid $line; border-radius: 6px; }
#rule { background: $line; }

QScrollArea { border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: $line; border-radius: 3px; min-height: 28px; margin: 0 2px; }
QScrollBar::handle:vertical:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none;
    border: none; height: 0; }
QToolTip { background: $field; color: $text; border: 1px solid $line; padding: 4px 6px; }
""")


def stylesheet(tones: Tones) -> str:
    names = {k: v for k, v in vars(tones).items() if isinstance(v, str)}
    return _SHEET.substitute(names, accent_hover=_shifted(tones.accent, 1.08 if tones.dark else 0.9))


def _shifted(colour: str, factor: float) -> str:
    channels = (min(255, round(int(colour[i : i + 2], 16) * factor)) for i in (1, 3, 5))
    return "#" + "".join(f"{c:02x}" for c in channels)
