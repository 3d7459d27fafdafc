"""The order of rows, a pure function; `python -m training.plan` prints what a plan will read."""

from training.plan.order import PlanError, SourceRows
from training.plan.plan import Draw, Plan, RowLocation, difference

__all__ = ["Draw", "Plan", "PlanError", "RowLocation", "SourceRows", "difference"]
