"""Probes on their schedule: what is due where, what one location's fault means, what is kept, and what is refused."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from definitions.texts import doc, join
from nines.errors import ForbiddenError, InputError, NotFoundError
from nines.operations import ingesting, keeping, probe_runs, rounds
from nines.operations.defining import apply
from nines.operations.house import local_principal, open_house
from nines.people.rights import ROLES, Principal
from nines.worker.probing import Prober
from probes.loopback import AT

ME = local_principal("default")
MINUTE = timedelta(minutes=1)
HERE = rounds.Post(locations=("berlin",), allow=("127.0.0.1",))


def furnished(folder, *steps, now=AT, **spec):
    house = open_house(folder / "house", now=now)
    fields = {"source": "probes", "locations": "[berlin, oslo, porto]", "quorum": 2, "schedule": "{every: 1m}"} | spec
    steps = ", ".join(steps)
    body = ", ".join(f"{name}: {value}" for name, value in fields.items())
    path = folder / "probes.yaml"
    path.write_text(
        join(doc("DataSource", "probes", "{type: events}"), doc("Probe", "p", f"{{{body}, steps: [{steps}]}}"))
    )
    apply(house, ME, [path], now=now, effective_from=now - timedelta(days=1))
    return house


def home(url="${shop}/"):
    return f"{{name: home, http: {{url: '{url}'}}}}"


def go(house, post, minute):
    """Run what is due in one minute of the schedule, and store what it shows."""
    now = AT + minute * MINUTE
    for due in rounds.due_between(house, post, after=now - MINUTE, now=now):
        rounds.book(house, post, due, rounds.look(house, post, due, now=now), now=now)


@pytest.fixture
def house(tmp_path, shop):
    return furnished(tmp_path, home(), values=f"{{shop: '{shop.url}'}}")


class TestWhatIsDue:
    def test_is_every_probe_that_names_the_location_once_per_instant(self, house):
        due = rounds.due_between(house, HERE, after=AT - timedelta(seconds=1), now=AT + timedelta(seconds=59))
        assert [(d.journey.name, d.location, d.scheduled) for d in due] == [("p", "berlin", AT)]
        assert rounds.due_between(house, HERE, after=AT, now=AT + timedelta(seconds=59)) == []

    def test_is_nothing_where_no_probe_names_the_location(self, house):
        elsewhere = rounds.Post(locations=("here",))
        assert rounds.due_between(house, elsewhere, after=AT - MINUTE, now=AT) == []

    def test_is_only_the_last_run_after_a_pause(self, house):
        due = rounds.due_between(house, HERE, after=AT - timedelta(hours=3), now=AT)
        assert [d.scheduled for d in due] == [AT]


def test_a_fault_of_one_location_is_no_outage_and_one_of_two_is(house, shop):
    places = {name: rounds.Post(locations=(name,), allow=("127.0.0.1",)) for name in ("berlin", "oslo")}
    cut = rounds.Post(locations=("porto",), allow=("127.0.0.1",), values={"shop": "http://127.0.0.1:9"})
    for minute in range(3):
        shop.fault = "/" if minute == 2 else ""
        for post in (*places.values(), cut):
            go(house, post, minute)
    ingesting.flush(house, now=AT + 3 * MINUTE)
    found = probe_runs.witnessed(house, ME, "p", at=AT + 3 * MINUTE)
    start = min(a for a, _ in found.outages)
    assert [b - a for a, b in found.outages] == [1]
    assert {one.name: one.fault_minutes for one in found.locations} == {"berlin": 0, "oslo": 0, "porto": 2}
    assert start == int((AT + 2 * MINUTE).timestamp()) // 60


class TestWhatIsRefused:
    def test_is_this_machine_itself_unless_it_is_allowed(self, house):
        post = rounds.Post(locations=("berlin",))
        go(house, post, 0)
        assert "not an address to be asked" in keeping.blind(house, "default", "p", "berlin").why
        go(house, HERE, 1)
        assert house.lake.inbox.pending() == {("default", "probes"): 2}

    def test_is_another_tenants_secret(self, tmp_path, shop):
        step = f"{{name: in, http: {{url: '{shop.url}/echo', headers: {{X-Key: '${{secret:KEY}}'}}}}}}"
        house = furnished(tmp_path, step)
        go(house, rounds.Post(locations=("berlin",), allow=("127.0.0.1",), secrets={"acme": {"KEY": "k"}}), 0)
        assert (keeping.blind(house, "default", "p", "berlin").why, shop.seen) == ("there is no secret KEY", [])


class TestSettings:
    def test_say_where_this_is_and_what_it_may_use(self, tmp_path):
        (tmp_path / "secrets").write_text("# ours\nKEY=a=b\nacme/KEY=c\n")
        post = rounds.post_of({
            "NINES_LOCATION": "oslo", "NINES_SECRETS": str(tmp_path / "secrets"), "NINES_SECRET_OTHER": "d",
            "NINES_PROBE_VALUES": "shop=http://one.example, q=lamp", "NINES_PROBE_ALLOW": "127.0.0.1",
            "NINES_ARTIFACTS_MIB": "1", "NINES_ARTIFACTS_DAYS": "2",
        })  # fmt: skip
        assert (post.locations, post.allow, post.values["q"]) == (("oslo",), ("127.0.0.1",), "lamp")
        assert post.secrets == {"default": {"OTHER": "d", "KEY": "a=b"}, "acme": {"KEY": "c"}}
        assert post.keep == keeping.Bound(2**20, timedelta(days=2))

    def test_that_are_wrong_are_told_all_at_once(self):
        settings = {"NINES_ARTIFACTS_MIB": "much", "NINES_SECRETS": "/no/such", "NINES_PROBE_VALUES": "=x"}
        with pytest.raises(InputError) as told:
            rounds.post_of(settings)
        assert {p.code for p in told.value.problems} == {"bad-setting", "no-secret"}
        assert len(told.value.problems) == 3


class TestWhatIsKept:
    @pytest.fixture
    def failed(self, house, shop):
        shop.fault = "/"
        for minute in range(3):
            go(house, HERE, minute)
        return house

    def test_is_the_record_of_each_failure_for_those_with_the_right(self, failed):
        kept = keeping.kept(failed, ME, "p")
        assert [(k.scheduled, k.location) for k in kept] == [(AT + n * MINUTE, "berlin") for n in (2, 1, 0)]
        path, media = keeping.artifact(failed, ME, "p", kept[0].run, "http.har")
        assert (media, b"Out of order" in path.read_bytes()) == ("application/json", True)
        with pytest.raises(ForbiddenError, match="may not look at"):
            keeping.kept(failed, Principal("person", "vi", "default", ROLES["viewer"]), "p")

    @pytest.mark.parametrize(("run", "name"), [("..", "journey.json"), ("RUN", "../journey.json"), ("RUN", "no.har")])
    def test_is_nothing_else(self, failed, run, name):
        run = keeping.kept(failed, ME, "p")[0].run if run == "RUN" else run
        with pytest.raises(NotFoundError):
            keeping.artifact(failed, ME, "p", run, name)

    def test_is_not_older_than_its_age(self, failed):
        now = datetime.now(UTC)
        oldest = keeping.folder_of(failed, "default", "p") / keeping.kept(failed, ME, "p")[-1].run
        os.utime(oldest, times=((now - timedelta(days=15)).timestamp(),) * 2)
        assert keeping.prune(failed, keeping.Bound(), now=now) == 1
        assert len(keeping.kept(failed, ME, "p")) == 2

    def test_is_not_more_than_its_bound(self, failed):
        sizes = [sum(size for _, size in k.files) for k in keeping.kept(failed, ME, "p")]
        assert keeping.prune(failed, keeping.Bound(sizes[0] + 1), now=datetime.now(UTC)) == 2
        assert [k.scheduled for k in keeping.kept(failed, ME, "p")] == [AT + 2 * MINUTE]


def test_the_prober_runs_what_is_due_beside_everything_else(tmp_path, shop):
    now = datetime.now(UTC)
    house = furnished(tmp_path, home(), values=f"{{shop: '{shop.url}'}}", schedule="{every: 1s}", timeout="1s", now=now)
    prober = Prober(house, HERE, lambda: datetime.now(UTC))
    prober.start()
    until = time.monotonic() + 10
    while time.monotonic() < until and not house.lake.inbox.pending():
        time.sleep(0.05)
    prober.stop()
    ingesting.flush(house, now=datetime.now(UTC))
    runs = probe_runs.runs(house, ME, "p", at=datetime.now(UTC))
    assert {(r.location, r.state) for r in runs} == {("berlin", "up")}
    assert all(r.scheduled.microsecond == 0 for r in runs)
