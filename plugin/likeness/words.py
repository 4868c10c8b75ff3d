"""What people read, in their language. Standard library only: GIMP's side and the dialogs have one catalogue.

    _("No slider is called “{sought}”.").format(sought=text)

The domain is `likeness`, its catalogues are `locale/LANGUAGE/LC_MESSAGES/likeness.mo` beside this file
(plugin/catalogue.py makes them). LANGUAGE, LC_ALL, LC_MESSAGES and LANG say which; without one the English of the
source stands.
"""

from __future__ import annotations

import gettext
from pathlib import Path

DOMAIN = "likeness"
LOCALE = Path(__file__).resolve().parent / "locale"

_ = gettext.translation(DOMAIN, LOCALE, fallback=True).gettext


def said(text: str) -> str:
    """What the engine said, where its sentence is known; else as it is."""
    return _(text) if text else ""
