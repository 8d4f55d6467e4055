"""The documentation runs: every code block of the README and of docs/ is executed, used, or says why not.

A page runs from top to bottom in an empty folder that holds a copy of ``examples/``. A block is, by its language and
the HTML comment on the line before its fence:

- ``python``: executed; names carry over to the next ``python`` block of the page;
- ``bash``: executed with ``set -euo pipefail``; files carry over, variables do not; a server started with ``&`` lives
  until the end of the page, and ``127.0.0.1:8000`` stands for a free port;
- any language, ``<!-- file: NAME -->``: written to NAME in that folder;
- any language, ``<!-- prints -->``: what the block before it printed; a line ``…`` stands for any lines;
- any language, ``<!-- not run: REASON -->``: left alone;
- ``text`` or ``mermaid``: left alone.

Anything else is an error, so that no block escapes by being of another language.
"""

import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
COMMENT = re.compile(r"<!--\s*(file:|prints|not run:)\s*(.*?)\s*-->\s*\Z")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
STATED_PORT = "127.0.0.1:8000"
BLOCK_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, directive with argument, first line of the body in the page, and text."""

    language: str
    directive: str
    argument: str
    line: int
    body: str


def blocks(text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        comment = COMMENT.search(text[: match.start()])
        directive, argument = (comment[1].rstrip(":"), comment[2]) if comment else ("", "")
        body = (
            re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE) if match["indent"] else match["body"]
        )
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(match["language"].strip(), directive, argument, line, body))
    return found


class Page:
    """Runs the blocks of one page in a folder of their own."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.printed: str | None = None
        self.started: list[int] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"

    def run(self, block: Block) -> None:
        body = block.body.replace(STATED_PORT, self.address)
        match block.directive, block.language:
            case "not run", _:
                assert block.argument, self.at(block, "`not run:` gives no reason")
            case "file", _:
                assert block.argument, self.at(block, "`file:` names no file")
                (self.folder / block.argument).write_text(body, encoding="utf-8")
            case "prints", _:
                assert self.printed is not None, self.at(block, "no block before this one was run")
                parts = [re.escape(part.strip("\n")) for part in re.split(r"^…$", body.strip(), flags=re.MULTILINE)]
                assert re.fullmatch(r"\n?.*\n?".join(parts), self.printed.strip(), re.DOTALL), self.at(
                    block, f"printed something else:\n{self.printed}"
                )
            case _, "python":
                self.python(block, body)
            case _, "bash":
                self.bash(block, body)
            case _, "text" | "mermaid":
                pass
            case _:
                pytest.fail(
                    self.at(block, f"a {block.language or 'plain'} block needs `file:`, `prints` or `not run:`")
                )

    def at(self, block: Block, message: str) -> str:
        return f"{self.path.name}:{block.line}: {message}"

    def python(self, block: Block, body: str) -> None:
        output = io.StringIO()
        # The empty lines give a traceback the line numbers of the page.
        code = compile("\n" * (block.line - 1) + body, str(self.path), "exec")
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(output):
            exec(code, self.names)
        self.printed = output.getvalue()

    def bash(self, block: Block, body: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("JINGWEI_")}  # noqa: TID251
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
        environ["JINGWEI_PORT"] = self.address.rpartition(":")[2]
        log = self.folder / ".output"
        # Output goes to a file: a pipe would stay open for as long as a server started here lives.
        with log.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", body],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(shell.pid)
        status = shell.wait(timeout=BLOCK_SECONDS)
        self.printed = log.read_text(encoding="utf-8")
        assert status == 0, self.at(block, f"exit status {status}:\n{self.printed}")

    def close(self) -> None:
        for group in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def run_page(path: Path, folder: Path) -> int:
    """Run all blocks of ``path``; the number of blocks."""
    found = blocks(path.read_text(encoding="utf-8"))
    page = Page(path, folder)
    try:
        for block in found:
            page.run(block)
    finally:
        page.close()
    return len(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_runs(path: Path, tmp_path: Path) -> None:
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_page(path, tmp_path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]
    missing = [target for target in targets if target and not (path.parent / target).exists()]
    assert not missing


GOOD = """
<!-- file: park.csv -->
```csv
name
中芯
```

```bash
tail -n 1 park.csv
printf 'x%.0s\\n' 1 2 3
```
<!-- prints -->
```text
中芯
…
x
```

1. In a list:

   ```python
   number = 41
   ```

```python
from pathlib import Path
print(number + 1, Path("park.csv").read_text().split()[0])
```

<!-- prints -->

```text
42 name
```

<!-- not run: needs a cluster -->
```bash
exit 1
```
"""


def test_the_runner_runs(tmp_path: Path) -> None:
    page = tmp_path / "good.md"
    page.write_text(GOOD, encoding="utf-8")
    assert run_page(page, tmp_path) == 7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```bash\nfalse\n```\n", "exit status 1"),
        ("```bash\necho a\n```\n<!-- prints -->\n```text\nb\n```\n", "printed something else"),
        ("```json\n{}\n```\n", "a json block needs"),
        ("```\nx\n```\n", "a plain block needs"),
        ("<!-- not run: -->\n```bash\ntrue\n```\n", "gives no reason"),
        ("<!-- prints -->\n```text\nb\n```\n", "no block before"),
        ("```python\nassert False, 'seen'\n```\n", "seen"),
    ],
)
def test_the_runner_complains(text: str, complaint: str, tmp_path: Path) -> None:
    page = tmp_path / "bad.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises((AssertionError, pytest.fail.Exception), match=complaint):
        run_page(page, tmp_path)


def test_a_server_ends_with_its_page(tmp_path: Path) -> None:
    page = tmp_path / "server.md"
    page.write_text("```bash\nsleep 600 & echo $!\n```\n```bash\ntrue\n```\n", encoding="utf-8")
    run = Page(page, tmp_path)
    first, second = blocks(page.read_text(encoding="utf-8"))
    run.run(first)
    server = int((run.printed or "").strip())
    run.run(second)
    os.kill(server, 0)
    run.close()
    for _ in range(100):
        status = Path(f"/proc/{server}/stat")
        if not status.exists() or status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("the server outlived its page")
