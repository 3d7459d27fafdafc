"""The order of rows, a pure function; `python -m training.plan` asks what a plan will read."""

from training.plan.order import PlanError, Source
from training.plan.plan import Draw, Plan, Row, difference

__all__ = ["Draw", "Plan", "PlanError", "Row", "Source", "difference"]
