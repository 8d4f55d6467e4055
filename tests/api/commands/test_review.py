"""Review by the command: list, accept, reject, undo; who decided; paging; and who loaded, retracted and erased."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODE = "91999999MA00000079"


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_review_by_the_command(on_park: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    for name, text in {
        "registry": f"name,uscc,employees\n上海云栖示例材料有限公司,{CODE},30\n",
        "directory": "id,名称,员工数\nD1,云栖示例材料,25\nD2,澜砚示例软件,3\nD3,上海澜砚示例软件有限公司,3\n",
        "tax": f"name,uscc,employees\n上海云栖示例材料有限公司,{CODE},31\n坏,9.13E+17,1\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    made = []
    for name in ("registry", "directory", "tax"):
        _, out, _ = on_park("load", f"{name}.csv", "--class", "Enterprise", "--author", "张工", "--json")
        receipt = lines(out)[-1]
        assert set(receipt) >= {"read", "loaded", "merged", "unchanged", "rejected"}
        made.append((receipt["proposals"], receipt["conflicts"]))
    assert made == [(0, 0), (2, 0), (0, 1)]

    code, out, _ = on_park("review", "list", "--json")
    *items, last = lines(out)
    assert (code, last) == (0, {"total": 4, "shown": 4, "next": None})
    assert [item["kind"] for item in items] == ["merge", "merge", "conflict", "row"]
    row = items[3]
    assert (row["row"], row["wrong"][0]["field"]) == (3, "uscc")
    assert "as text" in row["wrong"][0]["remedy"]
    _, out, _ = on_park("review", "list", "--limit", "3")
    assert out.splitlines()[-1] == "3 of 4; go on with --skip 3"
    _, out, _ = on_park("review", "list", "--skip", "3", "--kind", "row", "--kind", "merge")
    assert out.splitlines()[-1] == "0 of 3"

    first, second, conflict = (item["id"] for item in items[:3])
    assert on_park("review", "accept", first, second, "--author", "李工", "--reason", "同一家")[0] == 0
    assert on_park("review", "undo", second, "--author", "王工")[0] == 0
    assert on_park("review", "reject", second, items[3]["id"], "--author", "王工")[0] == 0
    code, _, err = on_park("review", "accept", conflict)
    assert (code, "Name one: --prefer registry or tax" in err) == (1, True)
    assert on_park("review", "accept", conflict, "--prefer", "tax", "--author", "李工")[0] == 0
    _, out, _ = on_park("review", "list", "--decided", "--json")
    assert [(d["item"], d["outcome"], d["decided_by"]) for d in lines(out)[:-1]] == [
        (conflict, "ACCEPTED", "李工"), (items[3]["id"], "REJECTED", "王工"), (second, "REJECTED", "王工"),
        (first, "ACCEPTED", "李工"),
    ]  # fmt: skip
    _, out, _ = on_park("review", "list", "--kind", "merge")
    assert out == "0 of 0\n"
    _, out, _ = on_park("query", f'{{ enterprises(where: {{uscc: {{eq: "{CODE}"}}}}) {{ nodes {{ employees }} }} }}')
    assert json.loads(out)["data"]["enterprises"]["nodes"] == [{"employees": 31}]
    assert on_park("check")[0] == 0
    _, out, _ = on_park("runs", "--json")
    *runs, last = lines(out)
    assert last == {"total": 9, "shown": 9}
    assert [(r["author"], r["reason"]) for r in runs[-4:]] == [
        ("李工", "同一家"),
        ("张工", ""),
        ("张工", ""),
        ("张工", ""),
    ]
    code, _, err = on_park("retract", runs[0]["run"])
    assert (code, "jingwei review undo " in err) == (1, True)
    assert on_park("retract", runs[-1]["run"], "--author", "赵工", "--reason", "误载")[0] == 0
    _, out, _ = on_park("runs", "--limit", "1")
    assert "by 赵工: 误载" in out
    assert out.splitlines()[-1] == "1 of 10"
    assert on_park("review", "list", "--kind", "thing")[0] == 1
