use proptest::prelude::*;

use super::*;
use crate::checkpoint::tests::{head, signed};

fn request(old: u64, proof: usize) -> AddCheckpoint {
    AddCheckpoint {
        old: TreeSize::new(old).unwrap(),
        proof: vec![Hash::from_bytes([5; 32]); proof],
        checkpoint: UnverifiedCheckpoint::parse(&signed(head(9, 7)).to_bytes()).unwrap(),
    }
}

fn changed(from: &str, to: &str) -> WitnessError {
    let body = String::from_utf8(request(3, 2).to_bytes()).unwrap();
    assert!(body.contains(from));
    AddCheckpoint::parse(body.replacen(from, to, 1).as_bytes()).unwrap_err()
}

#[test]
fn refuses_malformed_requests() {
    let hash = Hash::from_bytes([5; 32]).to_base64();
    for size in ["03", "+3", "-3", "", " 3", "9223372036854775808"] {
        assert_eq!(
            changed("old 3", &format!("old {size}")),
            WitnessError::OldSize
        );
    }
    assert_eq!(changed("old 3", "new 3"), WitnessError::OldSize);
    assert_eq!(changed("old 3\n", ""), WitnessError::OldSize);
    assert!(matches!(changed(&hash, "AAAA"), WitnessError::Hash(_)));
    assert!(matches!(changed(&hash, " "), WitnessError::Hash(_)));
    assert!(matches!(changed("\n\nlog", "\nlog"), WitnessError::Hash(_)));
    assert!(matches!(
        changed("\n\nlog", "\n\n\nlog"),
        WitnessError::Checkpoint(_)
    ));
    assert!(matches!(
        changed("\n9\n", "\n09\n"),
        WitnessError::Checkpoint(_)
    ));
    assert_eq!(
        AddCheckpoint::parse(format!("old 3\n{hash}\n").as_bytes()),
        Err(WitnessError::NoCheckpoint)
    );
    assert_eq!(AddCheckpoint::parse(b"old 3"), Err(WitnessError::OldSize));
    assert_eq!(
        AddCheckpoint::parse(b"old 3\n\xff"),
        Err(WitnessError::NotUtf8)
    );
}

#[test]
fn sixty_three_hashes_are_the_limit() {
    assert!(AddCheckpoint::parse(&request(3, 63).to_bytes()).is_ok());
    assert_eq!(
        AddCheckpoint::parse(&request(3, 64).to_bytes()),
        Err(WitnessError::LongProof)
    );
}

#[test]
fn the_bound_holds_sixteen_post_quantum_lines() {
    let mut body = request(3, 63).to_bytes();
    let line = SignatureLine {
        name: crate::note::KeyName::parse(&"n".repeat(255)).unwrap(),
        id: crate::note::KeyId::from_bytes([0; 4]),
        body: vec![0; 8 + 4627],
    };
    for _ in 0..16 {
        body.extend_from_slice(format!("{line}\n").as_bytes());
    }
    assert!(body.len() <= MAX_BODY_BYTES);
    assert!(AddCheckpoint::parse(&body).is_ok());
    body.resize(MAX_BODY_BYTES + 1, b'\n');
    assert_eq!(
        AddCheckpoint::parse(&body),
        Err(WitnessError::TooLong {
            limit: MAX_BODY_BYTES
        })
    );
}

#[test]
fn answers_are_lines_and_nothing_else() {
    let line = SignatureLine::parse("— a AAAAAAA=").unwrap();
    let lines = vec![line; MAX_ANSWER_LINES];
    let bytes = cosignature_lines_to_bytes(&lines);
    assert_eq!(parse_cosignature_lines(&bytes), Ok(lines));
    for bad in [
        "",
        "\n",
        "— a AAAAAAA=",
        "— a AAAAAAA=\n\n",
        "\n— a AAAAAAA=\n",
        "— a AAAAAAA=\r\n",
        "text\n\n— a AAAAAAA=\n",
    ] {
        assert!(parse_cosignature_lines(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let many = "— a AAAAAAA=\n".repeat(MAX_ANSWER_LINES + 1);
    assert!(parse_cosignature_lines(many.as_bytes()).is_err());
    let long = vec![b'x'; MAX_ANSWER_BYTES + 1];
    assert!(matches!(
        parse_cosignature_lines(&long),
        Err(WitnessError::TooLong { .. })
    ));
}

#[test]
fn sizes_of_conflicts_are_one_decimal_line() {
    let size = TreeSize::new(42).unwrap();
    assert_eq!(size_to_bytes(size), b"42\n");
    assert_eq!(parse_size(b"42\n"), Ok(size));
    for bad in [
        "42", "042\n", "42\n\n", "42 \n", "\n", "", "+42\n", "42\r\n",
    ] {
        assert_eq!(
            parse_size(bad.as_bytes()),
            Err(WitnessError::Size),
            "{bad:?}"
        );
    }
    assert!(parse_size(&[b'1'; 33]).is_err());
}

proptest! {
    #[test]
    fn requests_print_what_they_parsed(old in 0u64..=codec::MAX_NUMBER, proof in 0usize..=63) {
        let request = request(old, proof);
        let bytes = request.to_bytes();
        let parsed = AddCheckpoint::parse(&bytes).unwrap();
        prop_assert_eq!(&parsed, &request);
        prop_assert_eq!(parsed.to_bytes(), bytes);
    }
}
