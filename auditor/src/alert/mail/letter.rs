//! What a mail says, as the bytes that are handed to a server.
//!
//! Words that a log or a server chose are in it. Each is one line, bounded, and without control
//! characters; in the headers and in the body they are encoded, so that they make no header, no end of
//! the mail, and no line that looks like the auditor's own.

use std::fmt::Write as _;

use plainsight_specs::codec::to_base64;
use plainsight_specs::hash::sha256;
use plainsight_specs::time::Timestamp;

use super::super::{Message, evidence_path, words_of};
use super::Address;

/// Characters of a subject, at most.
const MAX_SUBJECT: usize = 160;
/// Characters of one line of the text, at most.
const MAX_LINE: usize = 2000;
/// Bytes that one encoded word of a header holds: with its marks, RFC 2047 allows it 75 characters.
const WORD: usize = 42;
/// Characters of a line of the encoded body.
const WIDTH: usize = 76;

/// A mail, whole, with CRLF at the end of each line and no line that begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter(String);

impl Letter {
    /// What is written about this message.
    pub(super) fn of(message: &Message, from: &Address, to: &[Address], now: u64) -> Self {
        let to: Vec<&str> = to.iter().map(Address::as_str).collect();
        let id = sha256(message.id.as_bytes()).to_hex();
        let subject = encoded(&line(&message.summary, MAX_SUBJECT));
        let mut text = format!(
            "From: {}\r\nTo: {}\r\nSubject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}@{}>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            from.as_str(),
            to.join(",\r\n "),
            date(now),
            from.domain(),
        );
        let body = to_base64(body(message).as_bytes());
        for row in body.as_bytes().chunks(WIDTH) {
            text.push_str(&String::from_utf8_lossy(row));
            text.push_str("\r\n");
        }
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What other channels say, a line for each.
fn body(message: &Message) -> String {
    let alert = &message.alert;
    let words = words_of(alert);
    let time =
        |seconds| Timestamp::from_seconds(seconds).map_or_else(String::new, |t| t.to_string());
    let mut lines = vec![
        line(&message.summary, MAX_LINE),
        String::new(),
        format!("What: {}", line(&alert.text, MAX_LINE)),
        format!("About: {}", line(alert.about(), MAX_LINE)),
        format!("Since: {}", time(alert.time)),
        format!("Proven: {}", words.proven),
        format!("Not proven: {}", words.not_proven),
        format!("Next: {}", words.next),
    ];
    if let Some(id) = &message.evidence {
        lines.push(format!("Evidence: {}", evidence_path(id)));
    }
    if let Some((when, reason)) = &alert.acknowledged {
        let reason = line(reason, MAX_LINE);
        lines.push(format!("Acknowledged {}: {reason}", time(*when)));
    }
    if let Some(when) = alert.resolved {
        lines.push(format!("Ended: {}", time(when)));
    }
    lines.push(String::new());
    lines.push(format!("Alert {}, kind {}", alert.id, alert.code));
    lines.join("\r\n") + "\r\n"
}

/// Text as a header's value, folded (RFC 2047).
fn encoded(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", to_base64(word.as_bytes())))
        .collect();
    words.join("\r\n ")
}

/// `Thu, 01 Jan 1970 00:00:00 +0000` (RFC 5322).
fn date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let iso = Timestamp::from_seconds(seconds).map_or_else(String::new, |time| time.to_string());
    let part = |range| iso.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().unwrap_or(1);
    let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or("Jan");
    let day = usize::try_from(seconds / 86_400 % 7).unwrap_or_default();
    let mut text = DAYS.get(day).copied().unwrap_or("Thu").to_owned();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        ", {} {month} {} {} +0000",
        part(8..10),
        part(0..4),
        part(11..19)
    );
    text
}

/// One line of at most so many characters, whatever was in it.
pub(super) fn line(words: &str, most: usize) -> String {
    let mut line: String = words
        .chars()
        .take(most)
        .map(|c| if is_break(c) { ' ' } else { c })
        .collect();
    if words.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// Control characters, and what ends a line or turns its direction.
fn is_break(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 +0000");
    }

    #[test]
    fn a_subject_is_folded_between_characters() {
        let words = encoded(&"ä€🔍x".repeat(40));
        for word in words.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let inner = word.strip_prefix("=?utf-8?B?").unwrap();
            let inner = inner.strip_suffix("?=").unwrap();
            let bytes = plainsight_specs::codec::base64_bytes(inner, 64).unwrap();
            assert!(String::from_utf8(bytes).is_ok(), "{word}");
        }
    }
}
