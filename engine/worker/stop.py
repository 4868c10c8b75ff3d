"""How a cancelled job ends in the worker."""


class JobStopped(Exception):
    """Raised by a job's `report` once the job is cancelled; the pipeline lets it pass."""
