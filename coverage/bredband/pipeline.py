"""The order of the steps: the only room that knows them all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from bredband.area_profile import describe_areas
from bredband.areas import build_areas
from bredband.buildout import plan_buildout
from bredband.cost import cost_table
from bredband.economy import economy_tables
from bredband.inputs import (
    Inputs,
    find_status,
    least_certain,
    read_inputs,
    status_findings,
)
from bredband.map_background import background_table
from bredband.maps import coverage_map
from bredband.mobile import mobile_table
from bredband.priorities import budget_sets, order_areas
from bredband.priority import add_support
from bredband.progress import Steps
from bredband.pts_plan import plan_pts
from bredband.publication import cell_sizes, generalise_areas
from bredband.results import Results, write_results
from bredband.standing import national_shares, standing_table
from bredband.statistics import (
    coverage_table,
    goals_table,
    state_aid_table,
    technology_table,
)
from bredband.text import words

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.region import Region


_STATUS_LAYERS = ("premises", "coverage", "connected", "fibre", "plans")
"""What the status of a premises rests on."""


def run(region: Region, out: Path, *, steps: Steps | None = None) -> Results:
    """Run the whole chain on a region and write its results.

    Parameters
    ----------
    region : Region
        From :meth:`bredband.region.Region.read`.
    out : Path
        Folder for the results; complete or untouched.
    steps : Steps, optional
        Shows progress and keeps the seconds.

    Raises
    ------
    GeodataError
        Something is wrong with the inputs or the folder: what, where, what to do.
    """
    steps = steps or Steps()
    results = compute(region, read_inputs(region, steps=steps), steps=steps)
    with steps.step("write"):
        write_results(results, out, seconds=steps.seconds)
    return results


def compute(region: Region, inputs: Inputs, *, steps: Steps | None = None) -> Results:
    """Run the chain on tables that are already read, without writing anything."""
    steps = steps or Steps()
    settings = region.region
    with steps.step("availability"):
        status = find_status(region, inputs)
        inputs = replace(inputs, findings=(*inputs.findings, *status_findings(status)))
    with steps.step("statistics"):
        where: dict[str, Any] = {
            "municipalities": inputs.municipalities,
            "region_code": settings.code,
            "region_name": settings.name,
            "localities": inputs.localities,
            "deso": inputs.deso,
            "built_up_segments": region.definitions.built_up_segments,
        }
        coverage = coverage_table(
            status,
            **where,
            year=settings.year,
            speeds_mbit=sorted(
                {
                    *region.definitions.speeds_mbit,
                    region.definitions.target_speed_mbit,
                    *(goal.speed_mbit for goal in region.goals),
                }
            ),
            target_mbit=region.definitions.target_speed_mbit,
        )
        technology = technology_table(status, **where, year=settings.year)
        state_aid = state_aid_table(status, **where)
        standing = standing_table(coverage, inputs.municipalities, national_shares())
        goals = goals_table(coverage, region.goals)
    mobile = None
    if inputs.mobile:
        with steps.step("mobile"):
            mobile, partly = mobile_table(
                status,
                inputs.roads,
                inputs.municipalities,
                inputs.mobile,
                region_code=settings.code,
                region_name=settings.name,
            )
            inputs = replace(inputs, findings=(*inputs.findings, *partly))
    with steps.step("buildout"):
        buildout = plan_buildout(
            status,
            inputs.roads,
            inputs.municipalities,
            fibre=inputs.fibre,
            settings=region.buildout,
            prices=region.prices,
            ground=inputs.ground,
        )
        inputs = replace(inputs, findings=(*inputs.findings, *buildout.findings))
    with steps.step("cost"):
        cost = cost_table(
            status,
            buildout.trench,
            buildout.reach,
            inputs.municipalities,
            prices=region.prices,
            region_code=settings.code,
            region_name=settings.name,
            include_holiday_homes=region.buildout.include_holiday_homes,
        )
    with steps.step("areas"):
        cut = build_areas(
            buildout.trench,
            buildout.reach,
            status,
            inputs.municipalities,
            min_premises=region.priority.min_premises,
            max_premises=region.priority.max_premises,
            merge_m=region.priority.merge_m,
            split_m=region.priority.split_m,
            across_municipalities=region.priority.across_municipalities,
            prices=region.prices,
            localities=inputs.localities,
            language=settings.language,
        )
        marks = inputs.provenance()
        status["status_provenance"] = least_certain(
            marks[layer] for layer in _STATUS_LAYERS if layer in marks
        )
        premises = status.merge(cut.reach.drop(columns="node"), on="premises_id", how="left")
        held = premises[premises["area_id"].notna()]
        shapes = generalise_areas(
            held["area_id"],
            held["x"],
            held["y"],
            held["households"],
            cut.trench,
            cell_m=region.publication.cell_m,
            min_households=region.publication.min_households,
        )
    with steps.step("economy"):
        economy = economy_tables(
            cut.trench,
            cut.reach,
            status,
            inputs.municipalities,
            cut.areas,
            prices=region.prices,
            region_code=settings.code,
            region_name=settings.name,
        )
        described = describe_areas(
            cut.areas,
            cut.trench,
            cut.reach,
            status,
            prices=region.prices,
            nearby_m=region.priority.nearby_m,
            shares=economy.get("shares"),
            functions=inputs.functions,
        )
    with steps.step("priority"):
        order = order_areas(described, cut.trench, cut.reach, premises, coverage, region=region)
        ranked = order.areas
        cost = add_support(cost, ranked)
        ranked["cell_m"] = cell_sizes(
            ranked["households"],
            cell_m=region.publication.cell_m,
            min_households=region.publication.min_households,
        )
        areas = gpd.GeoDataFrame(
            ranked, geometry=shapes.reindex(ranked["area_id"]).to_numpy(), crs=settings.crs
        )
    with steps.step("pts"):
        pts = (
            plan_pts(
                status,
                ranked,
                cut.trench,
                cut.reach,
                inputs.municipalities,
                settings=region.pts,
                prices=region.prices,
                later_connection=inputs.later_connection,
                functions=inputs.functions,
                nearby_m=region.priority.nearby_m,
                plan_years=region.definitions.plan_years,
                crs=settings.crs,
                folder=region.folder,
                language=settings.language,
            )
            if region.is_swedish or region.pts.landsdel
            else None
        )
        if pts:
            inputs = replace(inputs, findings=(*inputs.findings, *pts.findings))
    following = {
        "road_components": buildout.components,
        **economy,
        **order.tables,
        **(pts.tables if pts else {}),
    }
    with steps.step("map"):
        background = background_table(inputs.roads, inputs.water)
        page = coverage_map(
            inputs.municipalities,
            coverage,
            status=premises,
            trench=cut.trench,
            areas=areas,
            cost=cost,
            localities=inputs.localities,
            orientation=background,
            shares=economy.get("shares"),
            budgets=budget_sets(order.tables, words(settings.language)),
            region=region,
            files=inputs.files,
            provenance=inputs.provenance(),
        )
    sure = {"provenance": least_certain(inputs.provenance().values())}
    return Results(
        region=region,
        inputs=inputs,
        premises=premises,
        coverage=coverage.assign(**sure),
        technology=technology.assign(**sure),
        state_aid=state_aid.assign(**sure),
        standing=standing.assign(**sure),
        mobile=None if mobile is None else mobile.assign(**sure),
        population=inputs.population,
        goals=goals.assign(**sure),
        cost=cost.assign(**sure),
        following={name: table.assign(**sure) for name, table in following.items()},
        buildout=buildout,
        trench=cut.trench.assign(**sure),
        areas=areas.assign(**sure),
        background=background,
        map=page,
    )
