//! Regexes of labels and filters, or their absence in a build without them.

/// A regex of this build.
#[cfg(feature = "regex")]
pub struct Regex(regex_lite::Regex);

#[cfg(feature = "regex")]
impl Regex {
    /// Reads it. Errors: why it is none, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let made = regex_lite::Regex::new(text).map_err(|error| format!("not a valid regex: {error}"))?;
        // Its working space is made at the first search.
        made.is_match("");
        Ok(Self(made))
    }

    /// Whether it is found anywhere in the first bytes of a text, at most so many. What is no UTF-8 is U+FFFD
    /// to it; `space` is made to hold three times as much as is tried, so that nothing is allocated.
    pub fn hits(&self, bytes: &[u8], most: usize, space: &mut String) -> bool {
        let tried = bytes.get(..most).unwrap_or(bytes);
        if let Ok(text) = std::str::from_utf8(tried) {
            return self.0.is_match(text);
        }
        space.clear();
        for chunk in tried.utf8_chunks() {
            space.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                space.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.0.is_match(space)
    }
}

/// A regex where this build has none: there is no such value.
#[cfg(not(feature = "regex"))]
pub enum Regex {}

#[cfg(not(feature = "regex"))]
impl Regex {
    /// None. Errors: always.
    pub fn new(_: &str) -> Result<Self, String> {
        Err("this build has no regexes (feature \"regex\")".to_owned())
    }

    /// Never called.
    pub fn hits(&self, _: &[u8], _: usize, _: &mut String) -> bool {
        match *self {}
    }
}
