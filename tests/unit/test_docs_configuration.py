"""The configuration reference says what the settings are."""

from __future__ import annotations

from pathlib import Path

from tools.settings_reference import settings_page, undescribed

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_has_a_description() -> None:
    assert undescribed() == []


def test_the_configuration_page_is_up_to_date() -> None:
    """When this fails: make docs."""
    assert (DOCS / "configuration.md").read_text("utf-8") == settings_page()
