//! Appends to a file of JSON lines. A crash between the append and its mark in the queue does not
//! repeat the line: the end of the file is looked at first.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::Message;

/// How much of the end is looked at: the last line fits many times.
const TAIL: u64 = 64 * 1024;

/// Appends a message, unless the last line is it already.
pub(super) fn append(path: &Path, message: &Message) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let mut file = options.open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let body = message.body.as_bytes();
    let last = tail
        .strip_suffix(b"\n")
        .and_then(|tail| tail.rsplit(|byte| *byte == b'\n').next());
    if last == Some(body) {
        return Ok(());
    }
    let mut line = Vec::with_capacity(body.len() + 2);
    // A line that a crash cut short is ended first, so that it spoils nothing but itself.
    if tail.last().is_some_and(|last| *last != b'\n') {
        line.push(b'\n');
    }
    line.extend_from_slice(body);
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Sender;

    fn message(nonce: &str) -> Message {
        let sender = Sender {
            name: "audit.example".into(),
            organisation: "Example".into(),
            url: None,
        };
        Message::test(&sender, nonce, 1_800_000_000)
    }

    #[test]
    fn a_repeated_message_is_one_line_and_a_torn_line_spoils_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts.jsonl");
        append(&path, &message("1")).unwrap();
        append(&path, &message("1")).unwrap();
        append(&path, &message("2")).unwrap();
        let half = &message("3").body[..20];
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(half.as_bytes());
        std::fs::write(&path, torn).unwrap();
        append(&path, &message("3")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                &message("1").body,
                &message("2").body,
                half,
                &message("3").body
            ]
        );
    }
}
