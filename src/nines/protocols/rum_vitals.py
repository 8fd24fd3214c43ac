"""The web vitals: their names, their bounds, and how a value is rated.

Source: README.md of GoogleChrome/web-vitals, version 6; https://web.dev/articles/vitals
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vital:
    """One web vital.

    Attributes:
        name: its short name.
        good: largest value that is good.
        poor: largest value that is not poor yet.
        unit: "ms", or "" for the score of layout shifts.
        meaning: what it measures.
    """

    name: str
    good: float
    poor: float
    unit: str
    meaning: str

    def rating(self, value: float) -> str:
        """Return what a value is: both bounds belong to the better side.

        Example:
            >>> VITALS["LCP"].rating(2500), VITALS["LCP"].rating(2500.1), VITALS["LCP"].rating(4000.1)
            ('good', 'needs-improvement', 'poor')
        """
        return "good" if value <= self.good else "needs-improvement" if value <= self.poor else "poor"


#: The vitals by name. They are assessed at the 75th percentile of page views.
VITALS: dict[str, Vital] = {
    vital.name: vital
    for vital in (
        Vital("CLS", 0.1, 0.25, "", "the worst burst of layout shifts"),
        Vital("FCP", 1800, 3000, "ms", "until the first text or image was painted"),
        Vital("INP", 200, 500, "ms", "from an interaction to the next paint, about the slowest in fifty"),
        Vital("LCP", 2500, 4000, "ms", "until the largest text or image was painted"),
        Vital("TTFB", 800, 1800, "ms", "until the first byte of the page came"),
    )
}
