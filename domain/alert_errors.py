"""What may be wrong with a question about an alert.

DeskstreamError
├── AlertNotFoundError   no such alert
└── AlertDeliveredError  the receiver has it already
"""

from domain.errors import DeskstreamError


class AlertNotFoundError(DeskstreamError):
    """No alert has this id, or none of this tenant."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"there is no alert {alert_id}")
        self.alert_id = alert_id


class AlertDeliveredError(DeskstreamError):
    """The receiver has the alert: it is not sent again."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"alert {alert_id} was delivered: it is not sent again")
        self.alert_id = alert_id
