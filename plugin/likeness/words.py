"""What people read, in their language. Standard library only: GIMP's side and the dialogs have one catalogue.

    _("No slider is called “{sought}”.").format(sought=text)

The domain is `likeness`, its catalogues are `locale/LANGUAGE/LC_MESSAGES/likeness.mo` beside this file
(plugin/catalogue.py makes them). LANGUAGE, LC_ALL, LC_MESSAGES and LANG say which, as GNU gettext reads them; without
one the English of the source stands. Whatever is English ends the list: the source is that catalogue.
"""

from __future__ import annotations

import functools
import gettext
import os
import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

DOMAIN = "likeness"
LOCALE = Path(__file__).resolve().parent / "locale"
_ENGLISH = re.compile(r"(en|C|POSIX)([_.@].*)?", re.IGNORECASE)


def languages(environment: Mapping[str, str]) -> list[str]:
    """The desktop's, the most wanted first, as far as they come before English."""
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    wanted = locale if locale in ("C", "POSIX") else environment.get("LANGUAGE") or locale
    return list(takewhile(lambda name: not _ENGLISH.fullmatch(name), filter(None, wanted.split(":"))))


_catalogue = gettext.translation(DOMAIN, LOCALE, languages(os.environ), fallback=True)


def _(text: str) -> str:
    return _catalogue.gettext(text)


def in_english() -> None:
    """From now on. For the command line, whose own sentences have no catalogue."""
    global _catalogue
    _catalogue = gettext.NullTranslations()


def said(text: str) -> str:
    """What the engine said, where its sentence is known, whatever stands in its blanks (`{}`); else as it is."""
    if not text:
        return ""  # gettext gives a catalogue's header for it
    if (known := _(text)) != text:
        return known
    for pattern, translation in _open_sentences(_catalogue):
        if blanks := pattern.fullmatch(text):
            return translation.format(*blanks.groups())
    return text


@functools.cache
def _open_sentences(catalogue: gettext.NullTranslations) -> list[tuple[re.Pattern[str], str]]:
    """The catalogue's sentences with blanks, those that say most first."""
    every: dict[str, str] = getattr(catalogue, "_catalog", {})  # gettext has no other way to list it
    found = sorted((message for message in every if "{}" in message), key=len, reverse=True)
    return [
        (re.compile("(.*?)".join(map(re.escape, message.split("{}"))), re.DOTALL), every[message])
        for message in found
    ]


def capitalised(text: str) -> str:
    """With a capital letter in front; the others stay, for other languages have them within a sentence."""
    return text[:1].upper() + text[1:]
