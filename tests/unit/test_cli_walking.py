"""Which files a list of paths means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serve_app.commands.walking import find_files


def names_in(*paths: Path) -> list[str]:
    return [upload.filename for upload in find_files(paths)[0]]


def reasons_in(*paths: Path) -> dict[str, str]:
    return {Path(one.path).name: one.reason for one in find_files(paths)[1]}


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


def test_files_of_a_folder_are_sorted_and_named_from_its_parent(tmp_path: Path) -> None:
    folder = fill(tmp_path / "export", "b/2.json", "a.csv", "b/1.json")
    assert names_in(folder) == ["export/a.csv", "export/b/1.json", "export/b/2.json"]


def test_a_named_file_keeps_its_base_name(tmp_path: Path) -> None:
    folder = fill(tmp_path, "deep/down/a.csv")
    assert names_in(folder / "deep" / "down" / "a.csv") == ["a.csv"]


def test_the_current_folder_has_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fill(tmp_path / "export", "a.csv"))
    assert names_in(Path(".")) == ["export/a.csv"]


def test_hidden_and_empty_things_are_skipped_by_name(tmp_path: Path) -> None:
    folder = fill(tmp_path / "export", ".hidden", ".git/config", "a.csv")
    (folder / "empty").mkdir()
    assert names_in(folder) == ["export/a.csv"]
    assert reasons_in(folder) == {".hidden": "hidden", ".git": "hidden", "empty": "empty folder"}


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    folder = fill(tmp_path / "export", "a.csv", "sub/b.csv")
    (folder / "sub" / "up").symlink_to(folder)
    assert names_in(folder) == ["export/a.csv", "export/sub/b.csv"]
    assert reasons_in(folder) == {"up": "folder is here by another way already"}


def test_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    folder = fill(tmp_path / "export", "a.csv")
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to(folder / "missing")
    assert reasons_in(folder) == {"pipe": "not a regular file", "nowhere": "link to nothing"}


def test_a_name_that_is_no_utf8_is_shown_with_replacements(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "export") + b"/caf\xe9.csv")).write_text("x")
    assert names_in(tmp_path / "export") == ["export/caf\ufffd.csv"]
