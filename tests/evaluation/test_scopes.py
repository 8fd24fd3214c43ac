"""One data set by event, by window and by session: three figures, each with its reason."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from nines.evaluation.evidence import Evidence
from nines.evaluation.scopes import side_by_side
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.telemetry.series import MinuteSeries

AT = datetime(1970, 1, 1, 0, 4, tzinfo=UTC)


def figures(good, bad):
    series = MinuteSeries(0, np.array(good), np.array(bad), np.zeros(4, int), np.ones(4, np.uint8), 0)
    term = Term(Fraction("0.9"))
    asked = Objective(name="o", service="s", indicator="i", terms=(term,), window=RollingWindow(timedelta(minutes=4)))
    return {f.scope: f for f in side_by_side(asked, Evidence(series), AT)}


def test_a_bad_minute_with_little_traffic_weighs_little_by_event_and_a_quarter_by_window():
    found = figures(good=[99, 99, 99, 0], bad=[1, 1, 1, 3])
    assert found["event"].sli == Fraction(297, 303)
    assert found["window"].sli == Fraction(3, 4)


def test_data_without_a_session_rule_has_no_session_figure_and_says_why():
    found = figures(good=[1, 1, 1, 1], bad=[0, 0, 0, 0])["session"]
    assert (found.sli, "session rule" in found.reason) == (None, True)
