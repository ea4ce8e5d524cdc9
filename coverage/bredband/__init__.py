"""Broadband coverage, what the rest costs, and which areas come first.

Every step is a function from tables to tables, to be called alone in a notebook:

>>> from bredband import Region, read_inputs, compute
>>> results = compute(region := Region.read("data_raw/norrbotten"), read_inputs(region))
>>> results.cost, results.areas, results.map
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bredband.area_profile import describe_areas
    from bredband.areas import Areas, build_areas
    from bredband.availability import premises_status
    from bredband.backbone import plan_backbone
    from bredband.buildout import Buildout, plan_buildout
    from bredband.caveats import change_warnings
    from bredband.change import change_table, match_premises, matched_table
    from bredband.changed import changed_premises
    from bredband.checks import check_region
    from bredband.choice_areas import choose_areas, nest_areas, schedule_areas
    from bredband.cost import cost_table, sketch_cost
    from bredband.deliveries import compare_runs, read_run
    from bredband.display import show_table
    from bredband.dwellings import derive_households
    from bredband.flips import find_flips
    from bredband.geopackage import write_geopackage
    from bredband.inputs import Inputs, check_inputs, find_status, read_inputs
    from bredband.map_result import result_map
    from bredband.maps import coverage_map
    from bredband.motivations import explain_areas
    from bredband.ofds_export import ofds_network
    from bredband.pipeline import compute, run
    from bredband.premises import build_premises
    from bredband.prices import Price, Prices
    from bredband.priorities import order_areas
    from bredband.priority import rank_areas
    from bredband.pts import eligible_buildings
    from bredband.pts_marks import plan_marks
    from bredband.pts_plan import plan_pts
    from bredband.publication import generalise_areas
    from bredband.quantities import bill_of_areas, bill_of_list, bill_of_network
    from bredband.region import Region
    from bredband.report import write_report
    from bredband.results import Results, write_results
    from bredband.scores import score_areas
    from bredband.settings_priority import Budget, Criterion
    from bredband.standing import combine_shares, implied_weight, national_shares, standing_table
    from bredband.start import make_example
    from bredband.statistics import coverage_table, goals_table, state_aid_table, technology_table
    from bredband.stored import read_manifest, read_tables
    from bredband.workbook import write_workbook

__version__ = version("bredband")

_HOMES = {
    "Areas": "areas",
    "Budget": "settings_priority",
    "Buildout": "buildout",
    "Criterion": "settings_priority",
    "Inputs": "inputs",
    "Price": "prices",
    "Prices": "prices",
    "Region": "region",
    "Results": "results",
    "bill_of_areas": "quantities",
    "bill_of_list": "quantities",
    "bill_of_network": "quantities",
    "build_areas": "areas",
    "build_premises": "premises",
    "change_table": "change",
    "change_warnings": "caveats",
    "changed_premises": "changed",
    "check_inputs": "inputs",
    "check_region": "checks",
    "choose_areas": "choice_areas",
    "combine_shares": "standing",
    "compare_runs": "deliveries",
    "compute": "pipeline",
    "cost_table": "cost",
    "coverage_map": "maps",
    "coverage_table": "statistics",
    "derive_households": "dwellings",
    "describe_areas": "area_profile",
    "eligible_buildings": "pts",
    "explain_areas": "motivations",
    "find_flips": "flips",
    "find_status": "inputs",
    "generalise_areas": "publication",
    "goals_table": "statistics",
    "implied_weight": "standing",
    "make_example": "start",
    "match_premises": "change",
    "matched_table": "change",
    "national_shares": "standing",
    "nest_areas": "choice_areas",
    "ofds_network": "ofds_export",
    "order_areas": "priorities",
    "plan_backbone": "backbone",
    "plan_buildout": "buildout",
    "plan_marks": "pts_marks",
    "plan_pts": "pts_plan",
    "premises_status": "availability",
    "rank_areas": "priority",
    "read_inputs": "inputs",
    "read_manifest": "stored",
    "read_run": "deliveries",
    "read_tables": "stored",
    "result_map": "map_result",
    "run": "pipeline",
    "schedule_areas": "choice_areas",
    "score_areas": "scores",
    "show_table": "display",
    "sketch_cost": "cost",
    "standing_table": "standing",
    "state_aid_table": "statistics",
    "technology_table": "statistics",
    "write_geopackage": "geopackage",
    "write_report": "report",
    "write_results": "results",
    "write_workbook": "workbook",
}

__all__ = [
    "Areas",
    "Budget",
    "Buildout",
    "Criterion",
    "Inputs",
    "Price",
    "Prices",
    "Region",
    "Results",
    "bill_of_areas",
    "bill_of_list",
    "bill_of_network",
    "build_areas",
    "build_premises",
    "change_table",
    "change_warnings",
    "changed_premises",
    "check_inputs",
    "check_region",
    "choose_areas",
    "combine_shares",
    "compare_runs",
    "compute",
    "cost_table",
    "coverage_map",
    "coverage_table",
    "derive_households",
    "describe_areas",
    "eligible_buildings",
    "explain_areas",
    "find_flips",
    "find_status",
    "generalise_areas",
    "goals_table",
    "implied_weight",
    "make_example",
    "match_premises",
    "matched_table",
    "national_shares",
    "nest_areas",
    "ofds_network",
    "order_areas",
    "plan_backbone",
    "plan_buildout",
    "plan_marks",
    "plan_pts",
    "premises_status",
    "rank_areas",
    "read_inputs",
    "read_manifest",
    "read_run",
    "read_tables",
    "result_map",
    "run",
    "schedule_areas",
    "score_areas",
    "show_table",
    "sketch_cost",
    "standing_table",
    "state_aid_table",
    "technology_table",
    "write_geopackage",
    "write_report",
    "write_results",
    "write_workbook",
]


def __getattr__(name: str) -> Any:
    # Steps load when they are used: a command that needs one does not wait for all.
    if name in _HOMES:
        return getattr(importlib.import_module(f"bredband.{_HOMES[name]}"), name)
    msg = f"module 'bredband' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
