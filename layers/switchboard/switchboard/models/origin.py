"""What is kept of the request that started something, so that its repeat is known."""

from switchboard.models.frozen import Frozen


class Origin(Frozen):
    fingerprint: str
    running_until: int = 0
    """Unix ms, while the request is worked on; 0 when it is done."""
