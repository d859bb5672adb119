//! Strict JSON against a reader written after the chapter, byte by byte, which shares nothing with
//! the one under test.

use std::collections::BTreeMap;

use plainsight_specs::json::{self, Json, MAX_DEPTH, MAX_INTEGER};

/// Both readers come to the same value, or both refuse.
pub fn run(input: &[u8]) {
    let ours = json::parse(input).ok();
    let mut reader = Reader {
        rest: input,
        open: 0,
    };
    let theirs = reader.document();
    assert_eq!(ours, theirs);
    if let Some(value) = ours {
        let general: serde_json::Value = serde_json::from_slice(input).unwrap();
        assert_eq!(general, as_general(&value));
    }
}

fn as_general(value: &Json) -> serde_json::Value {
    match value {
        Json::Null => serde_json::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Integer(number) => (*number).into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(values) => values.iter().map(as_general).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), as_general(value)))
            .collect(),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    open: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Json> {
        std::str::from_utf8(self.rest).ok()?;
        let value = self.value()?;
        self.space();
        self.rest.is_empty().then_some(value)
    }

    fn space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn eat(&mut self, token: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn value(&mut self) -> Option<Json> {
        self.space();
        match self.rest.first()? {
            b'n' => self.eat(b"null").map(|()| Json::Null),
            b't' => self.eat(b"true").map(|()| Json::Bool(true)),
            b'f' => self.eat(b"false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::String),
            b'[' => self.array(),
            b'{' => self.object(),
            b'0'..=b'9' => self.integer(),
            _ => None,
        }
    }

    fn integer(&mut self) -> Option<Json> {
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        // A fraction or an exponent is no integer, whatever its value.
        if matches!(rest.first(), Some(b'.' | b'e' | b'E')) || (number[0] == b'0' && digits > 1) {
            return None;
        }
        let number: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
        (number <= MAX_INTEGER).then_some(Json::Integer(number))
    }

    fn open(&mut self) -> Option<()> {
        self.next()?;
        self.open += 1;
        (self.open <= MAX_DEPTH).then_some(())
    }

    fn array(&mut self) -> Option<Json> {
        self.open()?;
        let mut values = Vec::new();
        self.space();
        if self.eat(b"]").is_none() {
            loop {
                values.push(self.value()?);
                self.space();
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.open -= 1;
        Some(Json::Array(values))
    }

    fn object(&mut self) -> Option<Json> {
        self.open()?;
        let mut members = BTreeMap::new();
        self.space();
        if self.eat(b"}").is_none() {
            loop {
                self.space();
                let name = self.string()?;
                self.space();
                self.eat(b":")?;
                let value = self.value()?;
                if members.insert(name, value).is_some() {
                    return None;
                }
                self.space();
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.open -= 1;
        Some(Json::Object(members))
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b"\"")?;
        // UTF-16 for what is escaped, UTF-8 for what is not: joined as code points.
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let character = self.escape()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                byte => text.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.unit()? {
                high @ 0xd800..0xdc00 => {
                    self.eat(b"\\u")?;
                    let low = self
                        .unit()?
                        .checked_sub(0xdc00)
                        .filter(|low| *low < 0x400)?;
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?
                }
                unit => char::from_u32(unit)?,
            },
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}
