"""The course in one table: every lab's number, name, place and price in minutes; every role's path.

The single place of numbers and names; files, README and links are tested against it. It does not
know what a lab teaches, nor how an exercise is judged.
"""

from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter

FOUNDATIONS = ("00", "01", "02", "03")
"""Orientation and Part I, which every path begins with."""


@dataclass(frozen=True, slots=True)
class Lab:
    """One notebook.

    Attributes:
        number: two digits, as in the file's name.
        slug: the rest of the file's name.
        title: for headings and tables.
        question: what the lab answers.
        part: the part of the course it belongs to.
        minutes: to work through it, exercises included.
        prerequisites: numbers of the labs whose results it builds on.
        exercises: ids that ``check`` accepts.
        is_available: whether the notebook exists yet.
    """

    number: str
    slug: str
    title: str
    question: str
    part: str
    minutes: int
    prerequisites: tuple[str, ...]
    exercises: tuple[str, ...] = ()
    is_available: bool = False

    @property
    def file(self) -> str:
        """The notebook, from the repository's root."""
        return f"labs/{self.number}_{self.slug}.ipynb"

    @property
    def roles(self) -> tuple[str, ...]:
        """Keys of the roles whose path it is on."""
        return tuple(role.key for role in ROLES if self.number in role.path)


@dataclass(frozen=True, slots=True)
class Role:
    """One reader and the labs that serve them, in order.

    Attributes:
        key: what people type.
        name: who that is.
        after_foundations: numbers of the labs after the foundations.
    """

    key: str
    name: str
    after_foundations: tuple[str, ...]

    @property
    def path(self) -> tuple[str, ...]:
        """The whole path, foundations first."""
        return FOUNDATIONS + self.after_foundations


_START = "Start"
_FOUNDATIONS = "I Foundations"
_AUDIO = "II Audio streaming"
_API = "III API design"
_ENTERPRISE = "IV Enterprise"
_SCALE = "V Scale"

LABS = (
    Lab(
        "00",
        "orientation",
        "Orientation",
        "What does a served speech model look like while it works?",
        _START,
        20,
        (),
        ("00.1", "00.2"),
        is_available=True,
    ),
    Lab(
        "01",
        "serving_problem",
        "The serving problem",
        "Where do the milliseconds of one request go?",
        _FOUNDATIONS,
        60,
        ("00",),
        ("01.1", "01.2"),
        is_available=True,
    ),
    Lab(
        "02",
        "model_serving_frameworks",
        "Model serving frameworks",
        "What does a serving framework do for you?",
        _FOUNDATIONS,
        75,
        ("01",),
        ("02.1", "02.2"),
        is_available=True,
    ),
    Lab(
        "03",
        "gpu_optimization_and_cold_starts",
        "GPU optimization and cold starts",
        "Why does the expensive chip sit idle?",
        _FOUNDATIONS,
        90,
        ("01", "02"),
        ("03.1", "03.2", "03.3"),
        is_available=True,
    ),
    Lab(
        "04",
        "streaming_audio_architecture",
        "Streaming audio architecture",
        "What does sound cost on the wire and in the budget?",
        _AUDIO,
        75,
        ("01",),
        ("04.1", "04.2", "04.3"),
        is_available=True,
    ),
    Lab(
        "05",
        "protocol_selection_for_audio",
        "Protocol selection for audio",
        "Which wire?",
        _AUDIO,
        75,
        ("01",),
        ("05.1", "05.2", "05.3"),
        is_available=True,
    ),
    Lab(
        "06",
        "streaming_inference_pipelines",
        "Streaming inference pipelines",
        "How do many live streams share one engine?",
        _AUDIO,
        90,
        ("01", "03"),
        ("06.1", "06.2", "06.3"),
        is_available=True,
    ),
    Lab(
        "07",
        "designing_ml_facing_apis",
        "Designing ML-facing APIs",
        "Sync, operation, or stream?",
        _API,
        90,
        ("01",),
        ("07.1", "07.2", "07.3", "07.4"),
        is_available=True,
    ),
    Lab(
        "08",
        "streaming_response_contracts",
        "Streaming response contracts",
        "What do the messages mean?",
        _API,
        75,
        ("07",),
        ("08.1", "08.2", "08.3"),
        is_available=True,
    ),
    Lab(
        "09",
        "api_versioning_and_developer_experience",
        "API versioning and developer experience",
        "What may change under a client?",
        _API,
        75,
        ("01",),
        ("09.1", "09.2"),
        is_available=True,
    ),
    Lab(
        "10",
        "security_for_audio_ml_apis",
        "Security for audio ML APIs",
        "Who may stream, for how long, and how much compute?",
        _ENTERPRISE,
        75,
        ("01",),
        ("10.1", "10.2", "10.3"),
        is_available=True,
    ),
    Lab(
        "11",
        "compliance_and_data_governance",
        "Compliance and data governance",
        "Can you prove it?",
        _ENTERPRISE,
        75,
        ("01",),
        ("11.1", "11.2", "11.3"),
        is_available=True,
    ),
    Lab(
        "12",
        "slos_for_streaming_ml",
        "SLOs for streaming ML",
        "Fast for whom, how often, and how would you know?",
        _ENTERPRISE,
        75,
        ("06",),
        ("12.1", "12.2", "12.3"),
        is_available=True,
    ),
    Lab(
        "13",
        "usage_metering_and_billing",
        "Usage metering and billing",
        "Does the invoice equal the audio?",
        _ENTERPRISE,
        80,
        ("01",),
        ("13.1", "13.2", "13.3", "13.4"),
        is_available=True,
    ),
    Lab(
        "14",
        "scaling_inference_globally",
        "Scaling inference globally",
        "More machines, which machines, where?",
        _SCALE,
        120,
        ("03",),
        ("14.1", "14.2"),
        is_available=True,
    ),
    Lab(
        "15",
        "putting_it_all_together",
        "Putting it all together",
        "How does an artifact become a product?",
        _SCALE,
        90,
        ("06", "12"),
        ("15.1", "15.2", "15.3"),
        is_available=True,
    ),
)

ROLES = (
    Role(
        "backend",
        "backend engineer moving into ML infrastructure",
        ("06", "07", "08", "10", "12", "15"),
    ),
    Role(
        "platform",
        "platform engineer building inference platforms",
        ("06", "10", "12", "13", "14", "15"),
    ),
    Role("sre", "SRE who owns an ML service's SLOs", ("04", "06", "12", "14", "15")),
    Role(
        "leader",
        "technical leader weighing infrastructure decisions",
        ("05", "09", "11", "13", "14"),
    ),
    Role(
        "api",
        "API engineer on speech, audio, real-time ML products",
        ("04", "05", "06", "07", "08", "09", "13"),
    ),
)


def find_lab(number: str) -> Lab:
    """Look a lab up by its two digits.

    Raises:
        InvalidParameter: there is none.
    """
    for lab in LABS:
        if lab.number == number:
            return lab
    raise InvalidParameter(
        f"lab {number!r}", f"{LABS[0].number} to {LABS[-1].number}", "give the two digits as text"
    )


def find_role(key: str) -> Role:
    """Look a role up by its key, in any case.

    Raises:
        InvalidParameter: there is none.
    """
    for role in ROLES:
        if role.key == key.strip().lower():
            return role
    keys = ", ".join(role.key for role in ROLES)
    raise InvalidParameter(f"no role {key!r}", f"one of {keys}", "see them with: lab path")
