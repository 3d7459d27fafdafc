"""docs/training.md says how to read the trainer and how long that is: it is so."""

import re

import pytest


@pytest.fixture
def told(root):
    text = (root / "docs" / "training.md").read_text()
    return text.split("## How to read it\n")[1].split("\n##")[0]


def lines_in(files):
    return sum(path.read_text().count("\n") for path in files)


def test_the_core_is_named_whole_and_in_no_more_lines_than_it_says(root, told):
    files = [path for path in (root / "training").glob("*.py") if path.name != "__init__.py"]
    core = told.split("Each folder")[0]
    assert sorted(re.findall(r"`(\w+\.py)`", core)) == sorted(path.name for path in files)
    most = int(re.search(r"at most ([\d,]+) lines", core)[1].replace(",", ""))
    assert 0.9 * most < lines_in(files) <= most


def test_each_folder_is_named_and_no_longer_than_it_says(root, told):
    found = {
        name: int(most.replace(",", ""))
        for name, most in re.findall(r"`(\w+)/` \((?:at most )?([\d,]+)", told)
    }
    folders = {path.parent for path in (root / "training").glob("*/__init__.py")}
    assert found.keys() == {folder.name for folder in folders}
    for folder in folders:
        assert 0.8 * found[folder.name] < lines_in(folder.glob("*.py")) <= found[folder.name], folder.name
