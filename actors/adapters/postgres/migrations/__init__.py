"""Numbered SQL files that go forward only; ``migrate`` runs those not applied yet."""
