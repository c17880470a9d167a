"""What ``interpretation.json`` may hold."""

from typing import Any, Literal

from pydantic import Field

from mechval.config import Config


class PartSpec(Config):
    """A function ``module:name``, or the method ``module:Class.name`` of an object."""

    reference: str = Field(description="a text such as module:name")
    object: int | None = Field(default=None, ge=0, description="null, or an object's number")


class TensorSpec(Config):
    """What a tensor of the safetensors file must be."""

    shape: tuple[int, ...] = Field(description="a list of integers")
    dtype: str = Field(description="a text such as torch.float32")


class ObjectSpec(Config):
    """An instance of a dataclass: its plain fields, and its tensors without their numbers."""

    reference: str = Field(description="a text such as module:Class")
    values: dict[str, Any] = Field(description="plain values by field")
    tensors: dict[str, TensorSpec] = Field(description="shape and dtype by field")


class EquivalenceSpec(Config):
    """An equivalence with its distance as a part."""

    name: str = Field(description="a text")
    distance: PartSpec = Field(description="a part")
    tolerance: int | float = Field(description="a number of at least 0")
    n_parts: int = Field(description="an integer from 1 up")


class ProvenanceSpec(Config):
    """Version and digests; None where there is nothing to take a digest of."""

    mechval: str = Field(description="a version")
    parts: dict[str, str | None] = Field(description="digests of sources, by part")
    network: str | None = Field(description="null, or the digest of all parameters and buffers")
    result: str | None = Field(description="null, or the digest of the result's record")


class InterpretationSpec(Config):
    """The whole of ``interpretation.json``."""

    format: Literal[2] = Field(description="2")
    name: str = Field(description="a text")
    tags: tuple[tuple[str, str], ...] = Field(description="a list of pairs of texts")
    components: tuple[str, ...] = Field(description="a list of names")
    abstract: tuple[PartSpec, ...] = Field(description="a list of parts")
    alphas: tuple[PartSpec, ...] = Field(description="a list of parts")
    gammas: tuple[PartSpec, ...] = Field(description="a list of parts")
    equivalences: tuple[EquivalenceSpec, ...] = Field(description="a list of equivalences")
    objects: tuple[ObjectSpec, ...] = Field(description="a list of objects")
    tensors_sha256: str = Field(description="the digest of the safetensors file")
    provenance: ProvenanceSpec = Field(description="version and digests")
