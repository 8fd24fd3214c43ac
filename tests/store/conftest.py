import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from nines.store.store import Store
from parts import require
from store.chained import NOW


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server of our own: its address without the name of a database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    require("PostgreSQL", found, "install the server's programs")
    require("psycopg", importlib.util.find_spec("psycopg"), "pip install 'psycopg[binary]'")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no test is about its disk
    binaries, folder = found[-1].parent, Path(tempfile.mkdtemp(prefix="pg", dir=memory))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"

    def run(*words):
        subprocess.run([*as_user, *map(str, words)], check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=120)

    run(binaries / "initdb", "-D", data, "-U", "nines", "--auth=trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    yield folder
    run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'records.sqlite'}"
        return
    folder, name = request.getfixturevalue("server"), f"t{abs(hash(tmp_path))}"
    import psycopg  # the server's fixture has skipped where there is none

    with psycopg.connect(host=str(folder), user="nines", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"postgresql+psycopg://nines@/{name}?host={folder}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(url):
    opened = Store.open(url, now=NOW)
    yield opened
    opened.close()
