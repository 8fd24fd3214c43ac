"""Ten thousand definitions with five hundred mistakes: all are told, in reasonable time."""

import time

import pytest

from definitions.texts import BASE, join, slo
from nines.operations.checking import check


def many(count: int, wrong: int) -> str:
    """Return one file of `count` SLOs, of which `wrong` have one mistake each, spread over all."""
    every = count // wrong
    flaws = [{"target": "99.9"}, {"indicator": "goood"}, {"window": "1x"}, {"missing": "perhaps"}, {"windoww": "30d"}]
    return join(
        *(
            slo(f"s{n}", **(flaws[n // every % len(flaws)] if n % every == 0 and n // every < wrong else {}))
            for n in range(count)
        )
    )


@pytest.mark.slow
def test_five_hundred_mistakes_in_ten_thousand_definitions_are_all_told_and_nothing_is_stored(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "in" / "base.yaml").write_text(BASE)
    (tmp_path / "in" / "many.yaml").write_text(many(10_000 - 3, 500))
    began = time.perf_counter()
    report = check([tmp_path / "in"])
    assert time.perf_counter() - began < 60
    errors = [p for p in report.problems if p.severity == "error"]
    assert len({p.where for p in errors}) == len(errors) == 500
    assert not list((tmp_path / "elsewhere").iterdir())
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["base.yaml", "many.yaml"]
