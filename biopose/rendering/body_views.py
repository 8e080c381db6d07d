"""Pictures of the body with its markers, without a screen.

python -m biopose.rendering.body_views --out body.png
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class View:
    """Where the camera looks from: a direction in the world, what it looks at, and how much of the world it sees."""

    towards_camera: tuple[float, float, float]
    centre: tuple[float, float, float]
    height_m: float


FRONT, BACK = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)
RIGHT, LEFT, ABOVE = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)
COLOURS = ((0.85, 0.1, 0.1), (0.1, 0.3, 0.85), (0.0, 0.5, 0.2))

# Region: the markers whose mean is looked at, the directions, and how much of a 1.76 m body is seen.
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


def draw(
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
    """Draw a mesh and named points, one picture per view, side by side.

    Args:
        vertices: (V, 3) in the world frame.
        triangles: (F, 3).
        points: name to (3,); each becomes a small sphere with its name beside it.
        views: the cameras, orthographic.
        width_px: of each picture.
        height_px: of each picture.
        radius_m: of the spheres.
        opacity: of the mesh; below 1 the points inside it are seen.
        with_names: whether the points' names stand beside them.

    Returns:
        Pixels (height_px, width_px * number of views, 3).
    """
    import vtk

    # VTK looks for an X server, warns, and then draws without one.
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_ERROR)
    renderer = vtk.vtkRenderer()
    renderer.SetBackground(1.0, 1.0, 1.0)
    renderer.AddActor(_mesh_actor(vertices, triangles, opacity))
    for index, position in enumerate(points.values()):
        renderer.AddActor(_ball_actor(position, radius_m, COLOURS[index % len(COLOURS)]))
    if with_names:
        renderer.AddActor(_name_actor(points, renderer, radius_m))
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(width_px, height_px)
    window.AddRenderer(renderer)
    return np.concatenate([_photograph(window, renderer, view) for view in views], axis=1)


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write pixels (H, W, 3) as a PNG file."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    height, width, _ = pixels.shape
    image = vtk.vtkImageData()
    image.SetDimensions(width, height, 1)
    image.GetPointData().SetScalars(numpy_to_vtk(pixels[::-1].reshape(-1, 3).copy(), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()


def _mesh_actor(vertices: NDArray[np.float64], triangles: NDArray[np.int64], opacity: float) -> Any:
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, dtype=np.float64), deep=True))
    corners = np.concatenate([np.full((len(triangles), 1), 3), triangles], axis=1).astype(np.int64)
    cells = vtk.vtkCellArray()
    cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(corners.ravel(), deep=True))
    mesh = vtk.vtkPolyData()
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputData(mesh)
    normals.SplittingOff()
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(normals.GetOutputPort())
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetColor(0.86, 0.74, 0.66)
    look.SetOpacity(opacity)
    look.SetSpecular(0.1)
    return actor


def _ball_actor(position: NDArray[np.float64], radius_m: float, colour: tuple[float, float, float]) -> Any:
    import vtk

    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(*position)
    sphere.SetRadius(radius_m)
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(sphere.GetOutputPort())
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*colour)
    return actor


def _name_actor(points: Points, renderer: Any, radius_m: float) -> Any:
    """The names of the points that the camera sees, drawn over everything."""
    import vtk

    names = vtk.vtkStringArray()
    names.SetName("names")
    anchors = vtk.vtkPoints()
    for name, position in points.items():
        names.InsertNextValue(f"  {name}")
        anchors.InsertNextPoint(*position)
    cloud = vtk.vtkPolyData()
    cloud.SetPoints(anchors)
    cloud.GetPointData().AddArray(names)
    visible = vtk.vtkSelectVisiblePoints()
    visible.SetInputData(cloud)
    visible.SetRenderer(renderer)
    visible.SetToleranceWorld(2.0 * radius_m)
    mapper = vtk.vtkLabeledDataMapper()
    mapper.SetInputConnection(visible.GetOutputPort())
    mapper.SetLabelModeToLabelFieldData()
    mapper.SetFieldDataName("names")
    text = mapper.GetLabelTextProperty()
    text.SetColor(0.1, 0.1, 0.1)
    text.SetFontSize(13)
    text.ItalicOff()
    text.ShadowOff()
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    return actor


def _photograph(window: Any, renderer: Any, view: View) -> NDArray[np.uint8]:
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    centre, direction = np.array(view.centre), np.array(view.towards_camera)
    camera.SetFocalPoint(*centre)
    camera.SetPosition(*(centre + 5.0 * direction / np.linalg.norm(direction)))
    camera.SetViewUp(*((1.0, 0.0, 0.0) if abs(direction[1]) > 0.99 * np.linalg.norm(direction) else (0.0, 1.0, 0.0)))
    camera.SetParallelScale(view.height_m / 2)
    renderer.ResetCameraClippingRange()
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    pixels: NDArray[np.uint8] = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1]
    return pixels.copy()


def main(arguments: list[str] | None = None) -> None:
    """Draw the body with its markers at rest into a PNG file."""
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
    looked_at, directions, height_m = REGIONS[options.region]
    x, y, z = np.mean([positions[name] for name in looked_at], axis=0)
    views = [View(direction, (x, y, z), height_m * options.height_m / 1.76) for direction in directions]
    vertices, triangles = shaped.vertices.double().numpy(), body.triangles.numpy()
    write_png(draw(vertices, triangles, positions, views, radius_m=0.004), options.out)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m biopose.rendering.body_views",
        description="Draw the body with its virtual markers at rest, seen from several sides.",
        epilog="example: "
        "python -m biopose.rendering.body_views --out knee.png --region knee --height-m 1.62 --mass-kg 55",
    )
    parser.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    parser.add_argument("--region", choices=REGIONS, default="body", help="what to look at (default: the whole body)")
    parser.add_argument("--height-m", type=float, default=1.76, help="default: 1.76")
    parser.add_argument("--mass-kg", type=float, default=78.0, help="default: 78")
    parser.add_argument("--gender", type=float, default=0.0, help="0 male (default) to 1 female")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
