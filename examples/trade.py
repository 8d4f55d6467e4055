"""Who makes, uses, supplies and owns what in the demo park."""

from __future__ import annotations

from functools import lru_cache

from examples import planted
from examples.catalogue import STAGES, Good
from examples.firms import Firm, Row, firms, pick, picks, roll

QUALIFICATIONS = ("QUALIFIED", "QUALIFIED", "TESTING", "SAMPLE")


def recorded_in(firm: Firm) -> int:
    """The year of the first register that names it."""
    return 2025 if firm.number in planted.NEW else 2024


@lru_cache(maxsize=1)
def goods_by_code() -> dict[str, Good]:
    return {g.code: g for s in STAGES for g in s.goods}


@lru_cache(maxsize=1)
def recipe() -> dict[str, tuple[str, ...]]:
    """Good → goods that go into it, by codes."""
    by_code = {(s.chain, s.code): s for s in STAGES}
    out: dict[str, list[str]] = {}
    for stage in STAGES:
        for good in stage.goods:
            for code in stage.next:
                for made in by_code[stage.chain, code].goods:
                    fixed = planted.INPUTS.get(good.code)
                    if made.code in fixed if fixed is not None else roll("input", good.code, made.code) < 0.6:
                        out.setdefault(made.code, []).append(good.code)
    return {made: tuple(codes) for made, codes in out.items()}


def inputs() -> list[Row]:
    return [
        {"input": code, "output": made, "quantity": round(0.1 + 5 * roll("quantity", code, made), 2)}
        for made, codes in recipe().items()
        for code in codes
    ]


def used(firm: Firm) -> tuple[str, ...]:
    """Codes of the goods that go into what it makes."""
    own = {g.code for g in firm.goods}
    return tuple(dict.fromkeys(c for g in firm.goods for c in recipe().get(g.code, ()) if c not in own))


def produces(year: int) -> list[Row]:
    return [
        {
            "uscc": f.code, "good": g.code,
            "capacity": planted.CAPACITY.get(
                (f.number, g.code), 100 * int(5 + 95 * roll("capacity", f.number, g.code))
            ),
            "inventoryDays": 5 + int(60 * roll("inventory", f.number, g.code)),
            "share": round(100 * roll("share", f.number, g.code) ** 2, 1), "since": max(f.founded, "2015-01-01"),
        }
        for f in firms()
        for g in f.goods
        if recorded_in(f) == year
    ]  # fmt: skip


def consumes() -> list[Row]:
    """What the residents told the park's office in May 2026 that they use, and for how many days their stock lasts."""
    return [
        {
            "uscc": f.code, "good": code, "volume": 10 * int(1 + 80 * roll("use", f.number, code)),
            "inventoryDays": planted.STOCK_DAYS
            if (f.number, code) == (planted.EXPOSED, "IC-RESIST-1")
            else 10 + int(80 * roll("stock", f.number, code)),
            "since": max(f.founded, "2024-01-01"),
        }
        for f in firms()
        if f.resident and f.number not in planted.ENDED_2025
        for code in used(f)
    ]  # fmt: skip


def supplies(year: int) -> list[Row]:
    """Each firm buys each good that it uses from one or two of its makers."""
    makers: dict[str, list[Firm]] = {}
    for firm in firms():
        for good in firm.goods:
            if firm.number not in planted.RESERVED:
                makers.setdefault(good.code, []).append(firm)
    out = []
    for customer in firms():
        for code in used(customer):
            chosen = planted.SUPPLIERS.get((customer.number, code))
            if chosen is None:
                count = 2 if roll("count", code, customer.number) < 0.3 else 1
                suppliers = picks(makers.get(code, ()), count, "supplier", customer.number, code)
            else:
                suppliers = [firms()[number - 1] for number in chosen]
            for supplier in suppliers:
                out += _supply(supplier, customer, code, year, len(suppliers))
    return out


def _supply(supplier: Firm, customer: Firm, code: str, year: int, among: int) -> list[Row]:
    key = (supplier.number, customer.number, code)
    ended = {supplier.number, customer.number} & set(planted.ENDED_2025)
    fixed = (customer.number, code) in planted.SUPPLIERS
    late = not ended and not fixed and roll("year of", *key) < 0.25
    first = max(2025 if late else 2024, recorded_in(supplier), recorded_in(customer))
    if first != year:
        return []
    since = f"{first - 1 - int(3 * roll('since', *key))}-{1 + supplier.number % 12:02}-01"
    return [
        {
            "supplier": supplier.code, "customer": customer.code, "good": code,
            "volume": 10 * int(1 + 99 * roll("volume", *key)),
            "share": 100.0 if among == 1 else round(20 + 30 * roll("supply share", *key), 1),
            "qualification": "QUALIFIED" if fixed else pick(QUALIFICATIONS, "q", *key),
            "since": max(since, supplier.founded, customer.founded),
        }
    ]  # fmt: skip


# ---------------------------------------------------------------- who owns whom


def investments() -> list[Row]:
    special = [*planted.LOOP, *planted.CONTROL]
    companies = {number for _, number, _ in special}
    out = [_investment(firms()[a - 1], firms()[b - 1], ratio) for a, b, ratio in special]
    held: dict[str, float] = {}
    for firm in firms():
        if firm.number in companies or firm.number in planted.NEW or roll("owned", firm.number) >= 0.3:
            continue
        older = [f for f in firms() if f.number < firm.number and f.number not in planted.NEW]
        for owner in picks(older, 2, "owner", firm.number):
            ratio = round(5 + 90 * roll("ratio", owner.number, firm.number) ** 2, 1)
            held[firm.code] = held.get(firm.code, 0.0) + ratio
            if held[firm.code] <= 100:
                out.append(_investment(owner, firm, ratio))
    return out


def _investment(owner: Firm, company: Firm, ratio: float) -> Row:
    since = max(owner.founded, company.founded, "2012-01-01")
    return {"investor": owner.code, "company": company.code, "ratio": ratio, "since": since}


def controls() -> list[Row]:
    return [row for row in investments() if row["ratio"] > 50]
