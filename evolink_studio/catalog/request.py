"""What every request class is made of."""

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    """One row of a list of rows, like a shot."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class VideoRequest(BaseModel):
    """The parameters of one AI model: types, bounds and defaults, with their words.

    Written as `name: Annotated[type, bounds, Accepts, Param(...)] = default`. What is a union
    stands outside, `Annotated[...] | None`: bounds belong to one member, and `typing` takes
    unions of the same literals for one, whatever their order, which is that of the options.
    Nothing here looks at two fields at once: that is a rule's work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
