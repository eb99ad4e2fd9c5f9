"""Scale: a reader's own server measured, what a model then says of more streams, and its judge;
then many servers, regions and days, as models alone.
"""

from lab_kit.experiments.scale.calibrating import calibrate
from lab_kit.experiments.scale.disturbed import Disturbed, disturb
from lab_kit.experiments.scale.echoed import echo_times_s
from lab_kit.experiments.scale.engines_ended import Ending, EnginesEnded, end_engines
from lab_kit.experiments.scale.fitting import Calibration, costs_table, fit
from lab_kit.experiments.scale.judging import Judgement, judge
from lab_kit.experiments.scale.lived import POLICIES, cold_starts, each_policy, mixes
from lab_kit.experiments.scale.placed import PLACEMENTS, models_table, placed_by_each
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Prediction, keep, predict, tried
from lab_kit.scale.autoscaling import Fixed, Predictive, Seen, Step, TargetTracking
from lab_kit.scale.bill import Bill, Prices, bill
from lab_kit.scale.day import Day, Loss, Mix, World, live
from lab_kit.scale.demand import Crowd, Demand
from lab_kit.scale.geography import REGIONS, Region, rtt_s

__all__ = [
    "PLACEMENTS",
    "POLICIES",
    "REGIONS",
    "Bill",
    "Calibration",
    "Crowd",
    "Day",
    "Demand",
    "Disturbed",
    "Ending",
    "EnginesEnded",
    "Fixed",
    "Judgement",
    "Loss",
    "Mix",
    "Plateau",
    "Prediction",
    "Predictive",
    "Prices",
    "Region",
    "Seen",
    "Step",
    "TargetTracking",
    "World",
    "bill",
    "calibrate",
    "cold_starts",
    "costs_table",
    "disturb",
    "each_policy",
    "echo_times_s",
    "end_engines",
    "fit",
    "judge",
    "keep",
    "live",
    "mixes",
    "models_table",
    "placed_by_each",
    "predict",
    "rtt_s",
    "tried",
]
