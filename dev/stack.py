"""`python -m dev.stack up|down|status`: Kafka and MongoDB in the background, data in `.local`."""

from pathlib import Path
from typing import Annotated

import typer

from dev.engine_errors import EngineError, EngineNotReadyError
from dev.engine_process import EngineProcess
from dev.engines import Engines

_LOCAL = Path(__file__).resolve().parent.parent / ".local"

# What the settings of Deskstream point at when nothing is set.
_KAFKA_PORT = 19092
_MONGO_PORT = 27117

app = typer.Typer(
    help="Kafka and MongoDB in the background.", no_args_is_help=True, add_completion=False
)

Root = Annotated[Path, typer.Option(help="The folder that holds the data of both.")]
KafkaPort = Annotated[int, typer.Option(help="Where Kafka listens.", min=1, max=65535)]
MongoPort = Annotated[int, typer.Option(help="Where MongoDB listens.", min=1, max=65535)]


@app.command()
def up(
    root: Root = _LOCAL, kafka_port: KafkaPort = _KAFKA_PORT, mongo_port: MongoPort = _MONGO_PORT
) -> None:
    """Start what does not run yet, wait until it serves, and print the addresses."""
    engines = Engines.local(root, kafka_port=kafka_port, mongo_port=mongo_port, bound=False)
    started: list[EngineProcess] = []
    try:
        for engine in engines.both:
            if engine.adopt():
                engine.wait_ready()
            else:
                engine.start()
                started.append(engine)
    except EngineError as error:
        for fresh in started:
            fresh.stop()
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    for name, value in engines.environment().items():
        typer.echo(f"{name}={value}")


@app.command()
def down(root: Root = _LOCAL) -> None:
    """Stop what `up` started, and nothing else; the data stays."""
    for engine in _engines(root).both:
        if engine.adopt() and engine.in_background:
            engine.stop()
            typer.echo(f"{engine.name}: stopped")
        elif engine.pid:
            typer.echo(f"{engine.name}: left to the program that started it ({engine.pid})")
        else:
            typer.echo(f"{engine.name}: was not running")


@app.command()
def status(root: Root = _LOCAL) -> None:
    """Print what runs, and where; exit code 1 unless both serve."""
    states = [_state(engine) for engine in _engines(root).both]
    for _, line in states:
        typer.echo(line)
    raise typer.Exit(0 if all(serves for serves, _ in states) else 1)


def _engines(root: Path) -> Engines:
    return Engines.local(root, kafka_port=_KAFKA_PORT, mongo_port=_MONGO_PORT, bound=False)


def _state(engine: EngineProcess) -> tuple[bool, str]:
    if not engine.adopt():
        return False, f"{engine.name}: down"
    where = f"{engine.address} (process {engine.pid})"
    try:
        engine.wait_ready(deadline=0)
    except EngineNotReadyError:
        return False, f"{engine.name}: does not answer at {where}"
    return True, f"{engine.name}: up at {where}"


if __name__ == "__main__":
    app()
