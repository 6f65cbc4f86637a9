"""The documentation says what the code does."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from serve_app.api import create_app
from tools.cli_reference import cli_page
from tools.settings_reference import settings_page, undescribed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("infra/*.md")]
)


def test_every_setting_has_a_description() -> None:
    assert undescribed() == []


def test_the_configuration_page_is_up_to_date() -> None:
    """When this fails: make docs."""
    assert (DOCS / "configuration.md").read_text("utf-8") == settings_page()


def test_the_command_line_page_is_up_to_date() -> None:
    """When this fails: make docs."""
    assert (DOCS / "cli.md").read_text("utf-8") == cli_page()


def test_the_rest_page_names_every_route() -> None:
    app = create_app(asynccontextmanager(lambda: iter(())))
    paths = {path.replace(":path", "") for path in app.openapi()["paths"]}
    named = (DOCS / "rest.md").read_text("utf-8").replace("{id}", "{}")
    missing = [path for path in sorted(paths) if re.sub(r"{\w+_id}", "{}", path) not in named]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_decisions_are_all_listed() -> None:
    listed = (DOCS / "adr" / "README.md").read_text("utf-8")
    pages = sorted(path.name for path in (DOCS / "adr").glob("0*.md"))
    assert pages
    assert [page for page in pages if page not in listed] == []


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", makefile)
    assert phony
    targets = phony[1].replace("\\\n", " ").split()
    assert [name for name in targets if not re.search(rf"^{name}:.* ## ", makefile, re.M)] == []
