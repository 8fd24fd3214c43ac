import importlib.util

import pyarrow.parquet as pq
import pytest

from parts import require
from predicates.engines import ClickHouse, DuckDB, Spark, has_java
from predicates.rows import table


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("predicates") / "rows.parquet"
    pq.write_table(table(), file)
    return file


@pytest.fixture(scope="session")
def duck(rows_file):
    engine = DuckDB(rows_file)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def clickhouse(rows_file):
    require("chdb", importlib.util.find_spec("chdb"), "pip install 'nines[clickhouse]'")
    return ClickHouse(rows_file)


@pytest.fixture(scope="session")
def spark(rows_file, tmp_path_factory):
    require("pyspark", importlib.util.find_spec("pyspark"), "pip install 'nines[spark]'")
    require("java", has_java(), "install a Java runtime, 17 or newer")
    engine = Spark(rows_file, tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()
