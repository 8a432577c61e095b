"""Features of a few rows in microseconds: `row_features` recorded once as steps on plain lists."""

from evergreen.features.few_rows.compiling import compile_row_features
from evergreen.features.few_rows.program import RowProgram

__all__ = ["RowProgram", "compile_row_features"]
