"""The documentation tells the truth: its commands exist, every verb is told, every link leads somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from tools import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = sorted(
    {
        " ".join(command.strip(" `").split())
        for page in PAGES
        for command in re.findall(r"^\s*twinarm .+$|`twinarm [^`]+`", page.read_text(), re.MULTILINE)
    }
)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize("command", [c for c in COMMANDS if "VERB" not in c])
def test_a_command_that_a_page_names_exists_with_these_flags(command):
    _, verb, *words = shlex.split(re.sub(r"\$\w+", "", command), comments=True)
    assert verb in cli.VERBS
    if words:
        cli.parse(cli.flags(verb), verb, words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_row_of_a_table_has_the_cells_of_its_head(page):
    for table in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
        rows = [row.count("|") - row.count("\\|") for row in table.splitlines()]
        assert set(rows) == {rows[0]}, table


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_is_told_in_the_table_of_commands(verb):
    assert f"| `twinarm {verb} " in README


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))))
def test_a_make_target_of_the_readme_exists(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing
