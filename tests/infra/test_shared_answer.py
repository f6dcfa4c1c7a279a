"""One question for all who ask at about the same time."""

import asyncio

import pytest

from infra.shared_answer import SharedAnswer


class Oracle:
    """Counts what it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 100.0
        self.let = asyncio.Event()
        self.error: Exception | None = None
        self.answer = SharedAnswer(self._ask, 1.0, lambda: self.now)

    async def _ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
async def oracle() -> Oracle:
    return Oracle()


async def test_fifty_who_ask_at_once_cost_what_one_does(oracle: Oracle) -> None:
    asking = [asyncio.create_task(oracle.answer.get()) for _ in range(50)]
    await asyncio.sleep(0)
    oracle.let.set()

    assert await asyncio.gather(*asking) == [1] * 50
    oracle.now += 1.0
    assert await oracle.answer.get() == 1
    oracle.now += 0.1
    assert await oracle.answer.get() == 2


async def test_the_time_is_counted_from_the_answer_on(oracle: Oracle) -> None:
    asking = asyncio.create_task(oracle.answer.get())
    await asyncio.sleep(0)
    oracle.now += 60
    late = asyncio.create_task(oracle.answer.get())
    await asyncio.sleep(0)
    oracle.let.set()

    assert (await asking, await late, await oracle.answer.get()) == (1, 1, 1)


async def test_whoever_leaves_takes_the_answer_from_nobody(oracle: Oracle) -> None:
    leaving, staying = (asyncio.create_task(oracle.answer.get()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    oracle.let.set()

    assert await staying == 1


async def test_an_error_is_everybodys_for_as_long(oracle: Oracle) -> None:
    oracle.error = LookupError("nobody knows")
    oracle.let.set()

    for _ in range(2):
        with pytest.raises(LookupError):
            await oracle.answer.get()
    assert oracle.asked == 1
    oracle.error = None
    oracle.now += 1.1
    assert await oracle.answer.get() == 2


async def test_a_question_that_is_out_ends_with_the_process(oracle: Oracle) -> None:
    asking = asyncio.create_task(oracle.answer.get())
    await asyncio.sleep(0)

    await oracle.answer.close()

    with pytest.raises(asyncio.CancelledError):
        await asking
