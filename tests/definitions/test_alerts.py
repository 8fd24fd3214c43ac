"""What watches promises, from text: burn policies, alert policies, targets, consequences, and OpenSLO's own."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
import yaml

from definitions.texts import doc, join, only, read, slo
from nines.alerting.catalogue import published
from nines.alerting.policy import BudgetException, BurnRule, CountRule, LowTraffic
from nines.definitions.load import load_texts
from nines.definitions.openslo_alerts import written
from nines.objectives.objective import Watching

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def excepted(start, end, names="[a]"):
    held = f"{{start: '{start}', end: '{end}', approver: ann, reason: a fix, objectives: {names}}}"
    return f"{{objectives: [a], steps: [{{spent: 1, consequence: freeze}}], exceptions: [{held}]}}"


def test_every_field_of_a_burn_policy_is_read():
    text = """
spec:
  rules: [{share: 2%, window: 1h, short: 10m, lasts: 2m}, {severity: ticket, factor: 1.5, window: 3d}]
  counts: [{bad: 5, window: 7d}]
  comparison: gt
  source: annex 2
  lowTraffic: {leastBad: 3, falsePages: 0.5, healthy: 25%}
  leastCoverage: 50%
  clear: 5m
"""
    found = read("apiVersion: nines/v1\nkind: BurnPolicy\nmetadata: {name: mine}" + text)
    policy = found.policies["mine"]
    assert found.errors == ()
    assert policy.rules == (
        BurnRule("page", Fraction(1, 50), HOUR, 10 * MINUTE, 2 * MINUTE),
        BurnRule("ticket", None, 3 * DAY, 6 * HOUR, stated=Fraction(3, 2)),
    )
    assert policy.counts == (CountRule("ticket", 5, 7 * DAY),)
    assert policy.low_traffic == LowTraffic(3, Fraction(1, 2), Fraction(1, 4))
    assert (policy.least_coverage, policy.clear, policy.comparison) == (Fraction(1, 2), 5 * MINUTE, "gt")


@pytest.mark.parametrize(
    ("kind", "spec", "code"),
    [
        ("BurnPolicy", "{rules: [{window: 1h}]}", "burn-rule"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%, factor: 3}]}", "burn-rule"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 0}]}", "not-above-0"),
        ("BurnPolicy", "{rules: [{window: 1h, factor: -1}]}", "not-above-0"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}, {window: 1h, share: 3%}]}", "rule-twice"),
        ("BurnPolicy", "{rules: [{window: 90s, share: 2%}]}", "off-grid"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], counts: [{bad: 0, window: 1d}]}", "bad-shape"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], lowTraffic: {falsePages: 1, sequential: 0.1%}}", "two-tests"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], lowTraffic: {falsePages: 0}}", "not-above-0"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], lowTraffic: {sequential: 0}}", "not-above-0"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], lowTraffic: {healthy: 0}}", "not-above-0"),
        ("BurnPolicy", "{rules: [{window: 1h, share: 2%}], leastCoverage: 150%}", "bad-value"),
        ("AlertCondition", "{threshold: 0, lookbackWindow: 1h}", "not-above-0"),
        ("AlertCondition", "{threshold: 2, op: lte, lookbackWindow: 1h}", "bad-choice"),
        ("AlertPolicy", "{conditions: [nobody]}", "unknown-alertcondition"),
        ("AlertPolicy", "{conditions: [{threshold: 2, lookbackWindow: 1h}], notificationTargets: [nobody]}",
         "unknown-alertnotificationtarget"),
        ("AlertNotificationTarget", "{target: pigeon, url: x}", "bad-choice"),
        ("ErrorBudgetPolicy", excepted("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"), "exception-time"),
        ("ErrorBudgetPolicy", excepted("2026-03-01T00:00:00", "2026-03-02T00:00:00Z"), "bad-value"),
        ("ErrorBudgetPolicy", excepted("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "[b]"), "exception-scope"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_alone(kind, spec, code):
    assert only(read(slo(), doc(kind, "mine", spec))).code == code


def test_all_mistakes_of_a_policy_are_told_at_once():
    spec = "{rules: [{window: 90s, share: 2%}, {window: 1h}], clear: 90s, lowTraffic: {sequential: 2}}"
    codes = [p.code for p in read(doc("BurnPolicy", "mine", spec)).errors]
    assert sorted(codes) == ["bad-value", "burn-rule", "off-grid", "off-grid"]


def test_what_is_watched_beside_the_rules_has_defaults_and_can_be_left_out():
    full = read(slo(alerting="{policy: google-workbook}")).objectives[-1]
    less = read(
        slo(alerting="{depletion: [120%, 80%], forecast: false, suspectedLoss: false, blind: false}")
    ).objectives
    assert full.watching == Watching()
    assert less[-1].watching == Watching((Fraction(4, 5), Fraction(6, 5)), False, False, False)
    assert read(slo()).objectives[-1].watching is None


def test_a_share_of_nothing_is_refused():
    assert only(read(slo(alerting="{depletion: [0]}"))).code == "bad-value"


def test_an_objective_is_watched_by_a_published_policy_a_burn_policy_or_an_alert_policy():
    burn = doc("BurnPolicy", "mine", "{rules: [{share: 2%, window: 1h}]}")
    alert = doc("AlertPolicy", "pager", "{conditions: [fast, {threshold: 3, lookbackWindow: 1d, severity: ticket}]}")
    fast = doc("AlertCondition", "fast", "{threshold: 14.4, op: gt, lookbackWindow: 1h, alertAfter: 2m}")
    found = read(
        slo("a", alerting="{policy: sloth}"), slo("b", alerting="{policy: mine}"), slo("c", alerting="{policy: pager}"),
        burn, alert, fast,
    )  # fmt: skip
    assert found.errors == ()
    policies = {o.name: found.policy_of(o) for o in found.objectives if o.name in "abc"}
    assert policies["a"] == published("sloth", 30 * DAY)
    assert policies["b"] == found.policies["mine"]
    assert policies["c"].rules == (
        BurnRule("page", None, HOUR, HOUR, 2 * MINUTE, Fraction("14.4")),
        BurnRule("ticket", None, DAY, DAY, stated=Fraction(3)),
    )
    assert policies["c"].comparison == "gt"


def test_a_published_policy_on_a_window_it_was_not_published_for_is_refused():
    assert only(read(slo(alerting="{policy: sloth}", window="7d"))).code == "unpublished-window"


def test_two_kinds_of_policies_may_not_share_a_name():
    alert = doc("AlertPolicy", "mine", "{conditions: [{threshold: 3, lookbackWindow: 1d}]}")
    assert only(read(alert, doc("BurnPolicy", "mine", "{rules: [{share: 2%, window: 1h}]}"))).code == "defined-twice"


def test_a_target_and_an_exception_are_read():
    target = doc(
        "AlertNotificationTarget",
        "desk",
        '{target: webhook, url: "https://x.example/${secret:TOKEN}", secret: "${secret:KEY}"}',
    )
    policy = doc("ErrorBudgetPolicy", "careful", excepted("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"))
    found = read(slo(), target, policy)
    assert (found.errors, found.targets["desk"].kind, found.targets["desk"].secret) == ((), "webhook", "${secret:KEY}")
    start = datetime(2026, 3, 1, tzinfo=UTC)
    expected = BudgetException("freeze", start, start + DAY, "ann", "a fix", ("a",))
    assert found.budget_policies["careful"].exceptions == (expected,)


OPENSLO = """
apiVersion: {version}
kind: {kind}
metadata: {{name: {name}}}
spec: {spec}
"""
SLO_SPEC = (
    "{service: web, indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true, "
    "good: {metricSource: {type: Prometheus, spec: {query: a}}}, total: {metricSource: {type: Prometheus, spec: {query: b}}}}}}, "
    "timeWindow: [{duration: 4w, isRolling: true}], budgetingMethod: Occurrences, objectives: [{target: 0.99}], "
    "alertPolicies: %s}"
)


def foreign(kind, name, spec, version="openslo/v1"):
    return OPENSLO.format(version=version, kind=kind, name=name, spec=spec)


def condition(op="gte", threshold=14.4, after="2m", severity="page", window="1h"):
    inner = f"{{kind: burnrate, op: {op}, threshold: {threshold}, lookbackWindow: {window}, alertAfter: {after}}}"
    return f"{{severity: {severity}, condition: {inner}}}"


def inline(**more):
    return f"{{kind: AlertCondition, metadata: {{name: c}}, spec: {condition(**more)}}}"


def openslo(alert_policies, *documents):
    return load_texts([("a.yaml", join(*documents, foreign("SLO", "web", SLO_SPEC % alert_policies)))])


def rules_of(found):
    policy = found.policy_of(found.objectives[0])
    return None if policy is None else [(r.severity, str(r.stated), r.long, r.lasts) for r in policy.rules]


FAST = ("page", "72/5", HOUR, 2 * MINUTE)


def test_alert_policies_of_an_slo_become_the_rules_of_one_burn_policy():
    fast = foreign("AlertPolicy", "fast", f"{{conditions: [{inline()}]}}")
    slow = foreign("AlertPolicy", "slow", f"{{conditions: [{inline(severity='low', threshold=3, window='1d')}]}}")
    found = openslo("[fast, {alertPolicyRef: slow}]", slow, fast)
    assert found.errors == ()
    assert found.objectives[0].policy == "fast+slow"
    assert rules_of(found) == [FAST, ("ticket", "3", DAY, 2 * MINUTE)]


def test_a_condition_that_is_referred_to_and_a_policy_that_stands_inline_are_read():
    policy = "[{kind: AlertPolicy, metadata: {name: fast}, spec: {conditions: [{conditionRef: burning}]}}]"
    found = openslo(policy, foreign("AlertCondition", "burning", condition()))
    assert rules_of(found) == [FAST]


def test_no_word_on_missing_data_leaves_blindness_watched_and_a_no_does_not():
    policies = [f"{{conditions: [{inline()}]{more}}}" for more in ("", ", alertWhenNoData: false")]
    blind = [openslo("[p]", foreign("AlertPolicy", "p", p)).objectives[0].watching.blind for p in policies]
    assert blind == [True, False]


@pytest.mark.parametrize(
    "spec", [f"{{conditions: [{inline(op='lte')}]}}", f"{{alertWhenBreaching: false, conditions: [{inline()}]}}"]
)
def test_a_policy_that_never_fires_on_fast_burning_watches_nothing_and_says_so(spec):
    found = openslo("[p]", foreign("AlertPolicy", "p", spec))
    assert (found.errors, rules_of(found), found.objectives[0].watching) == ((), None, None)
    assert "no-fast-burn" in {p.code for p in found.problems}


def test_a_foreign_policy_that_can_never_fire_is_warned_of_and_a_missing_one_noted():
    found = openslo("[p, q]", foreign("AlertPolicy", "p", f"{{conditions: [{inline(threshold=200)}]}}"))
    told = {p.code: p.severity for p in found.problems}
    assert (found.errors, told["never-fires"], told["unknown-alertpolicy"]) == ((), "warning", "note")


def test_a_burn_policy_written_as_openslo_reads_back_as_what_is_not_listed_as_lost():
    policy = published("pyrra", 28 * DAY)
    documents, lost = written(policy, 28 * DAY).documents, written(policy, 28 * DAY).lost
    text = join(*(yaml.safe_dump(d, sort_keys=False) for d in documents))
    found = load_texts([("written.yaml", text)], strict=True)
    assert found.problems == ()
    back = [found.policies[d["metadata"]["name"]].rules[0] for d in documents]
    assert [(r.severity, r.factor(28 * DAY), r.long, r.lasts) for r in back] == [
        (r.severity, r.factor(28 * DAY), r.long, r.lasts) for r in policy.rules
    ]
    assert [line.split(":")[0] for line in lost] == [r.name for r in policy.rules]


def test_what_openslo_cannot_say_is_listed():
    lost = written(published("workbook-low-traffic", 28 * DAY), 28 * DAY).lost
    assert "page-1h: the short lookback of 5m, so its alert ends later" in lost
    assert "page-1h: the share of 1/50; its factor holds for a window of 28d only" in lost
    assert "ticket-3d: the factor 14/15, which no decimal number is; 0.9333333333333333 is written" in lost
    assert lost[-3:] == (
        "the least number of bad units, 2", "the limit of 1 false pages", "the 5m it must be under before it resolves",
    )  # fmt: skip


def test_targets_of_a_written_policy_are_named():
    first = written(published("sloth", 28 * DAY), 28 * DAY, ["desk"]).documents[0]
    assert first["spec"]["notificationTargets"] == [{"targetRef": "desk"}]
