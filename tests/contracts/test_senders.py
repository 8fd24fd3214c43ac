"""Every sender keeps one contract: told once and known again, or a reason why not, within a bounded time."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from contracts.receiving_hooks import Hooks
from nines.alerting.message import Message
from nines.errors import InputError
from nines.senders import sending
from nines.senders.opening import SENDERS, sender_of
from nines.senders.sending import NotTakenError, Outgoing, Target
from parts import require

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()


def message(number=1, kind="fired", **more):
    values = {"severity": "page", "title": "checkout burns 20 times too fast", "objective": "checkout@30d"}
    figures = (("burn over 1 h", "20.0"),)
    held = {"tenant": "default", "thread": "checkout@30d page 1h", "service": "checkout", "at": NOW, "figures": figures}
    return Message(number=number, kind=kind, labels=(("team", "shop"),), path="/alerts", **{**held, **values, **more})


def address(kind, url):
    return url.replace("http://", "json://") + "/hook" if kind == "apprise" else f"{url}/hook"


def target(kind, url, secret=SECRET):
    return Target("ops", kind, address(kind, url), secret, "https://nines.example")


def send(kind, url, *messages, repeated=False):
    return sender_of(kind, lambda: 1_772_366_400).send(target(kind, url), Outgoing(messages or (message(),), repeated))


@pytest.fixture
def hooks():
    with Hooks() as found:
        yield found
        assert found.broken == []


@pytest.fixture(params=sorted(SENDERS))
def kind(request):
    return request.param


def test_a_message_that_is_taken_is_told_whole(hooks, kind):
    assert send(kind, hooks.url)
    (_, _, body) = hooks.requests[0]
    assert "checkout burns 20 times too fast" in body.decode()
    assert "20.0" in body.decode()


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, True), (404, True), (422, True), (429, False), (503, False)]
)
def test_a_refusal_says_whether_it_helps_to_try_again(hooks, status, permanent):
    hooks.answers = [(status, {})]
    with pytest.raises(NotTakenError, match=str(status)) as error:
        send("webhook", hooks.url)
    assert error.value.permanent == permanent


def test_a_refusal_is_a_failure_for_every_kind(hooks, kind):
    hooks.answers = [(503, {})] * 10
    with pytest.raises(NotTakenError) as error:
        send(kind, hooks.url)
    assert not error.value.permanent


def test_a_target_that_asks_to_wait_is_given_the_time(hooks):
    hooks.answers = [(429, {"Retry-After": "17"})]
    with pytest.raises(NotTakenError) as error:
        send("webhook", hooks.url)
    assert error.value.retry_after_s == 17


def test_an_answer_that_never_comes_leaves_it_open_whether_it_was_taken(hooks, monkeypatch):
    monkeypatch.setattr(sending, "ANSWER_S", 0.3)
    hooks.answers = [(0, {})]
    with pytest.raises(NotTakenError, match="did not answer") as error:
        send("webhook", hooks.url)
    assert error.value.uncertain


def test_a_port_where_nobody_listens_has_certainly_taken_nothing(kind):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{found.getsockname()[1]}"
    with pytest.raises(NotTakenError) as error:
        send(kind, url)
    assert not error.value.uncertain
    assert not error.value.permanent


def test_a_redirect_is_not_followed(hooks):
    hooks.answers = [(302, {"Location": f"{hooks.url}/elsewhere"})]
    with pytest.raises(NotTakenError, match="302"):
        send("webhook", hooks.url)
    assert len(hooks.requests) == 1


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0:9"])
def test_addresses_that_show_a_machine_its_own_secrets_are_refused(kind, url):
    with pytest.raises(InputError, match="not an address to be asked"):
        send(kind, url)


@pytest.mark.parametrize("url", ["syslog://", "dbus://", "nothing://here", ""])
def test_an_address_no_channel_takes_is_refused(url):
    with pytest.raises(InputError, match="no channel takes"):
        sender_of("apprise", int).send(Target("ops", "apprise", url), Outgoing((message(),)))


def test_a_webhook_is_signed_and_carries_an_id_that_repetitions_share(hooks):
    send("webhook", hooks.url)
    send("webhook", hooks.url, repeated=True)
    (_, first, body), (_, again, repeated) = hooks.requests
    assert first["webhook-id"] == again["webhook-id"] == first["Idempotency-Key"] == message().id
    signed = f"{first['webhook-id']}.{first['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"a secret of twenty-four!", signed, hashlib.sha256).digest()).decode()
    assert first["webhook-signature"] == f"v1,{expected}"
    assert (json.loads(body)["repeated"], json.loads(repeated)["repeated"]) == (False, True)


def test_a_channel_that_cannot_know_a_repetition_is_told_that_it_may_be_one(hooks):
    send("apprise", hooks.url, repeated=True)
    assert json.loads(hooks.requests[0][2])["title"].startswith("(may be repeated)")


def test_messages_of_a_group_are_told_at_once(hooks, kind):
    send(kind, hooks.url, message(), message(title="cart burns", thread="cart@30d page 1h"))
    assert len(hooks.requests) == 1
    assert "cart burns" in hooks.requests[0][2].decode()


def test_a_failure_shows_no_part_of_an_address_that_holds_a_secret(hooks):
    hooks.answers = [(500, {})] * 5
    url = hooks.url.replace("http://", "json://user:topsecret@") + "/alsosecret"
    with pytest.raises(NotTakenError) as error:
        sender_of("apprise", int).send(Target("ops", "apprise", url), Outgoing((message(),)))
    assert "topsecret" not in str(error.value)
    assert "alsosecret" not in str(error.value)


# ---- a real Alertmanager


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    require("Alertmanager", program, "install prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    with Hooks() as hooks:
        route = {"receiver": "us", "group_by": ["nines_thread"], "group_wait": "1s", "group_interval": "1s"}
        receiver = {"name": "us", "webhook_configs": [{"url": f"{hooks.url}/am", "send_resolved": True}]}
        (folder / "config.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        process = subprocess.Popen(
            [program, f"--config.file={folder / 'config.yml'}", f"--storage.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url), 30)
        yield url, hooks
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


def answers(url):
    try:
        return httpx.get(f"{url}/-/ready", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def told(hooks, status):
    return [json.loads(b) for _, _, b in hooks.requests if json.loads(b)["status"] == status]


def test_alertmanager_groups_a_thread_as_one_alert_and_resolves_it(alertmanager):
    url, hooks = alertmanager
    now = datetime.now(UTC).replace(microsecond=0)
    to = Target("am", "alertmanager", url)
    sender = sender_of("alertmanager", lambda: 0)
    sender.send(to, Outgoing((message(at=now - timedelta(minutes=2)),)))
    sender.send(to, Outgoing((message(2, "resized", at=now - timedelta(minutes=1)),), repeated=True))
    until(lambda: told(hooks, "firing"), 20)
    found = httpx.get(f"{url}/api/v2/alerts").json()
    assert len(found) == 1
    assert found[0]["labels"]["objective"] == "checkout@30d"
    sender.send(to, Outgoing((message(3, "resolved", at=now),)))
    until(lambda: told(hooks, "resolved"), 20)
    assert httpx.get(f"{url}/api/v2/alerts").json() == []
