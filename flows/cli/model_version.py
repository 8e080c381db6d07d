"""STAGE=VERSION, as commands take a model version."""

from __future__ import annotations

from typing import Any

import click

from biopose.reconstruction.method_names import NETWORKS


class ModelVersion(click.ParamType):
    """STAGE=VERSION."""

    name = "stage=version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The stage and the number."""
        stage, _, version = str(value).partition("=")
        if stage not in NETWORKS or not version.isdecimal():
            self.fail(f"{value}: expected STAGE=VERSION, such as mqhmr=2; stages are {', '.join(NETWORKS)}", param, ctx)
        return stage, int(version)
