"""Whose network a study looks at: one it trained, or a published checkpoint."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from mechval.config import Config
from mechval.errors import MechvalError


class ModelSource(Config):
    """The ``model`` block."""

    kind: Literal["own", "published"] = Field(default="own", description="own or published")
    path: str | None = Field(default=None, description="null, or the published checkpoint's place")

    @model_validator(mode="after")
    def _published_has_a_path(self) -> "ModelSource":
        if self.kind == "published" and not self.path:
            raise ValueError("kind=published must come with model.path=<file>")
        return self

    def checkpoint(self) -> Path:
        """Where the published checkpoint lies; raises MechvalError if it does not."""
        path = Path(str(self.path))
        if not path.is_file():
            raise MechvalError(
                f"model.path={path} does not exist; allowed: the published torch file."
            )
        return path

    def checkpoint_digest(self) -> str:
        """The sha256 of the published checkpoint; raises MechvalError if it does not exist."""
        return hashlib.sha256(self.checkpoint().read_bytes()).hexdigest()
