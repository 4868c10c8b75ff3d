"""The dialogs: processes of their own, opened by the engine with `python -m plugin.dialogs JOB`."""
