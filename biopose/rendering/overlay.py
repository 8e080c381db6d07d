"""overlay.mp4: the bodies drawn over the video, and beside it a view from the side and the curves of the leg's angles.

Decoding, drawing and encoding have a thread each; memory holds a few frames. A body is grey in untrusted frames.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from biopose.body.keypoint_names import KEYPOINTS
from biopose.camera.pinhole import Camera
from biopose.io.files import written_whole
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.bystanders import BLURRED, blur_surroundings
from biopose.rendering.curve_strip import SIDE_COLOURS, CurveStrip
from biopose.rendering.drawing import Colour, draw_dot, draw_text
from biopose.rendering.kept_frame import KeptFrame
from biopose.rendering.mesh_renderer import MeshRenderer
from biopose.rendering.overlay_layout import overlay_layout
from biopose.rendering.person_labels import person_labels
from biopose.rendering.posed_mesh import PersonMesh, drawn_mesh
from biopose.rendering.side_view import SideView, T_first_world
from biopose.skeleton.threads import one_torch_thread
from biopose.video.encoding import VideoFile
from biopose.video.frames import Frame
from biopose.video.read_ahead import read_ahead

OPACITY = 0.62
PALETTE: tuple[Colour, ...] = ((236, 145, 62), (72, 160, 152), (150, 120, 200), (214, 190, 70), (110, 150, 220))
MIN_CONFIDENCE = 0.3
KEYPOINT_COLOURS = tuple(
    SIDE_COLOURS[name[0]] if name.startswith(("right_", "left_")) else (245, 245, 245) for name in KEYPOINTS
)
AHEAD_FRAMES = 4  # decoded before they are drawn
THUMBNAIL_PX = 300


def write_overlay(
    people: Sequence[PersonMeasurement],
    frames: Iterable[Frame],
    path: Path,
    *,
    rate_hz: float,
    heights_m: Sequence[float] | None = None,
    height_px: int | None = None,
    blur_bystanders: bool = False,
    keep: Collection[tuple[int, int]] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> list[KeptFrame]:
    """Write the overlay, whole or not at all.

    Args:
        people: at least one, all in the video.
        frames: the video, from its first frame; decoded in a thread of its own. Their images may have any size.
        path: the .mp4 to write.
        rate_hz: the video's nominal rate; each frame keeps its own time.
        heights_m: of each person, as given for the measurement; shown where there are several people.
        height_px: of the overlay; None for that of `overlay_layout`.
        blur_bystanders: whether all but the measured people is blurred, in the crops, too.
        keep: (index in `people`, frame index) of the crops to return.
        progress: called with 1 after each frame.

    Returns:
        The crops.

    Raises:
        ValueError: nobody was measured.
    """
    if not people:
        raise ValueError("nobody was measured: there is nothing to draw")
    kept: list[KeptFrame] = []
    start_s: float | None = None
    with one_torch_thread(), written_whole(path) as partial:
        canvas = Canvas(people, heights_m=heights_m, height_px=height_px, blur_bystanders=blur_bystanders)
        size = canvas.layout.width_px, canvas.layout.height_px
        comment = BLURRED if blur_bystanders else ""
        with (
            VideoFile(partial, width_px=size[0], height_px=size[1], rate_hz=rate_hz, comment=comment) as video,
            closing(read_ahead(iter(frames), depth=AHEAD_FRAMES)) as decoded,
        ):
            for frame in decoded:
                pixels = canvas.draw(frame)
                start_s = frame.time_s if start_s is None else start_s
                video.add(pixels, time_s=frame.time_s - start_s)
                kept += [canvas.crop(pixels, person, at) for person, at in keep if at == frame.index]
                progress(1)
    return kept


class Canvas:
    """Draws the frames of the overlay, in order."""

    def __init__(
        self,
        people: Sequence[PersonMeasurement],
        *,
        heights_m: Sequence[float] | None = None,
        height_px: int | None = None,
        blur_bystanders: bool = False,
    ) -> None:
        first = people[0]
        self._blur_bystanders = blur_bystanders
        self._people = people
        self._labels = person_labels(people, heights_m)
        self.layout = overlay_layout(first.camera, height_px=height_px)
        mesh = drawn_mesh(first.person.shaped.body)
        self._bodies = [PersonMesh(one, mesh) for one in people]
        self._T_first_world = [T_first_world(one, first) for one in people]
        self._cameras = [resized(one.camera, *self.layout.video_px) for one in people]
        self._renderer = MeshRenderer(self._cameras[0], mesh.triangles, n_people=len(people), back_faces=False)
        column_px, side_px = self.layout.column_px, self.layout.side_px
        self._side = SideView(people, mesh.triangles, width_px=column_px, height_px=side_px)
        strip_px = self.layout.height_px - side_px
        self._curves = CurveStrip(first.coordinates, first.coordinate_sd, width_px=column_px, height_px=strip_px)
        self._resizer = av.video.reformatter.VideoReformatter()

    def draw(self, frame: Frame) -> NDArray[np.uint8]:
        """The image (height_px, width_px, 3) of one frame."""
        present = [i for i, body in enumerate(self._bodies) if body.row(frame.index) is not None]
        in_world = {i: self._bodies[i].at(frame.index) for i in present}
        colours = {i: self._bodies[i].colour(frame.index, PALETTE[i % len(PALETTE)]) for i in present}
        pixels = np.empty((self.layout.height_px, self.layout.width_px, 3), dtype=np.uint8)
        video, column = pixels[:, : self.layout.video_width_px], pixels[:, self.layout.video_width_px :]
        image = self._resized(frame.image)
        if self._blur_bystanders:
            image = blur_surroundings(image, [self._box_px(i, frame.index) for i in present])
        video[...] = image
        in_camera = [in_world[i].moved(self._people[i].T_camera_world) for i in present]
        self._renderer.draw_onto(
            video,
            [mesh.vertices_m for mesh in in_camera],
            colours=[colours[i] for i in present],
            opacity=OPACITY,
            normals=[mesh.normals for mesh in in_camera],
            cameras=[self._cameras[i] for i in present],
        )
        for i in present:
            self._draw_detection(video, i, frame.index)
        draw_text(video, f"frame {frame.index}   {frame.time_s:.3f} s", 8, 8, (255, 255, 255), size_px=14)
        in_first = [in_world[i].moved(self._T_first_world[i]) for i in present]
        side_px = self.layout.side_px
        column[:side_px] = self._side.draw(frame.index, in_first, [colours[i] for i in present])
        column[side_px:] = self._curves.draw(self._time_of_first(frame))
        return pixels

    def crop(self, pixels: NDArray[np.uint8], person: int, frame_index: int) -> KeptFrame:
        """The part of a drawn image around a person, by the box of the nearest frame in which they were detected."""
        width, height = self.layout.video_px
        track = self._people[person].track
        detected = np.flatnonzero(track.detected)
        nearest = detected[np.abs(track.frame_indices[detected] - frame_index).argmin()]
        box = track.boxes_px[nearest] * self._scale()
        reach = 0.65 * max(box[2] - box[0], box[3] - box[1])
        x, y = (np.clip((box[0] + box[2]) / 2, 0, width - 1), np.clip((box[1] + box[3]) / 2, 0, height - 1))
        left, right = max(0, round(x - reach)), min(width, round(x + reach))
        top, bottom = max(0, round(y - reach)), min(height, round(y + reach))
        image = Image.fromarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=82)
        return KeptFrame(person, frame_index, stream.getvalue())

    def _resized(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height = self.layout.video_px
        if image.shape[:2] == (height, width):
            return image
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        how = av.video.reformatter.Interpolation.FAST_BILINEAR
        small = self._resizer.reformat(frame, width, height, "rgb24", interpolation=how)
        return np.asarray(small.to_ndarray(), dtype=np.uint8)

    def _draw_detection(self, video: NDArray[np.uint8], person: int, frame_index: int) -> None:
        """The detected keypoints and, where there are several people, the person's number and height."""
        row = self._bodies[person].row(frame_index)
        track = self._people[person].track
        points = (track.keypoints_px[row] + 0.5) * self._scale()[:2] - 0.5
        radius = max(2.0, self.layout.height_px / 300)
        for (x, y), confidence, colour in zip(points, track.confidence[row], KEYPOINT_COLOURS, strict=True):
            if confidence >= MIN_CONFIDENCE:
                draw_dot(video, x, y, colour, radius_px=radius, outline_px=1.0)
        if len(self._people) > 1:
            left, top = self._box_px(person, frame_index)[:2]
            draw_text(video, self._labels[person], left, top - 20, PALETTE[person % len(PALETTE)], size_px=13)

    def _box_px(self, person: int, frame_index: int) -> NDArray[np.float64]:
        """(4,) a person's box in the overlay."""
        row = self._bodies[person].row(frame_index)
        return np.asarray(self._people[person].track.boxes_px[row] * self._scale(), dtype=float)

    def _scale(self) -> NDArray[np.float64]:
        camera = self._people[0].camera
        return np.tile([self.layout.video_px[0] / camera.width_px, self.layout.video_px[1] / camera.height_px], 2)

    def _time_of_first(self, frame: Frame) -> float:
        """The frame's time on the first person's clock, which runs in real time where the video is in slow motion."""
        row = self._bodies[0].row(frame.index)
        return float("inf") if row is None else float(self._people[0].track.time_s[row])


def resized(camera: Camera, width_px: int, height_px: int) -> Camera:
    """The camera of the same image resized; the centre of the first pixel stays 0, 0."""
    x, y = width_px / camera.width_px, height_px / camera.height_px
    (fx, fy), (cx, cy) = camera.focal_px, camera.centre_px
    centre = ((cx + 0.5) * x - 0.5, (cy + 0.5) * y - 0.5)
    return Camera(width_px, height_px, (fx * x, fy * y), centre, camera.distortion)
