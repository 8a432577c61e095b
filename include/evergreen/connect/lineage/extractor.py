"""The datasets of our tasks as OpenLineage events carry them; loaded only where `AIRFLOW__OPENLINEAGE__EXTRACTORS` names it.

Our assets alone would not do: Airflow carries an asset into an event only if a provider converts its scheme, and where large
XComs are kept in S3, the events would name those instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.extractors.base import BaseExtractor, OperatorLineage

from evergreen.connect.lineage.datasets import NAMESPACE, DatasetUse, dataset_at, datasets_of

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

_TAG = "evergreen"


class StageExtractor(BaseExtractor):  # type: ignore[misc]  # the provider ships no types
    """Says what a task of an Evergreen DAG read and wrote: tables, features, bundles, versions of a model, the champion.

    Tasks of other DAGs are left to Airflow.
    """

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """Return the class behind `@task`."""
        return ["_PythonDecoratedOperator"]

    def _execute_extraction(self) -> OperatorLineage:
        """Return what is known when the task starts: what it is given."""
        return self._lineage(None)

    def extract_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Return what it was given, and what its result says."""
        if not self._is_ours():
            return OperatorLineage()
        places = {} if task_instance.map_index < 0 else {"map_indexes": task_instance.map_index}
        return self._lineage(task_instance.xcom_pull(task_ids=task_instance.task_id, **places))

    def extract_on_failure(self, task_instance: Any) -> OperatorLineage:
        """Return what it was given; what it was about to write is not there."""
        return self._lineage(None)

    def _is_ours(self) -> bool:
        return _TAG in (self.operator.dag.tags or ())

    def _lineage(self, returned: object) -> OperatorLineage:
        task = self.operator
        if not self._is_ours():
            return OperatorLineage()
        read, written = datasets_of(
            task.task_id,
            [*task.op_args, *task.op_kwargs.values()],
            returned,
            [asset.uri for asset in task.inlets],
            [asset.uri for asset in task.outlets] if returned is not None else (),
        )
        landing = [_landing(asset.uri) for asset in task.inlets if asset.uri.endswith("/landing")]
        return OperatorLineage(inputs=[_input(use) for use in (*landing, *read)], outputs=[_output(use) for use in written])


def _landing(uri: str) -> DatasetUse:
    from evergreen.files import join_uri
    from evergreen.settings import Settings

    model = uri.partition("://")[2].partition("/")[0]
    return DatasetUse(*dataset_at(join_uri(Settings().landing_uri, model)))


def _input(use: DatasetUse) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(use.namespace, use.name, facets=_facets(use))


def _output(use: DatasetUse) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counts: dict[str, Any] = {}
    if use.rows is not None:
        counts["outputStatistics"] = statistics.OutputStatisticsOutputDatasetFacet(rowCount=use.rows)
    return OutputDataset(use.namespace, use.name, facets=_facets(use), outputFacets=counts)


def _facets(use: DatasetUse) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_type_dataset as types
    from openlineage.client.facet_v2 import dataset_version_dataset as versions

    facets: dict[str, Any] = {}
    if use.version:
        facets["version"] = versions.DatasetVersionDatasetFacet(datasetVersion=use.version)
    if use.namespace == NAMESPACE:
        facets["datasetType"] = types.DatasetTypeDatasetFacet(
            datasetType="MODEL" if use.name.endswith(("model", "champion")) else "DECISION"
        )
    return facets
