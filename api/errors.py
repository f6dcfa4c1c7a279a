"""Errors of the API itself: what a caller asked for in a way that cannot be answered."""

from domain.errors import DeskstreamError


class ParameterError(DeskstreamError):
    """A parameter that passes for its type and still cannot be used."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


class SlowListError(DeskstreamError):
    """A list would take longer than lists may; `advice` says what makes it quick."""

    def __init__(self, advice: str) -> None:
        super().__init__(f"there is too much to read for these filters in this order: {advice}")
        self.advice = advice


class HaltedError(DeskstreamError):
    """Partitions stand still until an operator looks; each as `consumer`, `topic`, `partition`."""

    def __init__(self, halted: list[dict[str, str | int]]) -> None:
        names = ", ".join(f"{h['topic']}[{h['partition']}]" for h in halted)
        super().__init__(f"stands still: {names}")
        self.halted = halted


class UnhealthyError(DeskstreamError):
    """Something that the service depends on does not answer."""

    def __init__(self, dependencies: dict[str, dict[str, str | float]]) -> None:
        down = [name for name, state in dependencies.items() if state["state"] != "up"]
        super().__init__(f"no usable answer from: {', '.join(down)}")
        self.dependencies = dependencies


class ForeignPageError(DeskstreamError):
    """Another site's page asks where access is open: whoever opened it may not know."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"pages of {origin} may not call this API where it asks for no key")
        self.origin = origin


class RollUpsMissingError(DeskstreamError):
    """The statistics have nothing to be made of."""

    def __init__(self) -> None:
        super().__init__(
            "the tickets were projected by a release that kept no sums over them;"
            " an operator has to run `deskstream rebuild tickets` once"
        )


class TooMuchToCountError(DeskstreamError):
    """Statistics would take longer than an answer may."""

    def __init__(self) -> None:
        super().__init__(
            "there is too much to count one by one: begin and end the range with full hours of UTC,"
            " and, behind a large import, ask again when its sums are merged"
        )


class KeyRequiredError(DeskstreamError):
    """The request has no key, where one is wanted."""

    def __init__(self) -> None:
        super().__init__("this wants a key: Authorization: Bearer KEY")


class KeyRefusedError(DeskstreamError):
    """The request has a key that lets in nobody; which of the reasons it is is not told."""

    def __init__(self) -> None:
        super().__init__("this key is unknown, was revoked or has expired")


class OversizeError(DeskstreamError):
    """A request is larger than requests may be; `part` of it is."""

    def __init__(self, part: str, most: int) -> None:
        super().__init__(f"the {part} has more than {most} bytes")
        self.part = part
        self.most = most


class BodyTooLargeError(OversizeError):
    """The body is."""

    def __init__(self, most: int) -> None:
        super().__init__("body", most)


class TargetTooLongError(OversizeError):
    """Path and query together are."""

    def __init__(self, most: int) -> None:
        super().__init__("request target", most)


class HeaderTooLargeError(OversizeError):
    """The fields of the header together are."""

    def __init__(self, most: int) -> None:
        super().__init__("header", most)


class UndeclaredRouteError(DeskstreamError):
    """A route does not say whom it lets in: the application does not start."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the route {path} must declare once whom it lets in (api.access)")
        self.path = path
