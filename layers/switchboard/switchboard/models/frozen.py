"""The base of what we keep and pass on: it never changes, a change is another one."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
