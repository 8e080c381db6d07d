"""What the pages say about commands: each exists, with the options and the choices that are written there."""

import re
from pathlib import Path

import pytest

from tests.commands import COMMANDS, assert_parses

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "flows/deployment/README.md")} | {
    f"biopose/weights/{page.name}": page.read_text() for page in sorted(ROOT.glob("biopose/weights/*.md"))
}
every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_lines_of_a_page_are_commands_that_parse(page: str) -> None:
    for line in re.findall(r"^    (biopose .*)", PAGES[page], re.MULTILINE):
        assert_parses(line)


@every_page
def test_commands_in_its_prose_exist_with_their_options(page: str) -> None:
    for command in re.findall(r"`(biopose [a-z][^`]*)`", PAGES[page]):
        assert_parses(command, whole=False)


@every_page
def test_options_that_it_names_alone_exist(page: str) -> None:
    options = {name for command in COMMANDS.values() for p in command.params for name in (*p.opts, *p.secondary_opts)}
    for option in re.findall(r"`(--[a-z0-9-]+)", PAGES[page]):
        assert option in options | {"--help"}
