"""The base of what we keep and pass on: it never changes, a change is another one.

Each model's validator is built when it is first used: of those that a function imports it uses a few.
"""

from collections.abc import Mapping
from threading import RLock
from typing import Any

from pydantic import BaseModel, ConfigDict

LAZY = ConfigDict(defer_build=True)
"""For adapters of types that are no models."""

_building = RLock()


class Lazy(BaseModel):
    model_config = LAZY

    @classmethod
    def model_rebuild(
        cls,
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:
        """By one thread at a time, which pydantic does not see to: records are worked on side by side, and
        the first of them may all need the same model."""
        with _building:
            return super().model_rebuild(
                force=force,
                raise_errors=raise_errors,
                _parent_namespace_depth=_parent_namespace_depth + 1,
                _types_namespace=_types_namespace,
            )


class Frozen(Lazy):
    model_config = ConfigDict(frozen=True)
