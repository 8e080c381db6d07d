"""What OpenSim passes over in silence is refused with its line, or noted where it does no harm."""

from pathlib import Path

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.skeleton.osim_check import NEWEST_DOCUMENT, check_osim
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from tests.skeleton import models
from tests.skeleton.models import OpenSimPoser, random_poses

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="40600">
  <Model name="one_hinge">
    <credits>nobody</credits>
    <BodySet><objects>
      <Body name="block"><mass>2</mass><mass_center>0 0.1 0</mass_center><inertia>1 1 1 0 0 0</inertia></Body>
    </objects></BodySet>
    <JointSet><objects>
      <CustomJoint name="hinge">
        <socket_parent_frame>base</socket_parent_frame>
        <socket_child_frame>/bodyset/block</socket_child_frame>
        <coordinates><Coordinate name="angle"><range>-1 2</range><clamped>true</clamped></Coordinate></coordinates>
        <frames><PhysicalOffsetFrame name="base">
          <socket_parent>/ground</socket_parent><translation>0 1 0</translation><orientation>0 0 0.5</orientation>
        </PhysicalOffsetFrame></frames>
        <SpatialTransform>
          <TransformAxis name="rotation1">
            <coordinates>angle</coordinates><axis>1 0 0</axis>
            <function><SimmSpline><x>-1 0 1</x><y>-0.5 0 0.8</y></SimmSpline></function>
          </TransformAxis>
        </SpatialTransform>
      </CustomJoint>
    </objects></JointSet>
    <MarkerSet><objects>
      <Marker name="R.ASIS">
        <socket_parent_frame>/bodyset/block</socket_parent_frame>
        <location>0.01 0.02 0.03</location>
        <fixed>true</fixed>
      </Marker>
    </objects></MarkerSet>
  </Model>
