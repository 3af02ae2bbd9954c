use zeroize::Zeroizing;

use super::Absent;

/// Writes one JSON object, without white space, members in the order of the calls.
pub(super) struct JsonWriter {
    out: Zeroizing<Vec<u8>>,
    needs_comma: bool,
}

impl JsonWriter {
    /// An object with these members; `capacity` octets suffice, so that growth leaves no copy of a secret behind.
    pub(super) fn object(capacity: usize, members: impl FnOnce(&mut Self)) -> Zeroizing<Vec<u8>> {
        let mut json =
            Self { out: Zeroizing::new(Vec::with_capacity(capacity)), needs_comma: false };
        json.braces(b'{', members, b'}');
        json.out
    }

    pub(super) fn member_object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braces(b'{', members, b'}');
    }

    pub(super) fn member_list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        item: impl Fn(&mut Self, T),
    ) {
        self.name(name);
        let objects = |json: &mut Self| {
            for value in items {
                json.comma();
                json.braces(b'{', |json| item(json, value), b'}');
            }
        };
        self.braces(b'[', objects, b']');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    pub(super) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.name(name);
        self.out.extend_from_slice(value.into().to_string().as_bytes());
    }

    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<&str>, absent: Absent) {
        match (value, absent) {
            (Some(value), _) => self.text(name, value),
            (None, Absent::Empty) => self.text(name, ""),
            (None, Absent::Null) => {
                self.name(name);
                self.out.extend_from_slice(b"null");
            }
            (None, Absent::Omitted) => {}
        }
    }

    fn braces(&mut self, open: u8, inside: impl FnOnce(&mut Self), close: u8) {
        self.out.push(open);
        self.needs_comma = false;
        inside(self);
        self.out.push(close);
        self.needs_comma = true;
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.string(name);
        self.out.push(b':');
    }

    fn comma(&mut self) {
        if self.needs_comma {
            self.out.push(b',');
        }
        self.needs_comma = true;
    }

    /// Writing a text into memory cannot fail.
    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.out, text).unwrap_or_default();
    }
}
