"""From a version and a publication to a release that can answer: read, checked, compiled, compared and warmed up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.features.code import FeatureCode
from evergreen.features.few_rows import compile_row_features
from evergreen.features.online import OnlineFeatures
from evergreen.predictors.bundle import open_predictor
from evergreen.predictors.manifest import FEATURES_NAME, PROFILE_NAME
from evergreen.predictors.released import feature_kinds
from evergreen.predictors.row_scorer import RowScorer
from evergreen.reference_profile import ReferenceProfile
from evergreen.serving.examples import EXAMPLE_ROWS, as_json_rows, example_rows
from evergreen.serving.loaded_release import LoadedRelease
from evergreen.serving.request_schema import RequestSchema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.features.few_rows import RowProgram
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.serving.release_cache import KnownRelease, ReleaseCache
    from evergreen.serving.release_metrics import ReleaseMetrics

logger = logging.getLogger(__name__)

SHOWN_EXAMPLES = 2
WARM_UP_SIZES = (1, 2, EXAMPLE_ROWS)
"""Few rows go to ONNX Runtime and many to XGBoost: both are loaded before the first caller asks."""


def released_code(contents: Mapping[str, bytes], known_digest: str) -> FeatureCode:
    """Return the feature code of a checked bundle, if it is the one that the registry knows.

    Raises:
        DigestMismatchError: It is another one.
        FeatureError: It cannot be run.
    """
    source = contents[FEATURES_NAME]
    if digest_bytes(source) != known_digest:
        raise DigestMismatchError(
            "a release's features.py is not the one that it was registered with",
            found=f"digest {digest_bytes(source)}",
            allowed=f"digest {known_digest}",
            remedy="restore the bundle from a backup or train again; do not serve it",
        )
    return FeatureCode.from_source(source.decode())


def load_release(
    known: KnownRelease, definition: ModelDefinition, cache: ReleaseCache, metrics: ReleaseMetrics
) -> LoadedRelease:
    """Load a release and have it answer a few examples.

    Args:
        known: The champion, vouched for, and the publication for its features.
        definition: Today's; it says how answers are given, not what they are.
        cache: Where bundles and online inputs come from.
        metrics: The counters of this release.

    Raises:
        DigestMismatchError: Bytes are not those that were decided on or published.
        FeatureError: The feature code does not run on what was published.
        StoreUnavailableError: The artifact store did not answer.
    """
    manifest, contents = cache.bundle(known.champion)
    code = released_code(contents, known.champion.features_source_digest)
    inputs = cache.online_inputs(known.online)
    features = OnlineFeatures(manifest.feature_layout, code, inputs, feature_kinds(manifest))
    key, event_time = features.key_fields, features.event_time_field
    schema = RequestSchema(
        features.row_types, features.optional_types, required_values={*key, event_time}, max_rows=definition.serving.max_rows
    )
    profile = ReferenceProfile.from_bytes(contents[PROFILE_NAME])
    made = example_rows(inputs, profile, key=key, event_time=event_time)
    examples = as_json_rows(made, EXAMPLE_ROWS)
    rows = schema.checked(examples)
    program = compile_row_features(
        code, features.visible_types, inputs.entities, identifiers=features.identifiers, categorical=features.categorical
    )
    release = LoadedRelease(
        champion=known.champion,
        online=known.online,
        manifest=manifest,
        serving=definition.serving,
        title=definition.title,
        schema=schema,
        features=features,
        program=_agreeing(program, features, schema, rows, manifest),
        scorer=RowScorer(open_predictor(manifest, contents)),
        metrics=metrics,
        examples=examples[: min(SHOWN_EXAMPLES, schema.max_rows)],
    )
    for size in WARM_UP_SIZES:
        release.answer(rows[:size])
    return release


def _agreeing(
    program: RowProgram | None, features: OnlineFeatures, schema: RequestSchema, rows: Sequence[Any], manifest: BundleManifest
) -> RowProgram | None:
    """Return the program if it says what pandas says of the examples, alone and together; a doubt is a no."""
    if program is None:
        return None
    request = features.rows(schema.columns(rows), absent=msgspec.UNSET)
    wanted = features.compute(request)
    try:
        found = program.run(request.columns, request.n_rows) or {}
        differing = [name for name in wanted if not _same(found.get(name, ()), wanted[name])]
    except Exception:
        logger.warning("%s: the quick engine fails on the examples; pandas answers", manifest.model, exc_info=True)
        return None
    if differing:
        logger.warning("%s: the quick engine differs in %s; pandas answers", manifest.model, ", ".join(differing[:10]))
        return None
    return program


def _same(found: Sequence[object], wanted: Sequence[object]) -> bool:
    return len(found) == len(wanted) and all(
        left == right or (_is_missing(left) and _is_missing(right)) for left, right in zip(found, wanted, strict=True)
    )


def _is_missing(value: object) -> bool:
    return value is None or value != value
