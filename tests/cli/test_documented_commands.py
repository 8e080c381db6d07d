"""What the pages say about commands: each exists, with the options and the choices that are written there."""

import re
from pathlib import Path

import pytest

from tests.commands import COMMANDS, assert_parses

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "biopose", "biopose/cli", "biopose/weights", "flows", "flows/deployment", "warehouse")
PAGES = {
    str(page.relative_to(ROOT)): page.read_text() for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))
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


@every_page
def test_links_to_files_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[page]):
        assert ((ROOT / page).parent / link).exists(), link
