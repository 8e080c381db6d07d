"""What is known of a person before they are measured. It imports neither body nor torch before they are used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from biopose.body.anny import Body
    from biopose.body.subject import BodyWithSkeleton
    from biopose.skeleton.model import Skeleton

DEFAULT_BMI = 23.0  # kg/m2, where the mass is not known
SEX_AS_GENDER = {"male": 0.0, "female": 1.0, None: 0.5}


@dataclass(frozen=True)
class Athlete:
    """What is known of a person before they are measured.

    Attributes:
        height_m: standing, without shoes.
        mass_kg: of a person of that height and a body mass index of 23 where it is not known.
        sex: "male", "female" or None.
    """

    height_m: float
    mass_kg: float | None = None
    sex: str | None = None

    def phenotype(self, body: Body) -> Tensor:
        """The body (6,) of someone of this height, mass and sex.

        Raises:
            ValueError: if no body of the model is so tall or so heavy.
        """
        from biopose.body.shape import phenotype_for

        mass_kg = self.mass_kg or DEFAULT_BMI * self.height_m**2
        return phenotype_for(body, height_m=self.height_m, mass_kg=mass_kg, gender=SEX_AS_GENDER[self.sex])

    def body_with_skeleton(self, body: Body, skeleton: Skeleton) -> BodyWithSkeleton:
        """The same with the default skeleton scaled to it; made once for equal athletes."""
        return _body_with_skeleton(self, body, skeleton)


@lru_cache(maxsize=16)
def _body_with_skeleton(athlete: Athlete, body: Body, skeleton: Skeleton) -> BodyWithSkeleton:
    from biopose.body.subject import skeleton_of_body

    return skeleton_of_body(body, body.with_shape(athlete.phenotype(body)), skeleton)
