"""Options, markers and profiles of the whole suite.

``--require-backend`` (CI) turns every skip into a failure: nothing is left out there without somebody noticing.
``--soak`` runs the tests marked ``soak`` as well, and Hypothesis at length.
``--neo4j`` runs the tests marked ``neo4j`` as well, on a server of their own or that of ``--neo4j-url``.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tools.neo4j.server import Server

# Derandomised: the same examples in every run, so that a red build is red for a reason in its diff.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=5000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-backend", action="store_true", help="a skipped test is a failure (used in CI)")
    parser.addoption("--soak", action="store_true", help="also run tests marked soak, with many more examples")
    parser.addoption("--neo4j", action="store_true", help="also run tests marked neo4j")
    parser.addoption("--neo4j-url", default="", help="a server that runs already; tests empty its database")
    parser.addoption("--neo4j-version", default="", help="what to start otherwise")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--soak"):
        settings.load_profile("soak")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker in ("soak", "neo4j"):
        if config.getoption(f"--{marker}"):
            continue
        left_out = [item for item in items if item.get_closest_marker(marker)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker(marker)]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def neo4j_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """A Neo4j server with no data, stopped after the last test; or the given one, which must be empty."""
    from tools.neo4j.server import LTS, Server, Unavailable, start

    url = request.config.getoption("--neo4j-url")
    if url:
        yield Server(url, 0)
        return
    try:
        server = start(
            tmp_path_factory.mktemp("neo4j"), version=request.config.getoption("--neo4j-version") or LTS, wipe=True
        )
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def neo4j_url(neo4j_server: "Server") -> str:
    """Where the tests marked ``neo4j`` find their server. They may empty its database."""
    return neo4j_server.url


def _refuse_skip(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped too, and stays one.
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not config.getoption("--require-backend"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason}\n(a skip is a failure with --require-backend)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(collector.config, report)
    return report