</OpenSimDocument>
"""
LOCATION = "<location>0.01 0.02 0.03</location>"


def write(folder: Path, old: str = "", new: str = "") -> Path:
    """The model with a piece of its text replaced."""
    assert old in MODEL
    path = folder / "m.osim"
    path.write_text(MODEL.replace(old, new, 1) if old else MODEL, encoding="utf-8")
    return path


def markers_equal_opensims(path: Path) -> bool:
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    q = random_poses(skeleton, count=1)[0]
    poser.pose(q)
    return np.allclose(models.markers_at(skeleton, q), poser.marker_positions(), atol=1e-12)


def test_a_sound_model_has_no_notes(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert read_osim(path).notes == ()
    assert markers_equal_opensims(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (LOCATION, "<location>0,01 0,02 0,03</location>", "27: MarkerSet/R.ASIS/location: found '0,01 0,02 0,03': a "
         "decimal comma; write a point; 3 numbers like 0.01 0.02 0.03 are expected"),
        (LOCATION, "<location>0.01 0.02</location>", "location: found '0.01 0.02'; 3 numbers"),
        (LOCATION, "<location>0.01 0.02 0.03 0.04</location>", "found '0.01 0.02 0.03 0.04'; 3 numbers"),
        (LOCATION, "<location></location>", "found nothing; 3 numbers"),
        (LOCATION, "<location/>", "found nothing; 3 numbers"),
        (LOCATION, "<location>here it is</location>", "'here' is no number"),
        (LOCATION, "<location>0.01m 0.02 0.03</location>", "'0.01m' is no number"),
        (LOCATION, "<location>1D-2 0.02 0.03</location>", "'1D-2' is no number"),
        (LOCATION, "<location>\u22120.01 0.02 0.03</location>", "is no number"),
        (LOCATION, "<location>nan 0 0</location>", "finite numbers expected"),
        (LOCATION, "<location>0 inf 0</location>", "finite numbers expected"),
        (LOCATION, "<location>0 <b/> 0 0</location>", "holds <b> where 3 numbers"),
        (LOCATION, LOCATION + "\n<location>9 9 9</location>", "28: MarkerSet/R.ASIS/location: <location> is there "
         "twice, in line 27 and here; OpenSim reads the first. Keep one"),
        (LOCATION, LOCATION.replace("location", "locaton"), "Marker has no <locaton>, and OpenSim passes over it; "
         "write <location>"),
        (LOCATION, LOCATION.replace("location", "Location"), "write <location>"),
        ("<mass>2", "<mass>2,5", "6: BodySet/block/mass: found '2,5': a decimal comma"),
        ("<mass>2", "<mass>", "BodySet/block/mass: found nothing; a number like 0.01 is expected"),
        ("<mass>2", "<mass>nan", "finite"),
        ("1 1 1 0 0 0", "1 1 1", "BodySet/block/inertia: found '1 1 1'; 6 numbers"),
        ("-1 2<", "2 -1<", "angle/range: found '2 -1'; expected the least value, then the greatest"),
        ("-1 2<", "-1<", "range: found '-1'; 2 numbers"),
        ("-1 2<", "nan nan<", "range: found 'nan nan'"),
        ("<fixed>true", "<fixed>yes", "fixed: found 'yes'; expected true or false"),
        ("<axis>1 0 0", "<axis>1 0,5 0", "hinge/SpatialTransform/rotation1/axis: found '1 0,5 0': a decimal comma"),
        ("<axis>1 0 0", "<axis>0 0 0", "hinge"),
        ("<x>-1 0 1", "<x>-1 0", "<x> holds 2 numbers and <y> 3"),
        ("<x>-1 0 1", "<x>-1 1 0", "0 comes after 1; <x> must ascend"),
        ("<x>-1 0 1</x><y>-0.5 0 0.8", "<x>-1</x><y>-0.5", "1 points; a SimmSpline needs at least 2"),
        ("<x>-1 0 1", "<x>-1, 0,5 1", "a decimal comma"),
        ("<socket_parent_frame>/bodyset/block", "<socket_parent_frame>/bodyset/pelvis",
         "the model has no body pelvis; it has block, ground"),
        ("<socket_parent_frame>/bodyset/block", "<socket_parent_frame>", "names no frame"),
        ("<socket_parent_frame>base", "<socket_parent_frame>absent", "cannot build this model: Failed to connect"),
        ("R.ASIS", "R&ASIS", "or a bare &; save the file as UTF-8"),
        ("R.ASIS", "R/ASIS", "Component 'R/ASIS' of type Marker contains invalid characters"),
        ("<JointSet><objects>", "<JointSet><objects><KneeJoint/>",
         "joint type KneeJoint is not supported; known are"),
        ("<SimmSpline>", "<MySpline>", "mismatched tag: <MySpline> of line 19 is not closed"),
        ("<x>-1 0 1</x>", "", "<x> holds 0 numbers and <y> 3"),
        ("<coordinates>angle</coordinates><axis>", "<axis>", "<SimmSpline> (line 19) needs a coordinate; write"),
        ("<function><SimmSpline><x>-1 0 1</x><y>-0.5 0 0.8</y></SimmSpline></function>",
         "<function><StepFunction/></function>", "joint hinge, rotation1: function type StepFunction is not supported"),
        ("<Marker name", "<LabMarker/><Marker name", "does not know the type LabMarker; if it comes from a plug-in"),
        ('Version="40600"', 'Version="30000"', "a JointSet is of OpenSim 4, but the document's Version is 30000"),
        ('Version="40600"', 'Version="new"', "<OpenSimDocument> has Version='new'"),
        (' Version="40600"', "", "<OpenSimDocument> has Version=''"),
        ('Body name="block"', 'Body name="ground"', "a body cannot be named ground"),
        ("<MarkerSet>", '<MarkerSet file="absent.xml">', "is to be read from absent.xml, which is not there"),
        ("<mass>2", "<mass>-2", "OpenSim cannot build this model: Body block has invalid mass properties"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        read_osim(write(tmp_path, old, new))
    assert message in str(error.value)
    assert str(tmp_path / "m.osim") in str(error.value)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.osim"
    path.write_text(MODEL[: int(share * len(MODEL))], encoding="utf-8")
    with pytest.raises(ModelError, match="it is cut off; copy it again"):
        read_osim(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (MODEL.encode("utf-16"), "the text is UTF-16; save it as UTF-8"),
        (MODEL.replace("nobody", "no\0body").encode(), "m.osim:4: not an OpenSim model: a zero byte"),
        (MODEL.replace("R.ASIS", "Hüfte").encode("latin-1"), "a character that is not UTF-8"),
        (("<a>" * 200 + "</a>" * 200).encode(), "lies within 100 other elements"),
        (b"<OpenSimDocument Version='40600'/>", "the document holds a nothing; expected one Model"),
    ],
)
def test_bytes_that_are_no_model_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.osim"
    path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        read_osim(path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("nobody", "Müller".encode().decode("latin-1"), ""),
        ("nobody", "you & me", "credits (line 4): holds a character that is not UTF-8, or a bare &; it is passed over"),
        ("nobody", "you&nbsp;too", "or a bare &; it is passed over"),
        ("nobody", "a ]]> b", "it is passed over"),
        ("nobody", "<![CDATA[you & me]]>", ""),
        ("nobody", "<!-- a -- b -->", ""),
        ("<?xml", "\n<?xml", ""),
        ("<?xml", "\ufeff<?xml", ""),
        ("0.01 0.02 0.03<", " 1e-2, +.02, 3.e-2 <", ""),
        ("-1 2<", "-inf inf<", "angle/range (line 12): infinite, taken as 99999.9"),
        ('"40600"', '"50000"', "written by a newer OpenSim (document version 50000; this one knows up to 40600)"),
        ("</MarkerSet>", "</MarkerSet><ForceSet><objects><CoordinateActuator name='motor'>"
         "<coordinate>angle</coordinate><optimal_force>1,5</optimal_force></CoordinateActuator></objects></ForceSet>",
         "ForceSet/motor/optimal_force (line 30): found '1,5'"),
    ],
)  # fmt: skip
def test_what_does_no_harm_is_read_as_opensim_reads_it(tmp_path: Path, old: str, new: str, note: str) -> None:
    path = write(tmp_path, old, new)
    notes = read_osim(path).notes
    assert any(note in found for found in notes) if note else notes == ()
    assert markers_equal_opensims(path)


def test_a_byte_of_another_encoding_in_a_credit_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "m.osim"
    path.write_bytes(MODEL.replace("nobody", "Müller").encode("latin-1"))
    assert "credits (line 4): holds a character that is not UTF-8" in read_osim(path).notes[0]


def test_markers_of_one_name_are_named_as_opensim_names_them(tmp_path: Path) -> None:
    again = '<Marker name="R.ASIS"><socket_parent_frame>/ground</socket_parent_frame></Marker>'
    skeleton = read_osim(write(tmp_path, "      <Marker", f"{again}\n<Marker"))
    assert skeleton.marker_names == ("R.ASIS", "R.ASIS_0")
    assert skeleton.notes[0].startswith("MarkerSet: R.ASIS is there 2 times (lines 25, 26); OpenSim names the later")


def test_a_marker_set_in_another_file_is_checked_there(tmp_path: Path) -> None:
    markers = MODEL[MODEL.index("<MarkerSet>") : MODEL.index("</MarkerSet>") + len("</MarkerSet>")]
    other = tmp_path / "markers.xml"
    path = write(tmp_path, "<MarkerSet>", '<MarkerSet file="markers.xml">')
    document = f'<OpenSimDocument Version="40600">{markers.replace("R.ASIS", "elsewhere")}</OpenSimDocument>'
    other.write_text(document, encoding="utf-8")
    skeleton = read_osim(path)
    assert skeleton.marker_names == ("elsewhere",)
    assert skeleton.notes == ("MarkerSet (line 24): is read from markers.xml, not from here",)
    other.write_text(document.replace("0.01 0.02", "0,01 0.02"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"markers\.xml:4: MarkerSet/elsewhere/location: found '0,01 0\.02 0\.03'"):
        read_osim(path)


def test_the_newest_document_version_is_that_which_opensim_writes(tmp_path: Path) -> None:
    path = tmp_path / "empty.osim"
    opensim.Model().printToXML(str(path))
    assert f'Version="{NEWEST_DOCUMENT}"' in path.read_text(encoding="utf-8")
    assert check_osim(path) == ()
