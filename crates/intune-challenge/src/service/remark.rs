use std::fmt;

use zeroize::Zeroizing;

/// Characters a remark may have.
const MAX_REMARK: usize = 1024;
/// Characters without a space between that no prose has; a token or a challenge does.
const MAX_WORD: usize = 256;

/// What Microsoft's side says in words, for log and administrator: at most 1,024 characters, none of them a control
/// character, and nothing in it that looks like a token or a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Remark(String);

impl Remark {
    /// A remark that repeats no part of `secrets`.
    pub(super) fn new(text: &str, secrets: &[&str]) -> Self {
        let mut text = Zeroizing::new(text.to_owned());
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = Zeroizing::new(text.replace(secret, "[redacted]"));
        }
        let words = text.split_inclusive(char::is_whitespace).map(|word| {
            let is_long = word.chars().nth(MAX_WORD).is_some();
            if is_long { "[long] " } else { word }
        });
        Self(words.flat_map(str::chars).map(printable).take(MAX_REMARK).collect())
    }

    pub(super) fn cut(self, characters: usize) -> Self {
        Self(self.0.chars().take(characters).collect())
    }

    /// The text, maybe empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A space for what a terminal or a console would not show as it is: control characters, marks of text direction.
pub(super) fn printable(character: char) -> char {
    match character {
        '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' => ' ',
        other if other.is_control() => ' ',
        other => other,
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
