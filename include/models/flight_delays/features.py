"""Features of `flight_delays`: what is known of a flight two hours before it leaves.

Written as Narwhals expressions, which run alike on pandas, Polars and PyArrow frames; plain pandas would do as well.
"""

from datetime import timedelta

import narwhals as nw

LOCAL = "America/New_York"
SPANS = {"yesterday": timedelta(days=1), "last_week": timedelta(days=7)}
ENTITIES = ["carrier", "origin", "dest"]
RECORDS = [f"{entity}_{figure}_{span}" for entity in ENTITIES for figure in ("late_share", "mean_delay") for span in SPANS]


def entity_features(history, as_of):
    """What every night knows: how late carriers, origins and destinations have been, and how full each hour will be."""
    landed = nw.from_native(history["arrivals"]).filter(~nw.col("arr_delay").is_null())
    landed = landed.with_columns(late=(nw.col("arr_delay") > 15).cast(nw.Float64))
    records = {
        f"{entity}_{span}": landed.filter(nw.col("recorded_at") > as_of - reach)
        .group_by(entity)
        .agg(
            nw.col("late").mean().alias(f"{entity}_late_share_{span}"),
            nw.col("arr_delay").mean().alias(f"{entity}_mean_delay_{span}"),
        )
        for entity in ENTITIES
        for span, reach in SPANS.items()
    }
    schedule = nw.from_native(history["schedule"]).with_columns(departure_hour())
    hours = schedule.group_by("origin", "departure_hour").agg(nw.len().alias("flights_that_hour"))
    return {**records, "hours": hours}


def row_features(rows, entities):
    """One row of features per flight, in the order given."""
    flights = nw.from_native(rows).with_columns(departure_hour())
    flights = flights.join(nw.from_native(entities["hours"]), on=["origin", "departure_hour"], how="left")
    for entity in ENTITIES:
        for span in SPANS:
            flights = flights.join(nw.from_native(entities[f"{entity}_{span}"]), on=entity, how="left")
    departure = nw.col("scheduled_departure").dt.convert_time_zone(LOCAL)
    hour = departure.dt.hour().cast(nw.Int64)  # Polars counts hours in eight bits, too few for the minutes of a day
    return flights.select(
        "carrier",
        "origin",
        "dest",
        "distance",
        "plane_seats",
        (departure.dt.year() - nw.col("plane_year")).alias("plane_age"),
        hour.alias("hour"),
        (hour * 60 + departure.dt.minute()).alias("minute_of_day"),
        departure.dt.weekday().alias("weekday"),
        "flights_that_hour",
        *["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"],
        *RECORDS,
    )


def departure_hour():
    return nw.col("scheduled_departure").dt.truncate("1h").alias("departure_hour")
