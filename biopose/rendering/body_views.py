"""Images of the body with its virtual markers, from several sides.

python -m biopose.rendering.body_views --out body.png
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from biopose.camera.pinhole import Camera
from biopose.rendering.drawing import DARK, Colour, draw_dot, draw_text
from biopose.rendering.look_at import UP, look_at
from biopose.rendering.mesh_renderer import MeshRenderer
from biopose.rendering.vtk_window import Light

Points = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class View:
    """What an image shows.

    Attributes:
        towards_camera: direction in the world from the centre to the camera.
        centre: (x, y, z) of the point in the middle of the image, metres.
        height_m: of the part of the world that fills the image.
    """

    towards_camera: tuple[float, float, float]
    centre: tuple[float, float, float]
    height_m: float


FRONT, BACK = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)
RIGHT, LEFT, ABOVE = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)
MARKER_COLOURS: tuple[Colour, ...] = ((217, 26, 26), (26, 77, 217), (0, 128, 51))
SKIN: Colour = (238, 210, 190)
HEADLIGHT = Light(towards=(0.0, 0.0, -1.0), strength=0.95, fill=0.0, ambient=0.3)
DISTANCE_M = 100.0  # of the camera: from so far the projection is orthographic within 0.3 % over half a metre of depth
SAMPLES = 4  # per pixel
LABEL_PX, LABEL_GAP_PX = 13, 1

# Region: the markers whose mean is the centre, the directions, and the height of the image for a body of 1.76 m.
REGIONS = {
    "body": (("STRN", "T12", "RKNE", "LKNE"), (FRONT, RIGHT, BACK), 1.95),
    "pelvis": (("RASI", "LASI", "RPSI", "LPSI"), (FRONT, RIGHT, BACK), 0.40),
    "trunk": (("CLAV", "STRN", "C7", "T10"), (FRONT, RIGHT, BACK), 0.55),
    "shoulder": (("RSHO",), (FRONT, RIGHT, BACK, ABOVE), 0.30),
    "knee": (("RKNE", "RKNI"), (FRONT, RIGHT, BACK), 0.30),
    "foot": (("RANK", "RANI", "RMT1", "RMT5"), (FRONT, RIGHT, BACK, ABOVE), 0.32),
    "elbow": (("RELB", "RELBIN"), (FRONT, RIGHT, BACK, ABOVE), 0.25),
    "wrist": (("ROWR", "RIWR"), (FRONT, RIGHT, BACK, ABOVE), 0.30),
    "head": (("RFHD", "LFHD", "RBHD", "LBHD"), (FRONT, RIGHT, BACK), 0.40),
}


def draw_views(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int64],
    points: Points,
    views: list[View],
    *,
    width_px: int = 700,
    height_px: int = 1000,
    radius_m: float = 0.006,
    opacity: float = 1.0,
    with_names: bool = True,
) -> NDArray[np.uint8]:
    """Draw a mesh and named points on a white background, one image per view, side by side.

    Args:
        vertices: (V, 3) in the world, metres.
        triangles: (F, 3).
        points: name to (3,); each is a dot, left out where it lies more than its diameter behind the mesh's surface.
        views: the cameras.
        width_px: of each image.
        height_px: of each image.
        radius_m: of the dots.
        opacity: of the mesh; below 1 it hides no point.
        with_names: whether the points' names are written beside them.

    Returns:
        Pixels (height_px, width_px * number of views, 3).
    """
    images = []
    for view in views:
        camera, T_camera_world = _camera(view, width_px, height_px)
        renderer = MeshRenderer(camera, triangles, light=HEADLIGHT, samples=SAMPLES)
        mesh = [_transformed(vertices, T_camera_world)]
        white = np.full((height_px, width_px, 3), 255, dtype=np.uint8)
        image = renderer.draw(mesh, colours=[SKIN], background=white, opacity=opacity)
        surface_m = renderer.depth_m(mesh) if opacity == 1.0 else np.full((height_px, width_px), np.inf)
        p_camera = {name: _transformed(point, T_camera_world) for name, point in points.items()}
        _draw_points(image, p_camera, camera, surface_m + 2 * radius_m, radius_m=radius_m, with_names=with_names)
        images.append(image)
    return np.concatenate(images, axis=1)


def _camera(view: View, width_px: int, height_px: int) -> tuple[Camera, NDArray[np.float64]]:
    """A distant camera with a long focal length, and T_camera_world (4, 4)."""
    focal_px = DISTANCE_M * height_px / view.height_m
    camera = Camera(width_px, height_px, (focal_px, focal_px), ((width_px - 1) / 2, (height_px - 1) / 2))
    centre, direction = np.array(view.centre), np.array(view.towards_camera)
    direction = direction / np.linalg.norm(direction)
    up = UP if abs(direction @ UP) < 0.99 else FRONT
    return camera, look_at(position_m=centre + DISTANCE_M * direction, at_m=centre, up=up)


def _transformed(p_world: NDArray[np.float64], T_camera_world: NDArray[np.float64]) -> NDArray[np.float64]:
    p_camera: NDArray[np.float64] = p_world @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]
    return p_camera


def _draw_points(
    image: NDArray[np.uint8],
    p_camera: Points,
    camera: Camera,
    deepest_m: NDArray[np.float64],
    *,
    radius_m: float,
    with_names: bool,
) -> None:
    """Draw the points that are no deeper than a depth (H, W) at their pixel."""
    for index, (name, point) in enumerate(p_camera.items()):
        x, y = camera.project(torch.from_numpy(point)).tolist()
        row, column = round(y), round(x)
        inside = 0 <= row < camera.height_px and 0 <= column < camera.width_px
        if inside and point[2] > deepest_m[row, column]:
            continue
        radius_px = radius_m * camera.focal_px[0] / DISTANCE_M
        colour = MARKER_COLOURS[index % len(MARKER_COLOURS)]
        draw_dot(image, x, y, colour, radius_px=radius_px, outline_px=1.0)
        if with_names:
            left, top = x + radius_px + LABEL_GAP_PX, y - LABEL_PX / 2
            draw_text(image, name, left, top, DARK, size_px=LABEL_PX, background=0.0)


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (H, W, 3) as a PNG file."""
    Image.fromarray(pixels).save(path, "PNG")


