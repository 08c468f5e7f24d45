"""Wall clocks of the world: time zones by name, and the moments at which their clocks show a time."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from swelld.config import shown, suggest


def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name; ValueError names the nearest one that there is."""
    if name == "UTC":  # needs no database
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise ValueError("there is no time zone database here; install the package tzdata") from None
        cities = {zone.rpartition("/")[2]: zone for zone in sorted(known, reverse=True)}
        meant = cities.get(name.strip().replace(" ", "_").title())
        remedy = f"did you mean {meant}?" if meant else suggest(name, sorted(known)).partition("known here")[0]
        raise ValueError(
            f"{shown(name)} is no time zone; {remedy or 'write an IANA name, e.g. UTC or Europe/Berlin'}"
        ) from None


def offset_at(moment: float, zone: tzinfo) -> float:
    """Seconds that the zone's clock is ahead of UTC."""
    ahead = datetime.fromtimestamp(moment, zone).utcoffset()
    return ahead.total_seconds() if ahead is not None else 0.0


def reading(moment: float, zone: tzinfo) -> datetime:
    """What the clock on the wall shows."""
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def instant(shown_time: datetime, zone: tzinfo) -> float:
    """When the clock shows a time: the first of two moments, or the end of the gap where it never does."""
    moment = shown_time.replace(tzinfo=zone, fold=0).timestamp()
    if reading(moment, zone) == shown_time:
        return moment
    return transition(shown_time.replace(tzinfo=zone, fold=1).timestamp(), moment, zone)


def transition(before: float, after: float, zone: tzinfo) -> float:
    """The first whole second with another offset than `before`; `after` must have another one already."""
    offset, low, high = offset_at(before, zone), int(before // 1), -int(-after // 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset_at(middle, zone) == offset else (low, middle)
    return float(high)


def days_from(day: datetime, count: int) -> list[datetime]:
    """Midnights of consecutive days, as clocks show them."""
    return [day + timedelta(days=number) for number in range(count)]
