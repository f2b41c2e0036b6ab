"""What parsing processes print, read."""

import json

import pytest
from benchmarks.parse import ParsingFailed, reading_of, table


def output(
    seconds: float = 0.5, dags: int = 1, errors: dict[str, str] | None = None, azure: list[str] | None = None
) -> str:
    return json.dumps({"seconds": seconds, "dags": dags, "errors": errors or {}, "azure": azure or []})


def test_the_median_is_of_all_processes() -> None:
    assert reading_of([output(0.9), output(0.1), output(0.2)], 1).median == 0.2


def test_one_process_that_imported_azure_is_enough_to_tell() -> None:
    assert reading_of([output(), output(azure=["azure", "azure.core"])], 1).azure_modules == 2


@pytest.mark.parametrize("wrong", [output(dags=199), output(dags=200, errors={"a.py": "NameError"})])
def test_a_folder_that_did_not_parse_whole_gives_no_figure(wrong: str) -> None:
    with pytest.raises(ParsingFailed):
        reading_of([wrong], 200)


def test_each_reading_is_a_row_with_median_and_extremes() -> None:
    shown = table({"1 release file": reading_of([output(0.3), output(0.1), output(0.2)], 1)})
    assert [list(column.cells) for column in shown.columns] == [
        ["1 release file"],
        ["0.20 s"],
        ["0.10 s"],
        ["0.30 s"],
        ["0"],
    ]
