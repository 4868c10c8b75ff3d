"""`python -m engine …`; also `python /path/to/engine …`, from anywhere and without installing."""

import sys
from pathlib import Path

if not __package__:
    folder = Path(__file__).resolve().parent
    sys.path = [str(folder.parent), *(path for path in sys.path if path != str(folder))]

from engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
