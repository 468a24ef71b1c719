"""The clock of Vietnam: days, years and the hours of an office are its. Laws name the offset, +07:00, not the zone;
Viet Nam has had no other since 1975."""

from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
