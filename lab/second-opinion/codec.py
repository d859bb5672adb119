"""Numbers, bytes, JSON and times, after specs/encodings.md."""
import base64
import calendar
import hashlib
import re


class Refused(Exception):
    """What was read does not keep the chapters."""


def need(condition, why):
    if not condition:
        raise Refused(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


EMPTY_ROOT = sha256(b"")


def decimal(text):
    """[ENC-2]"""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text) is not None, f"not a decimal: {text!r:.60}")
    number = int(text)
    need(number < 1 << 63, "a number above 2^63 - 1")
    return number


def b64(text, length=None):
    """[ENC-3]"""
    need(isinstance(text, str), "base64 is not a string")
    need(re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) is not None and len(text) % 4 == 0, "not base64")
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 is not canonical")
    need(length is None or len(data) == length, f"base64 of {len(data)} bytes, not {length}")
    return data


def to_b64(data):
    return base64.b64encode(data).decode()


def hex32(text):
    """[ENC-4]"""
    need(isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) is not None, "not 32 bytes in hex")
    return bytes.fromhex(text)


def time(text):
    """[ENC-5]"""
    need(isinstance(text, str), "a time is not a string")
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", text)
    need(match is not None, "not a time")
    year, month, day, hour, minute, second = map(int, match.groups())
    need(1970 <= year and 1 <= month <= 12, "no such month")
    need(1 <= day <= calendar.monthrange(year, month)[1], "no such day")
    need(hour < 24 and minute < 60 and second < 60, "no such second")
    return calendar.timegm((year, month, day, hour, minute, second))


def bit(data, i):
    return (data[i // 8] >> (7 - i % 8)) & 1


# JSON [ENC-6] to [ENC-11]: objects become dict, arrays list, numbers int.

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"[0-9eE.+-]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Json:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def space(self):
        self.at = _SPACE.match(self.text, self.at).end()

    def peek(self):
        return self.text[self.at : self.at + 1]

    def take(self, token):
        need(self.text.startswith(token, self.at), f"JSON: {token!r} expected")
        self.at += len(token)

    def value(self, depth):
        self.space()
        char = self.peek()
        if char in ("{", "["):
            need(depth < 16, "JSON: more than 16 brackets open")
        if char == "{":
            return self.object(depth + 1)
        if char == "[":
            return self.array(depth + 1)
        if char == '"':
            return self.string()
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        match = _NUMBER.match(self.text, self.at)
        need(match is not None, "JSON: no value")
        need(re.fullmatch(r"0|[1-9][0-9]{0,15}", match.group()) is not None, "JSON: not such a number")
        number = int(match.group())
        need(number <= (1 << 53) - 1, "JSON: a number above 2^53 - 1")
        self.at = match.end()
        return number

    def object(self, depth):
        self.take("{")
        found = {}
        self.space()
        if self.peek() == "}":
            self.at += 1
            return found
        while True:
            self.space()
            name = self.string()
            need(name not in found, "JSON: a member twice")
            self.space()
            self.take(":")
            found[name] = self.value(depth)
            self.space()
            if self.peek() != ",":
                self.take("}")
                return found
            self.at += 1

    def array(self, depth):
        self.take("[")
        found = []
        self.space()
        if self.peek() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value(depth))
            self.space()
            if self.peek() != ",":
                self.take("]")
                return found
            self.at += 1

    def unit(self):
        digits = self.text[self.at : self.at + 4]
        need(re.fullmatch(r"[0-9a-fA-F]{4}", digits) is not None, "JSON: not an escape")
        self.at += 4
        return int(digits, 16)

    def string(self):
        self.take('"')
        parts = []
        while True:
            match = _PLAIN.match(self.text, self.at)
            parts.append(match.group())
            self.at = match.end()
            char = self.peek()
            need(char in ('"', "\\"), "JSON: a string does not end")
            self.at += 1
            if char == '"':
                return "".join(parts)
            escape = self.peek()
            self.at += 1
            if escape != "u":
                need(escape in _ESCAPES, "JSON: not an escape")
                parts.append(_ESCAPES[escape])
                continue
            unit = self.unit()
            need(not 0xDC00 <= unit < 0xE000, "JSON: a lone surrogate")
            if 0xD800 <= unit < 0xDC00:
                need(self.text.startswith("\\u", self.at), "JSON: a lone surrogate")
                self.at += 2
                low = self.unit()
                need(0xDC00 <= low < 0xE000, "JSON: a lone surrogate")
                unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            parts.append(chr(unit))


def json(data):
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise Refused("JSON: not UTF-8") from error
    reader = _Json(text)
    value = reader.value(0)
    reader.space()
    need(reader.at == len(text), "JSON: something after the value")
    return value


def members(value, required, optional=(), exact=True):
    """[ENC-12]"""
    need(isinstance(value, dict), "not an object")
    for name in required:
        need(name in value, f"member {name} is missing")
    if exact:
        for name in value:
            need(name in required or name in optional, f"member {name} is unknown")
    return value


def integer(value, low=0, high=(1 << 53) - 1):
    need(type(value) is int, "not an integer")
    need(low <= value <= high, "an integer out of bounds")
    return value


def string(value):
    need(isinstance(value, str), "not a string")
    return value


def array(value):
    need(isinstance(value, list), "not an array")
    return value


def hashes(value, at_most=None):
    need(at_most is None or len(array(value)) <= at_most, "too many hashes")
    return [b64(item, 32) for item in array(value)]
