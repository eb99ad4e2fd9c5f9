"""A game day: faults in real processes, found on a dashboard, worked by runbooks, and scored."""

from lab_kit.experiments.game_day.dashboard import CallSeen, Dashboard, Ending, Gauges
from lab_kit.experiments.game_day.day import GameDay, begin, open_day, order_by_chance, play
from lab_kit.experiments.game_day.faults import RUNBOOKS, Action, Fault, Runbook
from lab_kit.experiments.game_day.score import Incident, Score, score, scores_table

__all__ = [
    "RUNBOOKS",
    "Action",
    "CallSeen",
    "Dashboard",
    "Ending",
    "Fault",
    "GameDay",
    "Gauges",
    "Incident",
    "Runbook",
    "Score",
    "begin",
    "open_day",
    "order_by_chance",
    "play",
    "score",
    "scores_table",
]
