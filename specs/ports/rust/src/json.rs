//! A small JSON reader: all of JSON but fractions and exponents, which occur nowhere here.

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object: its keys and values, in their order.
    Object(Vec<(String, Value)>),
}

/// How deep lists and objects may be nested.
const DEEPEST: u32 = 64;

impl Value {
    /// The value of a field of an object, if it has one of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields()?
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The fields of an object.
    pub fn fields(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The values of a list.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// The characters of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Reads one JSON value. No key may occur twice in an object.
///
/// # Errors
/// Says what was expected, and at which byte.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, place: 0 };
    let value = reader.value(0)?;
    reader.skip();
    match reader.peek() {
        None => Ok(value),
        Some(_) => reader.fail("the end"),
    }
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!("JSON: {expected} was expected at byte {}", self.place))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn skip(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    /// Skips white space, and then `byte` if it is there.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip();
        let found = self.peek() == Some(byte);
        self.place += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        if !self.text.as_bytes()[self.place..].starts_with(word.as_bytes()) {
            return self.fail(word);
        }
        self.place += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: u32) -> Result<Value, String> {
        if depth > DEEPEST {
            return self.fail("less nesting");
        }
        self.skip();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.place;
        self.place += usize::from(self.peek() == Some(b'-'));
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.place += 1;
        }
        match self.text[start..self.place].parse() {
            Ok(number) if !matches!(self.peek(), Some(b'.' | b'e' | b'E')) => Ok(Value::Integer(number)),
            _ => self.fail("an integer of 64 bits"),
        }
    }

    fn array(&mut self, depth: u32) -> Result<Value, String> {
        self.place += 1;
        let mut values = Vec::new();
        if self.accept(b']') {
            return Ok(Value::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.accept(b']') {
                return Ok(Value::List(values));
            }
            if !self.accept(b',') {
                return self.fail("a comma or ]");
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value, String> {
        self.place += 1;
        let mut fields = Vec::new();
        let mut names = std::collections::HashSet::new();
        if self.accept(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.skip();
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return self.fail("another key, for this one has occurred,");
            }
            if !self.accept(b':') {
                return self.fail("a colon");
            }
            fields.push((name, self.value(depth + 1)?));
            if self.accept(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.accept(b',') {
                return self.fail("a comma or }");
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        if self.peek() != Some(b'"') {
            return self.fail("a string");
        }
        self.place += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.place..];
            let Some(length) = rest.find(['"', '\\']) else {
                return self.fail("the end of a string");
            };
            if rest[..length].bytes().any(|byte| byte < 0x20) {
                return self.fail("a string without control characters");
            }
            string.push_str(&rest[..length]);
            self.place += length + 1;
            if rest.as_bytes()[length] == b'"' {
                return Ok(string);
            }
            string.push(self.escape()?);
        }
    }

    /// The character of an escape, whose backslash has been read.
    fn escape(&mut self) -> Result<char, String> {
        let Some(letter) = self.peek() else {
            return self.fail("an escape");
        };
        self.place += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let code = if (0xD800..0xDC00).contains(&first) && self.text[self.place..].starts_with("\\u") {
                    self.place += 2;
                    let second = self.unit()?;
                    0x10000 + ((first - 0xD800) << 10) + second.wrapping_sub(0xDC00)
                } else {
                    first
                };
                match char::from_u32(code) {
                    Some(character) => character,
                    None => return self.fail("a pair of surrogates"),
                }
            }
            _ => return self.fail("an escape"),
        })
    }

    /// The four hexadecimal digits of an escape.
    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.text.as_bytes().get(self.place..self.place + 4);
        let Some(digits) = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) else {
            return self.fail("four hexadecimal digits");
        };
        let unit = digits.iter().fold(0, |unit, &digit| {
            unit * 16 + char::from(digit).to_digit(16).unwrap_or(0)
        });
        self.place += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let text = r#" {"a": [1, -2, true, null], "b\n\u00e9\ud83d\ude00": "\\\"" } "#;
        let value = parse(text).unwrap();
        let list = vec![Value::Integer(1), Value::Integer(-2), Value::Bool(true), Value::Null];
        assert_eq!(value.get("a"), Some(&Value::List(list)));
        assert_eq!(value.get("b\né😀").and_then(Value::text), Some("\\\""));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "[1,]",
            "[1 2]",
            "{\"a\":1,\"a\":1}",
            "1.5",
            "1e3",
            "\"a",
            "\"\\ud800\"",
            "-",
            "nul",
            "1 1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
