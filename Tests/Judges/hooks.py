"""What PetPro's OpenAPI document says in members of its own, for schemathesis.

JSON Schema cannot state these rules. The document has them as `x-minimum`, `x-wholeMinutes` and `iana-time-zone`.
"""

import datetime

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

ZONES = ["UTC", "Europe/Berlin", "Europe/Prague", "America/New_York", "Asia/Tokyo", "Asia/Jakarta"]

# `x-minimum` of a birth date is 1900-01-01, and it is not in the future.
schemathesis.openapi.format(
    "date", st.dates(datetime.date(1900, 1, 1), datetime.date(2025, 12, 31)).map(str)
)
schemathesis.openapi.format("iana-time-zone", st.sampled_from(ZONES))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes valid bookings start at a multiple of five minutes (`x-wholeMinutes`)."""
    generation = getattr(case.meta, "generation", None)
    if generation is None or generation.mode != GenerationMode.POSITIVE or not isinstance(case.body, dict):
        return
    try:
        start = datetime.datetime.fromisoformat(case.body["start"].replace("Z", "+00:00"))
        start = start.astimezone(datetime.timezone.utc)
    except (AttributeError, KeyError, OverflowError, ValueError):
        return
    case.body["start"] = start.replace(minute=start.minute // 5 * 5, second=0, microsecond=0).isoformat()
