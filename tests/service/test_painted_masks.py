"""Painted layer masks are pictures that a job needs: they are checked at its start and stay until its end."""

from __future__ import annotations

import asyncio

from engine.messages import DialogRequest, EditRequest
from engine.service.jobs import Job

PHOTO, MASK, INVERSION = "a" * 64, "b" * 64, "c" * 64


def test_a_job_names_the_masks_that_it_needs() -> None:
    async def needed() -> tuple[set[str], set[str]]:
        own = {INVERSION: {"number": 1, "layer_mask": MASK}, "d" * 64: {"number": 2}}
        edit = EditRequest.model_validate(
            {"picture": PHOTO, "inversions": [INVERSION, "d" * 64], "face_edits": own}
        )
        dialog = Job("e" * 32, DialogRequest(window="edit", picture=PHOTO))
        before = dialog.pictures()
        dialog.accepted = edit
        assert dialog.pictures() == Job("f" * 32, edit).pictures()
        return before, dialog.pictures()

    before, after = asyncio.run(needed())
    assert before == {PHOTO}
    assert after == {PHOTO, MASK}
