"""Which service and which data directory a command means."""

from __future__ import annotations

from pathlib import Path

import httpx

from actors.settings import Profile, Settings
from serve_app.client import HeadraceClient
from serve_app.launcher import live_state


def load_settings(data_dir: Path | None = None, *, profile: Profile | None = None) -> Settings:
    """The settings of the environment, on another data directory or profile where one is given.

    Raises:
        pydantic.ValidationError: naming the variables that are wrong.
    """
    settings = Settings(profile=profile) if profile else Settings()
    return settings.model_copy(update={"data_dir": data_dir}) if data_dir else settings


def connect(transport: httpx.BaseTransport | None) -> HeadraceClient:
    """A client of the service that is meant; ``transport`` takes the network's place in tests."""
    return HeadraceClient(service_url(load_settings()), transport=transport)


def service_url(settings: Settings) -> str:
    """``HEADRACE_URL``; else the URL of the service that runs for the data directory."""
    if "url" in settings.model_fields_set:
        return settings.url
    state = live_state(settings.data_dir)
    return state.url if state else settings.url
