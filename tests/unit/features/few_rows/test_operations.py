"""Every operation gives the very bits that pandas gives, on random rows with missing values, zeros and clock changes."""

import pytest
from hypothesis import given, settings

from few_rows_comparison import Comparison, rows, selecting

NUMBERS = {
    "add": "nw.col('x') + nw.col('y')",
    "add_literal": "nw.col('x') + 3",
    "radd": "1.5 + nw.col('x')",
    "sub": "nw.col('x') - nw.col('y')",
    "rsub": "10 - nw.col('x')",
    "mul": "nw.col('x') * nw.col('y')",
    "mul_literal": "nw.col('x') * 0.1",
    "div": "nw.col('x') / nw.col('y')",
    "div_zero": "nw.col('x') / 0",
    "rdiv": "1 / nw.col('x')",
    "floordiv": "nw.col('x') // nw.col('y')",
    "floordiv_literal": "nw.col('x') // 7",
    "floordiv_zero": "nw.col('x') // 0",
    "rfloordiv": "100 // nw.col('x')",
    "mod": "nw.col('x') % nw.col('y')",
    "mod_literal": "nw.col('x') % 24",
    "rmod": "100 % nw.col('x')",
    "square": "nw.col('x') ** 2",
    "cube": "nw.col('x') ** 3",
    "root": "nw.col('x') ** 0.5",
    "inverse": "nw.col('x') ** -1",
    "integer_square": "((nw.col('x') > 0).cast(nw.Int64) * -5) ** 2",
    "log": "nw.col('x').log()",
    "log_10": "nw.col('x').abs().log(10)",
    "integer_log": "((nw.col('x') > 0).cast(nw.Int64) + 7).log()",
    "exp": "nw.col('x').exp()",
    "sin": "nw.col('x').sin() + nw.col('y').cos()",
    "neg": "-nw.col('x')",
    "abs": "nw.col('x').abs()",
    "round": "nw.col('x').round(2)",
    "round_0": "nw.col('x').round()",
    "floor": "nw.col('x').floor()",
    "ceil": "nw.col('x').ceil()",
    "sqrt": "nw.col('x').sqrt()",
    "finite": "(nw.col('x') / nw.col('y')).is_finite()",
    "clip": "nw.col('x').clip(-1, 2.5)",
    "clip_lower": "nw.col('x').clip(0)",
    "clip_upper": "nw.col('x').clip(upper_bound=0)",
    "inf_floordiv": "(nw.col('x') / nw.col('y')) // nw.col('z')",
    "inf_mod": "nw.col('z') % (nw.col('x') / nw.col('y'))",
    "sum": "nw.sum_horizontal('x', 'y', nw.col('z') * 2)",
    "count_as_number": "nw.col('count') / 3",
    "to_float": "nw.col('x').cast(nw.Float64)",
    "truth_to_integer": "(nw.col('x') > nw.col('y')).cast(nw.Int64)",
    "truth_to_float": "(nw.col('x') > 0).cast(nw.Float64)",
    "truth_times": "(nw.col('x') > 0) * nw.col('y')",
    "truth_times_integer": "(nw.col('x') > 0) * 60",
    "truth_narrow": "(nw.col('x') > 0).cast(nw.Int8)",
    "integer_div": "(nw.col('x') > 0).cast(nw.Int64) / (nw.col('y') > 0).cast(nw.Int64)",
    "integer_floordiv": "7 // (nw.col('y') > 0).cast(nw.Int64)",
    "integer_mod": "(nw.col('x') > 0).cast(nw.Int64) % (nw.col('y') > 0).cast(nw.Int64)",
    "integer_neg": "-((nw.col('x') > 0).cast(nw.Int64) * 5)",
    "integer_clip": "((nw.col('x') > 0).cast(nw.Int64) * 5).clip(1, 3)",
    "integer_floor": "((nw.col('x') > 0).cast(nw.Int64) * 5).floor()",
    "text_of_number": "nw.col('x').cast(nw.String)",
    "text_of_integer": "(nw.col('x') > 0).cast(nw.Int64).cast(nw.String)",
    "text_of_truth": "(nw.col('x') > 0).cast(nw.String)",
    "itself": "nw.col('x')",
    "literal": "nw.lit(2)",
    "literal_sum": "nw.lit(2) + 0.5",
    "literal_cast": "nw.lit(3, nw.Float64) * nw.col('x')",
}
LOGIC = {
    "lt": "nw.col('x') < nw.col('y')",
    "le": "nw.col('x') <= 0",
    "gt": "nw.col('x') > nw.col('y')",
    "ge": "nw.col('x') >= 0",
    "eq": "nw.col('x') == nw.col('y')",
    "ne": "nw.col('x') != nw.col('y')",
    "text_eq": "nw.col('s') == 'AA'",
    "text_ne": "nw.col('s') != 'AA'",
    "texts_eq": "nw.col('s') == nw.col('t')",
    "texts_ne": "nw.col('s') != nw.col('t')",
    "and": "(nw.col('x') > 0) & (nw.col('y') > 0)",
    "or": "(nw.col('x') > 0) | (nw.col('y') > 0)",
    "not": "~(nw.col('x') > 0)",
    "maybe": "nw.col('b')",
    "maybe_not": "~nw.col('b')",
    "maybe_and": "nw.col('b') & nw.col('c')",
    "maybe_or": "nw.col('b') | nw.col('c')",
    "maybe_and_truth": "nw.col('b') & (nw.col('x') > 0)",
    "truth_or_maybe": "(nw.col('x') > 0) | nw.col('b')",
    "maybe_eq": "nw.col('b') == nw.col('c')",
    "maybe_eq_literal": "nw.col('b') == True",
    "maybe_ne": "nw.col('b') != nw.col('c')",
    "truth_eq": "(nw.col('x') > 0) == (nw.col('y') > 0)",
    "between": "nw.col('x').is_between(-1, 3)",
    "between_left": "nw.col('x').is_between(nw.col('y'), nw.col('z'), closed='left')",
    "between_none": "nw.col('x').is_between(-1, 3, closed='none')",
    "between_right": "nw.col('x').is_between(-1, 3, closed='right')",
    "in_numbers": "nw.col('x').is_in([0, 1, 2.5])",
    "in_texts": "nw.col('s').is_in(['AA', 'B6'])",
    "all": "nw.all_horizontal(nw.col('x') > 0, nw.col('y') > 0, ignore_nulls=False)",
    "any": "nw.any_horizontal('b', 'c', ignore_nulls=True)",
    "all_maybe": "nw.all_horizontal('b', 'c', ignore_nulls=True)",
    "all_kleene": "nw.all_horizontal('b', 'c', ignore_nulls=False)",
    "maybe_to_float": "nw.col('b').cast(nw.Float64)",
    "maybe_to_integer": "nw.col('b').cast(nw.Int64)",
}
MISSING = {
    "null_number": "nw.col('x').is_null()",
    "null_text": "nw.col('s').is_null()",
    "null_maybe": "nw.col('b').is_null()",
    "null_moment": "nw.col('at').is_null()",
    "null_identifier": "nw.col('shop').is_null()",
    "null_truth": "(nw.col('x') > 0).is_null()",
    "nan": "nw.col('x').is_nan()",
    "fill_number": "nw.col('x').fill_null(0)",
    "fill_float": "nw.col('x').fill_null(-0.5)",
    "fill_column": "nw.col('x').fill_null(nw.col('y'))",
    "fill_text": "nw.col('s').fill_null('none')",
    "fill_text_column": "nw.col('s').fill_null(nw.col('t'))",
    "fill_maybe": "nw.col('b').fill_null(False)",
    "fill_maybe_not": "~nw.col('b').fill_null(True)",
    "fill_nan": "nw.col('x').fill_nan(1.5)",
    "coalesce": "nw.coalesce('x', 'y', nw.lit(-1.0))",
    "coalesce_text": "nw.coalesce('s', 't')",
    "when": "nw.when(nw.col('x') > 0).then(nw.col('y'))",
    "when_otherwise": "nw.when(nw.col('x') > 0).then(nw.col('y')).otherwise(nw.col('z'))",
    "when_literals": "nw.when(nw.col('x') > 0).then(1).otherwise(0)",
    "when_mixed": "nw.when(nw.col('x') > 0).then(1).otherwise(0.5)",
    "when_integer_or_missing": "nw.when(nw.col('x') > 0).then(1)",
    "when_integer_or_number": "nw.when(nw.col('x') > 0).then(1).otherwise(nw.col('y'))",
    "when_number_or_integer": "nw.when(nw.col('x') > 0).then(nw.col('y')).otherwise(0)",
    "when_maybe": "nw.when(nw.col('b')).then(nw.col('x')).otherwise(nw.col('y'))",
    "when_chain": "nw.when(nw.col('x') > 10).then(2).when(nw.col('x') > 0).then(1).otherwise(0)",
    "when_several": "nw.when(nw.col('x') > 0, nw.col('y') > 0).then(nw.col('z')).otherwise(nw.lit(-1.0))",
    "when_text": "nw.when(nw.col('x') > 0).then(nw.lit('up')).otherwise(nw.lit('down'))",
    "when_text_column": "nw.when(nw.col('x') > 0).then(nw.col('s')).otherwise(nw.lit('down'))",
    "when_text_or_missing": "nw.when(nw.col('x') > 0).then(nw.col('s'))",
    "when_truth": "nw.when(nw.col('x') > 0).then(nw.col('y') > 0).otherwise(nw.col('z') > 0)",
    "when_truth_or_missing": "nw.when(nw.col('x') > 0).then(nw.col('y') > 0)",
    "when_nan": "nw.when(nw.col('x') > 0).then(nw.col('y')).otherwise(nw.lit(float('nan')))",
    "integer_or_missing_negated": "-(nw.when(nw.col('x') > 0).then(0))",
    "integer_or_missing_filled": "nw.when(nw.col('x') > 0).then(3).fill_null(0.5)",
}
TEXT = {
    "upper": "nw.col('s').str.to_uppercase()",
    "lower": "nw.col('s').str.to_lowercase()",
    "title": "nw.col('s').str.to_titlecase()",
    "strip": "nw.col('s').str.strip_chars()",
    "strip_some": "nw.col('s').str.strip_chars('A ')",
    "lstrip": "nw.col('s').str.strip_chars_start(' ')",
    "rstrip": "nw.col('s').str.strip_chars_end(' ')",
    "starts": "nw.col('s').str.starts_with('A')",
    "ends": "nw.col('s').str.ends_with('1')",
    "contains": "nw.col('s').str.contains('[aA]')",
    "contains_literal": "nw.col('s').str.contains('.', literal=True)",
    "contains_not": "~nw.col('s').str.contains('a')",
    "replace": "nw.col('s').str.replace('a', 'o')",
    "replace_pattern": "nw.col('s').str.replace('[a-z]', '_')",
    "replace_all": "nw.col('s').str.replace_all('[a-z]', '_')",
    "replace_literal": "nw.col('s').str.replace_all('.', '_', literal=True)",
    "head": "nw.col('s').str.head(2)",
    "tail": "nw.col('s').str.tail(2)",
    "slice": "nw.col('s').str.slice(1, 2)",
    "length": "nw.col('s').str.len_chars()",
    "length_times": "nw.col('s').str.len_chars() * -1",
    "length_missing": "nw.col('s').str.len_chars().is_null()",
    "zfill": "nw.col('s').str.zfill(4)",
    "pad_start": "nw.col('s').str.pad_start(5, '*')",
    "pad_end": "nw.col('s').str.pad_end(5, '*')",
    "concat": "nw.concat_str('s', 't', separator='-')",
    "concat_number": "nw.concat_str('s', nw.lit('!'), separator=' ')",
    "add": "nw.col('s') + nw.col('t')",
    "add_literal": "nw.col('s') + '!'",
    "format": "nw.format('{}>{}', 's', 't')",
    "category": "nw.col('s').cast(nw.Categorical)",
    "text": "nw.col('s').cast(nw.String)",
    "upper_eq": "nw.col('s').str.to_uppercase() == 'AA'",
}
LOCAL = "nw.col('at').dt.convert_time_zone('America/New_York')"
TIME = {
    **{
        f"{name}_{zone}": f"{column}.dt.{name}()"
        for zone, column in (("utc", "nw.col('at')"), ("local", LOCAL))
        for name in ("year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond", "ordinal_day", "weekday")
    },
    "half_hour_zone": "nw.col('at').dt.convert_time_zone('Asia/Kolkata').dt.minute()",
    "minute_of_day": f"{LOCAL}.dt.hour() * 60 + {LOCAL}.dt.minute()",
    "hour_negated": f"-{LOCAL}.dt.hour()",
    "age": f"{LOCAL}.dt.year() - nw.col('x')",
    "weekend": f"{LOCAL}.dt.weekday() >= 6",
    "hours_apart": "(nw.col('until') - nw.col('at')).dt.total_minutes() / 60",
    "seconds": "(nw.col('until') - nw.col('at')).dt.total_seconds()",
    "milliseconds": "(nw.col('until') - nw.col('at')).dt.total_milliseconds()",
    "microseconds": "(nw.col('until') - nw.col('at')).dt.total_microseconds()",
    "nothing_apart": "(nw.col('at') - nw.col('at')).dt.total_minutes()",
    "truncated": "(nw.col('at') - nw.col('at').dt.truncate('6h')).dt.total_seconds()",
    "truncated_day": "nw.col('at').dt.truncate('1d').dt.timestamp('ms')",
    "timestamp": "nw.col('at').dt.timestamp('us')",
    "later": "(nw.col('at') + timedelta(hours=2)).dt.hour()",
    "earlier": "(nw.col('at') - timedelta(days=1)).dt.day()",
    "offset": "nw.col('at').dt.offset_by('90m').dt.minute()",
    "before": "nw.col('at') < nw.col('until')",
    "same": "nw.col('at') == nw.col('until')",
    "different": "nw.col('at') != nw.col('until')",
    "since": "nw.col('at') >= datetime(2015, 1, 1, tzinfo=UTC)",
    "days_since": "(nw.col('at') - datetime(2015, 1, 1, tzinfo=UTC)).dt.total_minutes()",
    "long_stay": "(nw.col('until') - nw.col('at')) > timedelta(hours=1)",
    "written": f"{LOCAL}.dt.to_string('%Y-%m-%d %H')",
    "two_zones_truncated": "(nw.col('at').dt.truncate('6h') - nw.col('until').dt.truncate('6h')).dt.total_minutes()",
    "wall_clock": f"{LOCAL}.dt.replace_time_zone(None).dt.hour()",
    "wall_difference": f"({LOCAL}.dt.replace_time_zone(None) - nw.col('at').dt.replace_time_zone(None)).dt.total_minutes()",
    "later_or_at": "nw.when(nw.col('x') > 0).then(nw.col('at')).otherwise(nw.col('until')).dt.hour()",
    "at_or_nothing": "nw.when(nw.col('x') > 0).then(nw.col('at')).dt.hour()",
}
GROUPS = {"numbers": NUMBERS, "logic": LOGIC, "missing": MISSING, "text": TEXT, "time": TIME}


