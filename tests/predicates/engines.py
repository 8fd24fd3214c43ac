"""The three engines, each answering SELECT over one Parquet file with plain Python values."""

import io
import math
import os
import shutil
import struct
from pathlib import Path

import duckdb
import pyarrow as pa


class DuckDB:
    dialect = "duckdb"

    def __init__(self, file):
        self.connection = duckdb.connect(config={"threads": 1})
        self.relation = f"read_parquet('{file}')"

    def columns(self, expressions):
        names = ", ".join(f"{sql} AS c{n}" for n, sql in enumerate(expressions))
        rows = self.connection.sql(f'SELECT {names} FROM {self.relation} ORDER BY "id"').fetchall()
        return [list(column) for column in zip(*rows, strict=True)]

    def close(self):
        self.connection.close()


class ClickHouse:
    dialect = "clickhouse"

    def __init__(self, file, structure=""):
        import chdb

        self.query = chdb.query
        self.relation = f"file('{file}', Parquet, '{structure}')" if structure else f"file('{file}', Parquet)"

    def columns(self, expressions):
        names = ", ".join(f"{sql} AS c{n}" for n, sql in enumerate(expressions))
        answer = self.query(f'SELECT {names} FROM {self.relation} ORDER BY "id"', "ArrowStream")
        found = pa.ipc.open_stream(io.BytesIO(answer.bytes())).read_all()
        return [column.to_pylist() for column in found.columns]

    def close(self):
        pass


class Spark:
    """A cluster of its own: master and worker in the driver's JVM, an executor beside it, all on loopback."""

    dialect = "spark"

    def __init__(self, file, folder):
        import pyspark
        from pyspark.sql import SparkSession

        os.environ |= {"SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_LOCAL_IP": "127.0.0.1"}
        os.environ["SPARK_WORKER_DIR"] = str(folder / "worker")
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.executor.memory": "512m",
            "spark.sql.session.timeZone": "America/New_York",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
            "spark.sql.shuffle.partitions": "1",
            "spark.log.level": "ERROR",
        }
        builder = SparkSession.builder.master("local-cluster[1,1,1024]").appName("nines-predicates")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.read.parquet(str(file)).createOrReplaceTempView("events")

    def columns(self, expressions):
        names = ", ".join(f"{sql} AS c{n}" for n, sql in enumerate(expressions))
        rows = self.session.sql(f"SELECT {names} FROM events ORDER BY `id`").collect()
        return [list(column) for column in zip(*rows, strict=True)]

    def close(self):
        self.session.stop()


def has_java():
    return shutil.which("java") is not None


def truth(value):
    """Return True, False or None; engines give flags as booleans or small integers."""
    return None if value is None else bool(value)


def bits(value):
    """Return a number so that equal means equal to the bit, but for the two zeros, which are one."""
    if value is None:
        return None
    number = float(value) + 0.0
    return "nan" if math.isnan(number) else struct.pack(">d", number).hex()
