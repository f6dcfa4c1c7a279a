"""`deskstream topics`: make our topics, and check that they still are what was made."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Json, print_json
from cli.running import FAILED, perform

if TYPE_CHECKING:
    from infra.settings import Settings

app = typer.Typer(help="The topics of section 6 of the contract.", no_args_is_help=True)

Wait = Annotated[float, typer.Option(help="Seconds to wait for Kafka and MongoDB.", min=0)]


@app.command()
def create(wait: Wait = 30.0, as_json: Json = False) -> None:
    """Make the topics that are missing; those that exist stay as they are."""
    made = perform(partial(create_topics, wait=wait))
    if as_json:
        print_json({"created": made})
        return
    for name in made:
        typer.echo(f"created {name}")
    if not made:
        typer.echo("every topic exists")


@app.command()
def check(as_json: Json = False) -> None:
    """Compare the topics with what was made; exit code 1 if anything differs."""
    findings = perform(_check)
    if as_json:
        print_json({"ok": not findings, "findings": findings})
    else:
        for finding in findings or ["every topic is what was made"]:
            typer.echo(finding)
    if findings:
        raise typer.Exit(FAILED)


async def create_topics(settings: "Settings", wait: float) -> list[str]:
    """Make what is missing, as soon as both engines answer; return the names of what was made."""
    from aiokafka.errors import KafkaError
    from pymongo.errors import AutoReconnect

    from infra.backoff import Backoff

    deadline = asyncio.get_running_loop().time() + wait
    backoff = Backoff()
    while True:
        try:
            return await _create(settings)
        except (AutoReconnect, KafkaError) as error:
            hopeless = isinstance(error, KafkaError) and not error.retriable
            if hopeless or asyncio.get_running_loop().time() > deadline:
                raise
        await backoff.sleep()


async def _create(settings: "Settings") -> list[str]:
    from infra.mongo import Mongo
    from infra.topic_admin import TopicAdmin

    mongo = Mongo(settings)
    try:
        async with TopicAdmin(settings, mongo) as topics:
            return await topics.create()
    finally:
        mongo.close()


async def _check(settings: "Settings") -> list[str]:
    from infra.mongo import Mongo
    from infra.topic_admin import TopicAdmin

    mongo = Mongo(settings)
    try:
        async with TopicAdmin(settings, mongo) as topics:
            return await topics.check()
    finally:
        mongo.close()