@pytest.fixture(scope="module", params=GROUPS)
def comparison(request):
    return Comparison(selecting(GROUPS[request.param]))


@settings(max_examples=20, deadline=None)
@given(columns=rows())
def test_operations_agree_with_pandas(comparison, columns):
    comparison.check(columns)


@settings(max_examples=8, deadline=None)
@given(columns=rows(complete=("x", "y", "s", "at", "until", "b")))
def test_they_agree_where_nothing_is_missing(comparison, columns):
    comparison.check(columns)


MAY_REFUSE = {
    "when_then_arithmetic": "nw.when(nw.col('x') > 0).then(1).otherwise(nw.col('y')) * -1",
    "text_order": "nw.col('s') < 'B'",
    "to_integer": "nw.col('x').cast(nw.Int64)",
    "to_narrow_integer": "nw.col('x').cast(nw.Int32) * 7",
    "days_of_two_zones": f"(nw.col('at').dt.truncate('1d') - {LOCAL}.dt.truncate('1d')).dt.total_minutes()",
    "narrow_sum": "nw.col('x').cast(nw.Int16) + nw.col('y').cast(nw.Int32)",
    "narrow_remainder": "nw.col('x').cast(nw.Int8) % 7 - nw.col('y').cast(nw.Int8) // 7",
    "hour_to_integer": "nw.col('at').dt.hour().cast(nw.Int64) * 60",
    "local_hour_floor": f"{LOCAL}.dt.truncate('1h').dt.hour()",
    "local_day": f"(nw.col('at') - {LOCAL}.dt.truncate('1d')).dt.total_minutes()",
    "filled_then_integer": "nw.col('x').clip(-1000, 1000).fill_null(0).cast(nw.Int64) % 7",
}


@pytest.mark.parametrize("name", MAY_REFUSE)
@settings(max_examples=12, deadline=None)
@given(columns=rows())
def test_rows_that_only_pandas_can_judge_are_left_to_it(name, columns):
    _MADE.setdefault(name, Comparison(selecting({name: MAY_REFUSE[name]}))).check(columns, may_refuse=True)


@pytest.mark.parametrize("name", MAY_REFUSE)
@settings(max_examples=8, deadline=None)
@given(columns=rows(complete=("s", "at")))
def test_they_are_answered_where_nothing_is_missing(name, columns):
    columns["at"] = [1_700_000_000_000_000 + i * 3_600_000_000 for i in range(len(columns["at"]))]
    columns["x"] = columns["y"] = [float(i) - 1.5 for i in range(len(columns["x"]))]
    _MADE.setdefault(name, Comparison(selecting({name: MAY_REFUSE[name]}))).check(columns)


_MADE: dict[str, Comparison] = {}
