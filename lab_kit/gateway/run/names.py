"""How redaction finds names of people on this server, as its options say."""

from lab_kit.engine.opening import WHISPER
from lab_kit.gateway.run.options import BY_LISTS, ServerConfig
from lab_kit.models.persons import Persons, installed_version
from lab_kit.stream.sink.named import NamedPersons


def persons_of(config: ServerConfig) -> NamedPersons | None:
    """What tells persons by a model, loaded and warm; None where rules and lists alone do.

    It is loaded before anybody is served: its import holds up everything else for a second.

    Raises:
        NotInstalled: it was asked for, and is not installed.
    """
    is_left_out = config.names is None and installed_version() is None
    if config.names == BY_LISTS or is_left_out:
        return None
    persons = Persons(takes_torch=config.model == WHISPER)
    return NamedPersons(persons.name, persons)


def how_found(persons: NamedPersons | None) -> str:
    """In a line, for whoever starts the server."""
    model = "" if persons is None else f", and by {persons.name}"
    return f"redaction finds names by rules and lists{model}"
