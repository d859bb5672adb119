//! What the Go project publishes about notes.

use super::*;

#[test]
fn golang_opens_and_rejects_notes() {
    let Some(vectors) = load("golang-mod/note.json") else {
        return;
    };
    let keys = &vectors["keys"];
    for case in list(&vectors["open"]) {
        let known: Vec<_> = list(&case["known"])
            .iter()
            .map(|name| key(&keys[string(name)]["vkey"]))
            .collect();
        if case["msg_rule"].is_string() {
            let one = string(&vectors["sig_lines"]["peter"]).repeat(101);
            let text = format!("{}\n{one}", string(&vectors["text"]));
            assert!(matches!(
                UnverifiedNote::parse(text.as_bytes()),
                Err(NoteError::TooManySignatures { .. })
            ));
            continue;
        }
        let opened = note(&case["msg"]).verify(&known);
        if case["ok"] == true {
            let names: Vec<_> = opened
                .unwrap()
                .iter()
                .map(|(key, _)| key.name().to_string())
                .collect();
            let expected: Vec<_> = list(&case["verified"]).iter().map(string).collect();
            assert_eq!(names, expected);
        } else {
            let error = opened.unwrap_err();
            let as_expected = match string(&case["error"]) {
                "note has no verifiable signatures" => error == NoteError::NotSigned,
                text if text.starts_with("ambiguous key") => {
                    matches!(error, NoteError::AmbiguousKey { .. })
                }
                _ => matches!(error, NoteError::InvalidSignature { .. }),
            };
            assert!(as_expected, "{case}: {error}");
        }
    }
    for case in list(&vectors["malformed"]) {
        let bytes = match case["hex"].as_str() {
            Some(hex) => hex::decode(hex).unwrap(),
            None => string(&case["utf8"]).as_bytes().to_vec(),
        };
        assert!(UnverifiedNote::parse(&bytes).is_err(), "{case}");
    }
}

#[test]
fn golang_rejects_changed_keys() {
    let Some(vectors) = load("golang-mod/note.json") else {
        return;
    };
    for case in list(&vectors["vkey_reject"]) {
        if let Some(text) = case["vkey"].as_str() {
            assert!(VerifierKey::parse(text).is_err(), "{text}");
        }
    }
    for name in ["PeterNeumann", "EnochRoot"] {
        let text = string(&vectors["keys"][name]["vkey"]);
        assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
        for start in 0..text.len() {
            for end in start..=text.len() {
                let part = &text[start..end];
                assert!(part == text || VerifierKey::parse(part).is_err(), "{part}");
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes[start] += 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(VerifierKey::parse(&changed).is_err(), "{changed}");
        }
    }
}

#[test]
fn golang_tree_notes() {
    let Some(vectors) = load("golang-mod/tlog.json") else {
        return;
    };
    let origin = Origin::foreign("go.sum database tree").unwrap();
    let parse = |text: &Value| {
        let lines = vec![SignatureLine::parse("— x AAAAAAA=").unwrap()];
        let note = UnverifiedNote::new(string(text), lines).unwrap();
        UnverifiedCheckpoint::parse(&note.to_bytes())
    };
    let tree = &vectors["format_tree"];
    let parsed = parse(&tree["text"]).unwrap();
    assert_eq!(parsed.origin(), &origin);
    assert_eq!(Some(parsed.head().size.get()), tree["n"].as_u64());
    for (place, bad) in list(&vectors["parse_tree_bad"]).iter().enumerate() {
        match parse(bad) {
            // Another log's checkpoint, so the reader has no key for it.
            Ok(parsed) => assert!(place == 0 && parsed.origin() != &origin),
            Err(error) => assert!(place > 0, "{error}"),
        }
    }
}
