"""What all unit tests have in common."""

from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests that keep something."""
    # what a crash of the machine would leave is no matter here
    with postgres_server("-c fsync=off -c max_connections=300") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Of a new PostgreSQL database; None for an SQLite file."""
    if request.param == "sqlite":
        return None
    running: PostgresServer = request.getfixturevalue("postgres")
    return running.new_url()
