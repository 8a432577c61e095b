"""Every kind of mistake: where it is told, in which words, and with which hint."""

import pytest

MISTAKES = [
    ("owner: shop-team", "ownr: shop-team", 3, 1, "ownr", "unknown key", "did you mean `owner`?"),
    ("owner: shop-team\n", "", 1, 1, "owner", "a key is missing", ""),
    ("name: minimal", "name: maximal", 1, 7, "name", "the name is not that of its folder", ""),
    ("name: minimal", "name: Minimal", 1, 7, "name", "wrong value", ""),
    ("owner: shop-team", "owner: 42", 3, 8, "owner", "wrong type", 'put it in quotes: "42"'),
    ("owner: shop-team", "owner:", 3, 7, "owner", "wrong type", ""),
    ("owner: shop-team", "owner: shop-team\nowner: other", 4, 1, "owner", "a key is given twice", ""),
    ("owner: shop-team", "owner: shop-team\n\ttags: [a]", 4, 1, "", "a tab is used for indentation", ""),
    (
        "[order_id]",
        "[order_id",
        14,
        17,
        "",
        "not YAML: did not find expected ',' or ']' (while parsing a flow sequence, which begins in line 13)",
        "",
    ),
    ("owner: shop-team", "owner: !!python/name:os.system shop", 3, 8, "owner", "a YAML tag", ""),
    ("owner: shop-team", "owner: *shop", 3, 8, "", "not YAML: found undefined alias", ""),
    ("owner: shop-team", "owner: shop-team\n1: x", 4, 1, "", "a key is not text", "put it in quotes"),
    (
        "owner: shop-team",
        "owner: shop-team\n<<: {a: 1}",
        4,
        1,
        "",
        "`<<` is no key of YAML 1.2",
        "write the keys out, or give each value an alias",
    ),
    (
        "owner: shop-team",
        "owner: shop-team\n---\nname: second",
        4,
        1,
        "",
        "not YAML: but found another document (expected a single document in the stream, which begins in line 1)",
        "",
    ),
    (
        "timezone: Europe/Berlin",
        "timezone: Europe/Berln",
        5,
        13,
        "schedule.timezone",
        "wrong value",
        "did you mean `Europe/Berlin`?",
    ),
    ("timezone: Europe/Berlin", "timezone: Europe/Berlin\n  at: 3:00", 6, 7, "schedule.at", "wrong value", ""),
    (
        "timezone: Europe/Berlin",
        "timezone: Europe/Berlin\n  training: nigthly",
        6,
        13,
        "schedule.training",
        "unknown word",
        "did you mean `nightly`?",
    ),
    ("timezone: Europe/Berlin", "timezone: Europe/Berlin\n  retries: 2.5", 6, 12, "schedule.retries", "wrong type", ""),
    ("timezone: Europe/Berlin", "timezone: Europe/Berlin\n  retries: 11", 6, 12, "schedule.retries", "wrong value", ""),
    (
        "timezone: Europe/Berlin",
        "timezone: Europe/Berlin\n  retries: '2'",
        6,
        12,
        "schedule.retries",
        "wrong type",
        "leave the quotes out",
    ),
    ("first_day: 2026-01-01", "first_day: 2026-1-1", 8, 14, "data.first_day", "wrong value", "write `2026-01-01`"),
    ("first_day: 2026-01-01", "first_day: 2026-02-30", 8, 14, "data.first_day", "wrong value", ""),
    (
        "first_day: 2026-01-01",
        "first_day: 2026-01-01\n  last_day: 2025-12-31",
        9,
        13,
        "data.last_day",
        "the history ends before it begins",
        "",
    ),
    (
        "first_day: 2026-01-01",
        "first_day: 2026-01-01\n  last_day: 2026-02-01",
        25,
        12,
        "gate.holdout",
        "the history is used up by the holdout and the folds",
        "",
    ),
    ("rows: orders ", "rows: order ", 7, 9, "data.rows", "no such table", "did you mean `orders`?"),
    ("column: returned", "column: retruned", 9, 35, "data.label.column", "no such column", "did you mean `returned`?"),
    ("equals: true", "above: 0", 9, 52, "data.label.above", "column 'returned' is no number", ""),
    (
        "available_after: 14d",
        "available_after: 14 days",
        20,
        24,
        "data.tables.returns.available_after",
        "wrong value",
        "write `14d`",
    ),
    ("available_after: 14d", "available_after: 14", 20, 24, "data.tables.returns.available_after", "wrong value", ""),
    (
        "event_time: ordered_at\n      columns",
        "event_time: ordered_at\n      available_after: 1h\n      columns",
        15,
        24,
        "data.tables.orders.available_after",
        "a row of 'orders' is predicted before it is known",
        "",
    ),
    (
        "orders/{day}.parquet",
        "orders/{date}.parquet",
        12,
        14,
        "data.tables.orders.files",
        "an unknown placeholder",
        "did you mean `{day}`?",
    ),
    ("orders/{day}.parquet", "orders/{day}.xlsx", 12, 14, "data.tables.orders.files", "an unknown file format", ""),
    (
        "orders/{day}.parquet",
        "../orders/{day}.csv",
        12,
        14,
        "data.tables.orders.files",
        "a path that leaves the model's landing folder",
        "",
    ),
    (
        "orders/{day}.parquet",
        "orders.csv",
        12,
        14,
        "data.tables.orders.files",
        "days of files and event times belong together",
        "",
    ),
    (
        "files: orders/{day}.parquet",
        "sql: {query: SELECT 1, url: 'postgresql://me:secret@db/x'}",
        12,
        35,
        "data.tables.orders.sql.url",
        "a password in a definition",
        "keep it in an Airflow connection and name that in `connection`",
    ),
    ("key: [order_id]", "key: order_id", 13, 12, "data.tables.orders.key", "wrong type", "write `[order_id]`"),
    ("key: [order_id]", "key: []", 13, 12, "data.tables.orders.key", "wrong value", ""),
    ("key: [order_id]", "key: [order_id, order_id]", 13, 23, "data.tables.orders.key[1]", "a column is named twice", ""),
    ("key: [order_id]", "key: [orderid]", 13, 13, "data.tables.orders.key[0]", "no such column", "did you mean `order_id`?"),
    ("amount: number", "amount: nubmer", 15, 83, "data.tables.orders.columns.amount", "unknown word", "did you mean `number`?"),
    (
        "ordered_at: timestamp, country",
        "ordered_at: string, country",
        15,
        47,
        "data.tables.orders.columns.ordered_at",
        "the column of `event_time` is no timestamp",
        "",
    ),
    (
        "slices: [{by: country}]",
        "slices: [{by: country}, {by: country}]",
        23,
        32,
        "gate.slices[1].by",
        "a column is sliced by twice",
        "",
    ),
    (
        "holdout: 35d",
        "holdout: 7d",
        24,
        12,
        "gate.holdout",
        "the holdout is shorter than the fewest days to judge on",
        "",
    ),
    ("slices: [{by: country}]", "guards: [{metric: log_loss}]", 23, 12, "gate.guards[0]", "a guard without a threshold", ""),
    (
        "slices: [{by: country}]",
        "guards: [{metric: logloss, limit: 1}]",
        23,
        21,
        "gate.guards[0].metric",
        "unknown word",
        "did you mean `log_loss`?",
    ),
    ("slices: [{by: country}]", "primary: {confidence: 0.5}", 23, 25, "gate.primary.confidence", "wrong value", ""),
    ("gate:", "training: {window: 14d}\ngate:", 22, 20, "training.window", "the window is used up by the folds", ""),
    (
        "gate:",
        "training: {costs: {false_negative: 0}}\ngate:",
        22,
        36,
        "training.costs.false_negative",
        "a mistake that costs no more than `true_positive`",
        "",
    ),
    (
        "gate:",
        "training: {costs: {false_negative: .nan}}\ngate:",
        22,
        36,
        "training.costs.false_negative",
        "a number that cannot be used",
        "",
    ),
    ("gate:", "validation: {max_quarantine_share: 2}\ngate:", 22, 36, "validation.max_quarantine_share", "wrong value", ""),
    (
        "gate:",
        "validation: {tables: {order: {}}}\ngate:",
        22,
        23,
        "validation.tables.order",
        "no such table",
        "did you mean `orders`?",
    ),
    (
        "gate:",
        "validation: {tables: {orders: {max_null_share: {contry: 0.1}}}}\ngate:",
        22,
        49,
        "validation.tables.orders.max_null_share.contry",
        "no such column",
        "did you mean `country`?",
    ),
    (
        "gate:",
        "validation: {tables: {orders: {row_count: {min_share: 3}}}}\ngate:",
        22,
        55,
        "validation.tables.orders.row_count.min_share",
        "more rows at least than at most",
        "",
    ),
    (
        "gate:",
        "validation: {tables: {orders: {expectations: [{expect: ExpectColumnToExist, arguments: {column: amout}}]}}}\ngate:",
        22,
        97,
        "validation.tables.orders.expectations[0].arguments.column",
        "no such column",
        "did you mean `amount`?",
    ),
    (
        "gate:",
        "validation: {tables: {orders: {expectations: [{expect: not_null}]}}}\ngate:",
        22,
        56,
        "validation.tables.orders.expectations[0].expect",
        "wrong value",
        "",
    ),
    ("gate:", "features: {code: ../other.py}\ngate:", 22, 18, "features.code", "no file of this folder", ""),
    ("gate:", "features: {code: feature.py}\ngate:", 0, 0, "", "the feature code is not there", "did you mean `features.py`?"),
    ("gate:", "watching: {}\ngate:", 22, 1, "watching", "unknown key", ""),
    (
        "gate:",
        "scoring: {sql: {table: answers}}\ngate:",
        22,
        16,
        "scoring.sql",
        "`url` and `connection` stand for each other",
        "",
    ),
    ("gate:", "scoring: {sql: {table: a; b, connection: x}}\ngate:", 22, 24, "scoring.sql.table", "wrong value", ""),
    (
        "gate:",
        "serving: {review: {lowest: 0.5, highest: 0.4}}\ngate:",
        22,
        28,
        "serving.review.lowest",
        "the band is empty",
        "",
    ),
    (
        "gate:",
        "serving: {personal: {drop: [contry]}}\ngate:",
        22,
        29,
        "serving.personal.drop[0]",
        "no such column",
        "did you mean `country`?",
    ),
    (
        "gate:",
        "serving: {personal: {drop: [country], hash: [country]}}\ngate:",
        22,
        46,
        "serving.personal.hash[0]",
        "a field cannot be dropped and kept",
        "",
    ),
    (
        "gate:",
        "serving: {personal: {drop: [order_id]}}\ngate:",
        22,
        29,
        "serving.personal.drop[0]",
        "a row without its key can never be joined with what came true",
        "",
    ),
    (
        "gate:",
        "serving: {personal: {hash: [order_id]}}\nmonitoring: {answers: gateway}\ngate:",
        23,
        23,
        "monitoring.answers",
        "the gateway's answers cannot be joined with what came true, because their key is kept as a hash",
        "",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "column", "path", "what", "hint"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_is_told_once_at_its_place(problems_after, old, new, line, column, path, what, hint):
    problems = problems_after(old, new)
    told = [(problem.line, problem.column, problem.path, problem.what, problem.hint) for problem in problems]
    assert told == [(line, column, path, what, hint)]
    assert problems[0].found
    assert problems[0].allowed


def test_a_table_without_an_address_says_so_beside_the_unknown_key(problems_after):
    unknown, neither = problems_after("files: orders/", "path: orders/")
    assert (unknown.path, unknown.what) == ("data.tables.orders.path", "unknown key")
    assert neither.found == "neither `files` nor `sql`"


def test_both_rules_of_a_label(problems_after):
    problems = problems_after("equals: true", "equals: true, above: 0")
    assert [problem.path for problem in problems] == ["data.label.equals", "data.label.above"]


def test_the_answers_may_not_stand_in_the_rows(problems_after):
    problems = problems_after("table: returns", "table: orders")
    assert problems[0].what == "the answers stand in the rows to predict"


def test_labels_are_never_joined(problems_after):
    problems = problems_after("available_after: 14d", "join: {by: [order_id], prefix: return_}")
    assert [problem.what for problem in problems] == ["joining the labels would hand the answer to the features"]


def test_a_password_is_refused_and_not_repeated(problems_after):
    problems = problems_after("files: orders/{day}.parquet", "sql: {query: SELECT 1, url: 'postgresql://me:hunter2@db/x'}")
    assert [problem.path for problem in problems] == ["data.tables.orders.sql.url"]
    assert "hunter2" not in str(problems)


def test_a_name_that_is_not_the_folders(problems_after):
    (problem,) = problems_after("name: minimal", "name: maximal")
    assert (problem.found, problem.allowed) == ("`maximal`", "`minimal`")


def test_joined_columns_clash(problems_after):
    shops = "{files: shops.csv, key: [country], columns: {country: string, amount: number}, join: {by: [country]}}"
    (problem,) = problems_after("gate:\n", f"    shops: {shops}\ngate:\n")
    assert (problem.path, problem.found, problem.hint) == ("data.tables.shops.join", "`amount`", "set `prefix: shops_`")


@pytest.mark.parametrize("key", ["event_time", "available_at"])
def test_moments_are_timestamps(problems_after, key):
    new = "available_at: amount\n      columns" if key == "available_at" else "columns"
    old = "ordered_at: timestamp, country" if key == "event_time" else "columns"
    problems = problems_after(old, "ordered_at: integer, country" if key == "event_time" else new)
    assert [problem.what for problem in problems] == [f"the column of `{key}` is no timestamp"]
