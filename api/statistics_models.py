"""The shapes of the statistics, as the OpenAPI document shows them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.intervals import MOST, Interval
from api.models import Count

Ratio = Annotated[float, Field(ge=0, le=1, description="Rounded to 4 digits; 0 of no tickets.")]


class RangeView(BaseModel):
    """The half-open range of `created_at`, null where it is open, and the zone of the hours."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: datetime | None = Field(alias="from")
    to: datetime | None
    tz: str


class HourCount(BaseModel):
    """Tickets created in one hour; `hour` is its begin, with the zone's offset."""

    hour: datetime
    count: Count
    high: Count


class KeywordCount(BaseModel):
    """A word, and how many tickets hold it."""

    keyword: str
    count: Count


class CustomerAtRisk(BaseModel):
    """A customer with open tickets that are urgent or angry."""

    customer_id: str
    open_high: Count
    open_negative: Count
    open_total: Count


class Statistics(BaseModel):
    """The live tickets of a tenant in figures, all of one moment."""

    tenant_id: str
    total_tickets: Count
    by_status: dict[str, Count]
    by_urgency: dict[str, Count]
    by_sentiment: dict[str, Count]
    urgency_high_ratio: Ratio
    negative_sentiment_ratio: Ratio
    requires_action_count: Count
    hourly_trend: Annotated[list[HourCount], Field(min_length=24, max_length=24)]
    top_keywords: Annotated[list[KeywordCount], Field(max_length=10)]
    at_risk_customers: Annotated[list[CustomerAtRisk], Field(max_length=10)]
    range: RangeView
    generated_at: datetime
    data_as_of: datetime | None = Field(description="When the tenant's last change was observed.")


class TrendPoint(BaseModel):
    """Tickets created in one interval; `begin` has the zone's offset, the first may be cut."""

    begin: datetime
    count: Count
    high: Count


class Earlier(BaseModel):
    """The time before, as long as what has passed of the range."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: datetime = Field(alias="from")
    to: datetime
    count: Count
    high: Count


class Trend(BaseModel):
    """The live tickets of a tenant by hour, day or week, all of one moment."""

    tenant_id: str
    interval: Interval
    points: Annotated[list[TrendPoint], Field(max_length=MOST)]
    count: Count
    high: Count
    previous: Earlier
    change: float | None = Field(
        description="(count - previous.count) / previous.count, 4 digits; null where it was 0."
    )
    range: RangeView
    generated_at: datetime
    data_as_of: datetime | None = Field(description="When the tenant's last change was observed.")
