use std::{fmt, str::FromStr};

use super::EntryKind;

/// Which events are wanted: `message.delivered`, `message.*` or `*`.
#[derive(Clone, PartialEq, Eq)]
pub struct EventPattern(String);

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no event has this name: message.delivered is one, message.* are all about messages, * are all")]
pub struct BadPattern;

impl EventPattern {
    /// Whether an event of this name is wanted.
    pub fn wants(&self, event: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => event.starts_with(start),
            None => event == self.0,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventPattern {
    type Err = BadPattern;

    /// What no event could ever meet is refused: whoever misspells one would wait for ever.
    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let whole = text.strip_suffix('*').is_none_or(|start| start.is_empty() || start.ends_with('.'));
        let pattern = Self(text.to_owned());
        let met = EntryKind::ALL.iter().any(|kind| pattern.wants(kind.event()));
        if whole && met { Ok(pattern) } else { Err(BadPattern) }
    }
}

impl fmt::Debug for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_one_event_all_about_one_thing_or_all() {
        let wants = |pattern: &str, event: &str| pattern.parse::<EventPattern>().unwrap().wants(event);
        assert!(
            wants("message.*", "message.held") && wants("message.held", "message.held") && wants("*", "case.opened")
        );
        assert!(!wants("message.*", "case.opened") && !wants("message.held", "message.delivered"));
        for bad in
            ["", "message", "message.", "mess*", "mesage.*", "message.*.*", ".*", "**", "message.held ", "Message.*"]
        {
            assert_eq!(bad.parse::<EventPattern>(), Err(BadPattern), "{bad}");
        }
    }
}
