"""The public list of error codes, with their names. Not all are ever given by us; those from 1900 on are ours
alone."""

from switchboard.models.events import Failure

UNKNOWN = 1331
"""What became of an attempt nobody knows: the provider did not say, or its worker died."""
CANCELLED = 1900
ABOVE_MAX_PRICE = 1901
PRICE_NOT_KNOWN = 1902
SPEND_CAP = 1903
NOT_NEEDED = 1904
CALLED_OFF = (CANCELLED, NOT_NEEDED)
"""Of what we did not hand over because nobody wanted it any more: no fault of anybody."""

REASONS = {
    1000: "Throttled",
    1010: "Missing params",
    1020: "Invalid params",
    1021: "Invalid tag",
    1022: "Invalid template",
    1030: "Internal error",
    1040: "Invalid message",
    1050: "Number barred",
    1060: "Partner account barred",
    1070: "Partner quota exceeded",
    1080: "Account not enabled for REST",
    1090: "Message too long",
    1100: "Communication Failed",
    1110: "Invalid Signature",
    1120: "Illegal Sender Address - rejected",
    1130: "Invalid TTL",
    1140: "Facility not allowed",
    1150: "Invalid Message class",
    1160: "Non White-listed Destination",
    1170: "Invalid or Missing Msisdn Param",
    1180: "Absent Subscriber Temporary",
    1190: "Absent Subscriber Permanent",
    1200: "Portability Error",
    1210: "Anti-Spam Rejection",
    1220: "Handset Busy",
    1230: "Network Error",
    1240: "Illegal Number",
    1241: "Too many send requests",
    1250: "Unroutable",
    1260: "Destination unreachable",
    1270: "Subscriber Age Restriction",
    1280: "Number Blocked by Carrier",
    1290: "Pre-Paid - Insufficient funds",
    1300: "Not part of the provider network",
    1310: "Not suitable device",
    1320: "Message already sent",
    1330: "Unknown",
    1331: "Provider error",
    1340: "Outside of the allowed window",
    1350: "Phone matching fee not paid",
    1360: "TTL was activated",
    1370: "Expired access Token",
    1380: "Invalid resource",
    1381: "Resource size is too large",
    1382: "Resource type is invalid",
    1400: "Unsupported channel",
    1410: "Invalid channel parameters",
    1420: "Invalid sender",
    1430: "Invalid recipient",
    1440: "Invalid message type",
    1450: "Invalid client reference",
    CANCELLED: "Cancelled before it was sent",
    ABOVE_MAX_PRICE: "Its price is above max_price",
    PRICE_NOT_KNOWN: "Its price is not known, so its limit cannot be kept",
    SPEND_CAP: "The daily spend cap is reached",
    NOT_NEEDED: "Not needed any more: an earlier step did its part",
}
_OURS = 1900
"""The first code of our own."""


def reason(code: int) -> str:
    """The name of a code; unknown ones are 1330's."""
    return REASONS.get(code, REASONS[1330])


def told(failure: Failure) -> str:
    """What clients read of a failure: of our own codes what exactly was wrong."""
    if failure.code < _OURS or not failure.detail:
        return reason(failure.code)
    return f"{failure.detail[0].upper()}{failure.detail[1:]}"