def main(arguments: list[str] | None = None) -> None:
    """Write an image of the body with its virtual markers in the rest pose."""
    from biopose.body.anny import Body
    from biopose.body.markers import anny_markers
    from biopose.body.shape import phenotype_for

    options = _parse(arguments)
    body = Body.load()
    shaped = body.with_shape(
        phenotype_for(body, height_m=options.height_m, mass_kg=options.mass_kg, gender=options.gender)
    )
    markers = anny_markers(body)
    positions = dict(zip(markers.names, markers.at_rest(shaped).double().numpy(), strict=True))
    centre_of, directions, height_m = REGIONS[options.region]
    x, y, z = np.mean([positions[name] for name in centre_of], axis=0)
    views = [View(direction, (x, y, z), height_m * options.height_m / 1.76) for direction in directions]
    vertices, triangles = shaped.vertices.double().numpy(), body.triangles.numpy()
    write_png(draw_views(vertices, triangles, positions, views, radius_m=0.004), options.out)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m biopose.rendering.body_views",
        description="Draw the body with its virtual markers in the rest pose, from several sides.",
        epilog="example: "
        "python -m biopose.rendering.body_views --out knee.png --region knee --height-m 1.62 --mass-kg 55",
    )
    parser.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    parser.add_argument("--region", choices=REGIONS, default="body", help="what to show (default: the whole body)")
    parser.add_argument("--height-m", type=float, default=1.76, help="default: 1.76")
    parser.add_argument("--mass-kg", type=float, default=78.0, help="default: 78")
    parser.add_argument("--gender", type=float, default=0.0, help="0 male (default) to 1 female")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
