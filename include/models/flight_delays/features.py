"""Features of `flight_delays`: what is known of a flight two hours before it leaves.

Written as Narwhals expressions, which run alike on pandas, Polars and PyArrow; plain pandas would do as well.
"""

from datetime import timedelta

import narwhals as nw

LOCAL = "America/New_York"
YESTERDAY = timedelta(days=1)
LAST_WEEK = timedelta(days=7)


def entity_features(history, as_of):
    """What is known every night: how late each carrier, airport and route has been, and how full each hour will be."""
    arrivals = nw.from_native(history["arrivals"])
    landed = arrivals.filter(~nw.col("arr_delay").is_null()).with_columns(late=(nw.col("arr_delay") > 15).cast(nw.Float64))
    yesterday = landed.filter(nw.col("recorded_at") > as_of - YESTERDAY)
    schedule = nw.from_native(history["schedule"])
    return {
        "hours": schedule.with_columns(departure_hour()).group_by("origin", "departure_hour").agg(flights_that_hour=nw.len()),
        "carriers": late_shares(yesterday, landed, "carrier"),
        "origins": late_shares(yesterday, landed, "origin"),
        "destinations": late_shares(yesterday, landed, "dest"),
    }


def row_features(rows, entities):
    """One row of features per flight."""
    flights = nw.from_native(rows).with_columns(departure_hour())
    hours, carriers, origins, destinations = (
        nw.from_native(entities[name]) for name in ("hours", "carriers", "origins", "destinations")
    )
    flights = (
        flights.join(hours, on=["origin", "departure_hour"], how="left")
        .join(carriers, on="carrier", how="left")
        .join(origins, on="origin", how="left")
        .join(destinations, on="dest", how="left")
    )
    departure = nw.col("scheduled_departure").dt.convert_time_zone(LOCAL)
    return flights.select(
        "carrier",
        "origin",
        "dest",
        "distance",
        "flights_that_hour",
        hour=departure.dt.hour(),
        minute_of_day=departure.dt.hour() * 60 + departure.dt.minute(),
        weekday=departure.dt.weekday(),
        plane_age=departure.dt.year() - nw.col("plane_year"),
        plane_seats=nw.col("plane_seats"),
        temperature=nw.col("temp"),
        dew_point=nw.col("dewp"),
        humidity=nw.col("humid"),
        wind_speed=nw.col("wind_speed"),
        wind_gust=nw.col("wind_gust"),
        rain=nw.col("precip"),
        pressure=nw.col("pressure"),
        visibility=nw.col("visib"),
        carrier_late_yesterday=nw.col("carrier_late_yesterday"),
        carrier_late_last_week=nw.col("carrier_late_last_week"),
        origin_late_yesterday=nw.col("origin_late_yesterday"),
        origin_late_last_week=nw.col("origin_late_last_week"),
        dest_late_yesterday=nw.col("dest_late_yesterday"),
        dest_late_last_week=nw.col("dest_late_last_week"),
    )


def late_shares(yesterday, last_week, entity):
    """Share of flights that came late, per carrier, origin or destination."""
    week = last_week.group_by(entity).agg(nw.col("late").mean().alias(f"{entity}_late_last_week"))
    day = yesterday.group_by(entity).agg(nw.col("late").mean().alias(f"{entity}_late_yesterday"))
    return week.join(day, on=entity, how="left")


def departure_hour():
    """The hour in which a flight is to leave."""
    return nw.col("scheduled_departure").dt.truncate("1h").alias("departure_hour")
