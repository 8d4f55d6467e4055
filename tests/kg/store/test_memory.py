"""The memory store keeps the contract and follows the naive model."""

from hypothesis import settings

from kg.schema.types import Schema
from kg.store.base import Store
from kg.store.memory import MemoryStore
from kg.testing.contract import StoreContract
from kg.testing.machine import StoreMachine


class TestMemoryContract(StoreContract):
    async def make(self, schema: Schema) -> Store:
        return MemoryStore(schema)


class MemoryMachine(StoreMachine):
    async def open_store(self, schema: Schema) -> Store:
        return MemoryStore(schema)


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(stateful_step_count=12, max_examples=15)
