"""The operator's view of the service level: what it is, why, what was given up; how to try it."""

from dataclasses import asdict

from fastapi import APIRouter

from lab_kit.capacity.degradation import Thresholds
from lab_kit.capacity.watch import Watch
from lab_kit.core.errors import InvalidParameter
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.observe.dead_letters import DeadLetters
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.degradation import (
    DeadLetterList,
    DegradationStatus,
    LevelChange,
    StepSwitch,
    ThresholdChange,
)
from lab_kit.stream.sink.steps import STEPS, SwitchableSteps


def degradation_routes(
    door: Door, watch: Watch, steps: SwitchableSteps, letters: DeadLetters
) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.get("/degradation")
    def degradation() -> DegradationStatus:
        """The level, what is seen, and the last steps; stamps are the server's monotonic clock."""
        return DegradationStatus(
            level=watch.degradation.level,
            name=watch.level,
            pressure=watch.degradation.pressure,
            signals=asdict(watch.signals),
            thresholds=asdict(watch.degradation.thresholds) | {"fill": watch.cost.fill},
            open_streams=len(door.streams),
            workers_a_stream=watch.cost.workers,
            capacity=watch.capacity,
            changes=tuple(LevelChange(**asdict(change)) for change in watch.changes),
        )

    @router.put("/degradation")
    def put_degradation(body: ThresholdChange) -> DegradationStatus:
        """Change what counts as pressure; what is left out is as the server began."""
        given = {name: number for name, number in asdict(body).items() if number is not None}
        fill = given.pop("fill", None)
        watch.use(Thresholds(**given), fill)
        return degradation()

    @router.put("/steps/{name}")
    def put_step(name: str, body: StepSwitch) -> dict[str, bool]:
        """Make an optional step fail, or mend it: a fault to be found."""
        if name not in STEPS:
            raise InvalidParameter(
                f"a step {name!r}", f"one of {', '.join(STEPS)}", "name one of these in the path"
            )
        (steps.failing.add if body.fails else steps.failing.discard)(name)
        return {step: step in steps.failing for step in STEPS}

    @router.get("/dead-letters")
    def dead_letters() -> DeadLetterList:
        """Decodes that failed for good: whose, how often tried, why. Never the sound."""
        return DeadLetterList(letters.total, letters.letters())

    return router
