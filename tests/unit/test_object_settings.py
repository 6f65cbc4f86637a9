"""Settings of the object store that make no sense stop the start and say why."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from actors.settings import Settings


def test_the_s3_backend_without_a_bucket_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADRACE_OBJECTS__BACKEND", "s3")

    assert "set HEADRACE_OBJECTS__S3__BUCKET" in (Settings().missing() or "")


def test_a_wrong_setting_does_not_show_the_secret_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADRACE_OBJECTS__S3__PART_BYTES", "7")
    monkeypatch.setenv("HEADRACE_OBJECTS__S3__SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "hunter2" not in str(caught.value)
