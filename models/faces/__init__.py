"""Labelled renders of CC0 heads (README.md)."""

import os

# Before numpy comes in: its products are small here, and BLAS threads that wait for each other cost more than they do.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
